#!/bin/sh
# Set-up, build, main job: gives VIDEO (or the sample video) a soundtrack in the current folder.
#     tools/demo.sh [VIDEO] [OPTIONS of loris-cl]
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/tools/setup.sh"
cmake -S "$top" -B "$top/build/release" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$top/build/release" --target loris-cl
case ${1-} in
'' | -*) set -- "$top/tests/data/videos/salsa-a.mp4" "$@" ;; # no video was named
esac
exec "$top/build/release/loris-cl" "$@"
