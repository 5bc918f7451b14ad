#include "music/styles.h"

#include <math.h>

#define SILENT "................"
#define WHOLE "x..............."
#define HALVES "x.......x......."
#define QUARTERS "x...x...x...x..."
#define EIGHTHS "x.x.x.x.x.x.x.x."
#define SIXTEENTHS "xxxxxxxxxxxxxxxx"
#define BACKBEAT "....x.......x..."
#define OFFBEATS "..x...x...x...x."
#define TUMBAO "x.....x.x.....x."

/* clang-format off */
static const style_profile profiles[STYLE_COUNT] = {
    [STYLE_HOUSE] = {.name = "house", .bpm_low = 116, .bpm_high = 130, .energy = 0.75,
                     .bass = {38, 39, -1}, .harmony = {4, 90, 81, -1}, .lead = {80, 81, -1},
                     .kick = {QUARTERS}, .snare = {BACKBEAT}, .hat = {OFFBEATS},
                     .ghost = {SILENT}, .bass_line = {OFFBEATS, "x..x..x...x...x."},
                     .comping = {OFFBEATS, "...x..x....x..x."},
                     .hat_lane = LANE_OPENHAT, .harmony_velocity = 86, .comping_gate = 0.8, .minor = 0.65,
                     .sevenths = 0.25, .clap = 0.33,
                     .drums_always = true, .fills = true, .crashes = true},
    [STYLE_HIPHOP] = {.name = "hiphop", .bpm_low = 78, .bpm_high = 100, .energy = 0.45,
                      .bass = {33, 38, -1}, .harmony = {4, 2, 11, -1}, .lead = {73, 11, -1},
                      .kick = {"x......x..x.....", "x..x......x.....", "x.....x...xx...."}, .snare = {BACKBEAT},
                      .hat = {EIGHTHS}, .ghost = {".......x.x......", "..x....x.......x"},
                      .bass_line = {"x......x..x.....", "x.........x....."},
                      .comping = {WHOLE, HALVES}, .hat_lane = LANE_HAT, .harmony_velocity = 86, .comping_gate = 0.95,
                      .minor = 0.65, .sevenths = 1, .swing = 0.8, .clap = 0.33, .fills = true},
    [STYLE_POP] = {.name = "pop", .bpm_low = 92, .bpm_high = 126, .energy = 0.6,
                   .bass = {33, 34, -1}, .harmony = {0, 25, 4, -1}, .lead = {73, 80, 26, -1},
                   .kick = {HALVES, "x.....x.x.......", "x.......x.x....."}, .snare = {BACKBEAT}, .hat = {EIGHTHS},
                   .ghost = {SILENT, ".......x.......x"}, .bass_line = {TUMBAO, QUARTERS},
                   .comping = {HALVES, QUARTERS}, .hat_lane = LANE_HAT,
                   .harmony_velocity = 86, .comping_gate = 0.92, .minor = 0.4, .sevenths = 0.25, .clap = 0.33,
                   .fills = true,
                   .crashes = true},
    [STYLE_FUNK] = {.name = "funk", .bpm_low = 92, .bpm_high = 118, .energy = 0.65,
                    .bass = {36, 33, -1}, .harmony = {16, 4, -1}, .lead = {61, 65, -1},
                    .kick = {"x..x......x.....", "x.....x...x.....", "x.x.......x..x.."}, .snare = {BACKBEAT},
                    .hat = {EIGHTHS, SIXTEENTHS}, .ghost = {".......x.x.x....", "..x....x.x.....x"},
                    .bass_line = {"x..x..x...x...x."},
                    .comping = {"..x..x...x....x.", "...x...x..x....x"}, .hat_lane = LANE_HAT,
                    .harmony_velocity = 80, .comping_gate = 0.92, .minor = 0.4, .sevenths = 1, .fills = true},
    [STYLE_ROCK] = {.name = "rock", .bpm_low = 100, .bpm_high = 148, .energy = 0.85,
                    .bass = {34, 33, -1}, .harmony = {29, 30, 27, -1}, .lead = {29, 30, -1},
                    .kick = {HALVES, "x.x.....x.......", "x.......x.x....."}, .snare = {BACKBEAT}, .hat = {EIGHTHS},
                    .ghost = {SILENT}, .bass_line = {EIGHTHS}, .comping = {HALVES, QUARTERS}, .hat_lane = LANE_HAT,
                    .harmony_velocity = 86, .comping_gate = 0.92, .minor = 0.65, .sevenths = 0.25,
                    .drums_always = true, .fills = true,
                    .crashes = true},
    [STYLE_JAZZ] = {.name = "jazz", .bpm_low = 100, .bpm_high = 168, .energy = 0.4,
                    .bass = {32, -1}, .harmony = {0, 26, -1}, .lead = {65, 56, 66, -1},
                    .kick = {WHOLE}, .snare = {SILENT}, .hat = {"x...x.x.x...x.x."},
                    .ghost = {"......x.........", "..........x...x."}, .bass_line = {QUARTERS},
                    .comping = {"x.....x.........", "......x.......x."}, .hat_lane = LANE_RIDE,
                    .harmony_velocity = 86, .comping_gate = 0.8,
                    .minor = 0.4, .sevenths = 1, .swing = 0.8, .walking_bass = true, .lead_always = true},
    [STYLE_LATIN] = {.name = "latin", .bpm_low = 88, .bpm_high = 124, .energy = 0.65,
                     .bass = {32, 33, -1}, .harmony = {24, 0, -1}, .lead = {56, 73, -1},
                     .kick = {TUMBAO, HALVES}, .snare = {SILENT, BACKBEAT}, .hat = {EIGHTHS},
                     .ghost = {SILENT, "...x..x....x..x."}, .bass_line = {TUMBAO},
                     .comping = {"x..x..x...x.x..."}, .hat_lane = LANE_SHAKER, .harmony_velocity = 86,
                     .comping_gate = 0.85,
                     .minor = 0.4, .sevenths = 1, .fills = true, .clave = true},
    [STYLE_AMBIENT] = {.name = "ambient", .bpm_low = 58, .bpm_high = 84, .energy = 0.1,
                       .bass = {39, -1}, .harmony = {89, 95, 91, -1}, .lead = {98, 92, -1},
                       .kick = {SILENT}, .snare = {SILENT}, .hat = {SILENT}, .ghost = {SILENT}, .bass_line = {WHOLE},
                       .comping = {WHOLE},
                       .hat_lane = LANE_HAT, .harmony_velocity = 88, .comping_gate = 0.97, .minor = 0.65,
                       .sevenths = 0.25,
                       .lead_always = true},
    [STYLE_ORCHESTRAL] = {.name = "orchestral", .bpm_low = 72, .bpm_high = 124, .energy = 0.35,
                          .bass = {43, 42, -1}, .harmony = {48, 49, -1}, .lead = {60, 68, 73, -1},
                          .kick = {HALVES, WHOLE}, .snare = {SILENT}, .hat = {SILENT}, .ghost = {SILENT},
                          .bass_line = {HALVES},
                          .comping = {WHOLE, HALVES, QUARTERS}, .hat_lane = LANE_HAT, .harmony_velocity = 86,
                          .comping_gate = 0.95,
                          .minor = 0.4, .sevenths = 0.25, .fills = true, .crashes = true, .timpani = true},
    [STYLE_FREE] = {.name = "free", .energy = 0.4,
                    .bass = {39, -1}, .harmony = {89, -1}, .lead = {12, 46, 11, -1},
                    .ghost = {SILENT}, .hat_lane = LANE_HAT, .harmony_velocity = 86, .comping_gate = 0.9,
                    .minor = 0.65, .sevenths = 0.25},
};
/* clang-format on */

const style_profile *style_profile_of(style s) {
    return &profiles[s];
}

double style_centre_bpm(const style_profile *p) {
    return sqrt(p->bpm_low * p->bpm_high);
}

double style_fold_bpm(const style_profile *p, double bpm) {
    double centre = style_centre_bpm(p);
    if (centre <= 0 || (bpm >= p->bpm_low && bpm <= p->bpm_high))
        return bpm;
    return ldexp(bpm, (int)lround(log2(centre / bpm)));
}
