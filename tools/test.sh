#!/bin/sh
# Set-up, build (warnings are errors), all tests.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/tools/setup.sh" --tests
cmake -S "$top" -B "$top/build/test" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLORIS_WERROR=ON >/dev/null
cmake --build "$top/build/test"
ctest --test-dir "$top/build/test" --output-on-failure --no-tests=error "$@"
