#!/bin/sh
# Installs what loris-cl is built from, where it is missing: a compiler, CMake, Ninja, and the libraries of third_party/README.md.
# Debian and Ubuntu by apt-get; elsewhere it lists what to install. Running it again changes nothing.
set -eu

# One line a need: how to tell that it is there | Debian package
needs='
command:cc|gcc
command:cmake|cmake
command:ninja|ninja-build
command:pkg-config|pkg-config
pkg-config:OpenCL|ocl-icd-opencl-dev
header:CL/cl.h|opencl-headers
icd:|pocl-opencl-icd
header:clblast_c.h|libclblast-dev
header:dnnl.h|libdnnl-dev
pkg-config:sndfile|libsndfile1-dev
pkg-config:libavformat|libavformat-dev
pkg-config:libavcodec|libavcodec-dev
pkg-config:libavutil|libavutil-dev
pkg-config:libswscale|libswscale-dev
pkg-config:libswresample|libswresample-dev
pkg-config:libebur128|libebur128-dev
pkg-config:cmocka|libcmocka-dev
'

# Is this need met?
there() {
    case $1 in
    command:*) command -v "${1#command:}" >/dev/null 2>&1 ;;
    pkg-config:*) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "${1#pkg-config:}" ;;
    header:*) command -v cc >/dev/null 2>&1 && echo "#include <${1#header:}>" | cc -DCL_TARGET_OPENCL_VERSION=120 -E -xc - >/dev/null 2>&1 ;;
    icd:*) [ -n "${OCL_ICD_VENDORS:-}" ] || ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1 ;;
    esac
}

missing=
for need in $needs; do
    there "${need%%|*}" || missing="$missing ${need#*|}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: please install the equivalents of these Debian packages:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "setup: run as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "setup: installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
for need in $needs; do
    there "${need%%|*}" || {
        echo "setup: ${need#*|} is installed, but ${need%%|*} is still not found" >&2
        exit 1
    }
done
