#include "core/file.h"

void loris_discard_outputs(void) {
    output_stop();
    output_discard_all();
}
