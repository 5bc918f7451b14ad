#!/bin/sh
# Installs what loris-cl is built from, where it is missing: a compiler, CMake, Ninja, and the libraries of third_party/README.md;
# with --tests also what its tests need: compilers for GPUs that are not there (tools/compile-kernels.sh). Debian and Ubuntu by
# apt-get, NVIDIA's assembler, which Debian lacks, from PyPI into build/ptxas; elsewhere it lists what to install. Running it again
# changes nothing.
set -eu
case ${1-} in
'') tests=no ;;
--tests) tests=yes ;;
*)
    echo "setup: usage: setup.sh [--tests]" >&2
    exit 2
    ;;
esac
top=$(cd "$(dirname "$0")/.." && pwd)

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
test_needs='
command:clang-16|clang-16
file:/usr/lib/clc/nvptx64--nvidiacl.bc|libclc-15
file:/usr/lib/*/amdgcn/bitcode/ocml.bc|rocm-device-libs
command:clang-15|clang-15
command:llvm-spirv-15|llvm-spirv-15
command:spirv-val|spirv-tools
pip:|python3-pip
'
[ "$tests" = no ] || needs="$needs$test_needs"

# Is this need met?
there() {
    case $1 in
    command:*) command -v "${1#command:}" >/dev/null 2>&1 ;;
    pkg-config:*) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "${1#pkg-config:}" ;;
    header:*) command -v cc >/dev/null 2>&1 && echo "#include <${1#header:}>" | cc -DCL_TARGET_OPENCL_VERSION=120 -E -xc - >/dev/null 2>&1 ;;
    file:*) ls ${1#file:} >/dev/null 2>&1 ;; # may be a pattern
    pip:*) python3 -m pip --version >/dev/null 2>&1 ;;
    icd:*) [ -n "${OCL_ICD_VENDORS:-}" ] || ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1 ;;
    esac
}

missing=
for need in $needs; do
    there "${need%%|*}" || missing="$missing ${need#*|}"
done

# The last release whose ptxas knows sm_70 as well as sm_90.
install_ptxas() {
    if [ "$tests" = no ] || [ -x "$top/build/ptxas/nvidia/cuda_nvcc/bin/ptxas" ]; then
        return 0
    fi
    echo "setup: installing ptxas"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$top/build/ptxas" \
        nvidia-cuda-nvcc-cu12==12.9.86
    chmod +x "$top/build/ptxas/nvidia/cuda_nvcc/bin/ptxas"
}

if [ -z "$missing" ]; then
    install_ptxas
    exit 0
fi

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
install_ptxas
