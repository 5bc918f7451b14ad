#include <stdlib.h>

#include "fuzz_entry.h"
#include "fuzz_targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    loris_status status = LORIS_OK;
    if (fuzz_checkpoint(data, size, &status))
        abort();
    return 0;
}
