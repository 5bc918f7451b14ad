#include "wrong_kernels.h"

#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "core/file.h"
#include "core/text.h"
#include "scratch.h"

const char *wrong_silu(const char *name) {
    const char *folder = scratch(name);
    char path[4096], *data;
    size_t size;
    assert_ok(folder_make(folder, 0777));
    assert_ok(file_read(LORIS_KERNELS "/common.clh", 1u << 20, &data, &size));
    const char *silu = strstr(data, "return x / (1.0f + exp(-x));");
    assert_non_null(silu);
    text changed = {0};
    text_append(&changed, data, (size_t)(silu - data));
    text_printf(&changed, "return 1.01f * %s", silu + strlen("return "));
    snprintf(path, sizeof path, "%s/common.clh", folder);
    scratch_write(path, changed.data, changed.length);
    free(data);
    text_free(&changed);
    return folder;
}
