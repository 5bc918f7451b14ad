/* What somebody who has installed the library would write first. */
#include <stdio.h>

#include <loris/loris.h>

int main(void) {
    loris_settings settings;
    loris_settings_defaults(&settings);
    puts(loris_version());
    return settings.steps; /* 0: the model's own */
}
