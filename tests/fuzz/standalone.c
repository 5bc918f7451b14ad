/* Runs a fuzz entry on the files named: to repeat a finding without libFuzzer, in a debugger or under valgrind. */
#include <stdio.h>
#include <stdlib.h>

#include "core/file.h"
#include "fuzz_entry.h"

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        char *data;
        size_t size;
        if (file_read(argv[i], (size_t)1 << 30, &data, &size) != LORIS_OK) {
            fprintf(stderr, "%s\n", loris_error_message());
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        free(data);
        printf("%s: fine\n", argv[i]);
    }
    return 0;
}
