#!/bin/sh
# Compiles every kernel for GPUs that are not there: compile-kernels.sh [-t TABLE] [-d DUMP-KERNELS]
# AMD gfx906, gfx90a, gfx1100 with the ROCm device library, NVIDIA sm_70, sm_80, sm_90 through ptxas, and SPIR-V, which is
# validated, of the variants for CPUs as well. Fails where a kernel does not compile, leaves a function unresolved, spills
# registers to memory or takes more than 32 KiB of local memory. -t writes the table of registers, local memory and
# occupancy to a file, in Markdown; else it goes to standard output. Needs no more than tools/setup.sh --tests brings.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
table= dump=
while getopts t:d: option; do
    case $option in
    t) table=$OPTARG ;;
    d) dump=$OPTARG ;;
    *) exit 2 ;;
    esac
done
if [ -z "$dump" ]; then
    cmake -S "$top" -B "$top/build/release" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
    cmake --build "$top/build/release" --target dump-kernels >/dev/null
    dump=$top/build/release/dump-kernels
fi
local_limit=32768

give_up() {
    echo "compile-kernels: $1" >&2
    exit 1
}

# ---- tools -----------------------------------------------------------------------------------------------------------

for tool in clang-16 clang-15 llvm-spirv-15 spirv-val spirv-dis readelf; do
    command -v "$tool" >/dev/null 2>&1 || give_up "$tool is missing: run tools/setup.sh --tests"
done
ptxas=
for candidate in "$top/build/ptxas/nvidia/cuda_nvcc/bin/ptxas" "$(command -v ptxas || true)" /usr/local/cuda/bin/ptxas; do
    if [ -z "$ptxas" ] && [ -x "$candidate" ]; then ptxas=$candidate; fi
done
[ -n "$ptxas" ] || give_up "ptxas is missing: run tools/setup.sh --tests"
libclc=/usr/lib/clc/nvptx64--nvidiacl.bc
[ -f "$libclc" ] || give_up "$libclc is missing: run tools/setup.sh --tests"
rocm=
for folder in /usr/lib/*/amdgcn/bitcode /usr/lib/amdgcn/bitcode /opt/rocm/amdgcn/bitcode; do
    if [ -z "$rocm" ] && [ -f "$folder/ocml.bc" ]; then rocm=$folder; fi
done
[ -n "$rocm" ] || give_up "the ROCm device library is missing: run tools/setup.sh --tests"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$dump" "$work" "$top/models/base"
options=$(cat "$work/options")

# ---- AMD -------------------------------------------------------------------------------------------------------------

# $1: processor; $2: the device library's bitcode for its instruction set (Debian's knows none newer than gfx1036: the
# number only chooses between instructions, and gfx1100 has those of gfx1036); $3: on = wavefronts of 64 items, off = 32
amd() {
    link=
    for part in opencl ocml ockl oclc_daz_opt_off oclc_unsafe_math_off oclc_finite_only_off oclc_abi_version_400 \
        oclc_correctly_rounded_sqrt_on "oclc_isa_version_$2" "oclc_wavefrontsize64_$3"; do
        link="$link -Xclang -mlink-builtin-bitcode -Xclang $rocm/$part.bc"
    done
    # shellcheck disable=SC2086 # lists of options
    clang-16 -x cl $options -O3 -target amdgcn-amd-amdhsa -mcpu="$1" -nogpulib $link -S "$work/gpu.cl" -o "$work/$1.s"
    clang-16 -target amdgcn-amd-amdhsa -mcpu="$1" -c "$work/$1.s" -o "$work/$1.o"
    readelf -sW "$work/$1.o" | awk '$7 == "UND" && $8 != "" { print $8 }' >"$work/$1.unresolved"
    # What the assembly says of each function: kernel, vector registers, scalar ones, bytes of memory of an item's own,
    # local memory, waves a SIMD
    awk '
        /^[A-Za-z_][A-Za-z_0-9]*:/ { name = substr($1, 1, length($1) - 1) }
        /^; NumSgprs:/ { scalar = $3 }
        /^; NumVgprs:/ { vector = $3 }
        /^; ScratchSize:/ { scratch = $3 }
        /^; LDSByteSize:/ { shared = $3 }
        /^; Occupancy:/ { print name, vector, scalar, scratch, shared, $3 }' "$work/$1.s" >"$work/$1.used"
}

# ---- NVIDIA ----------------------------------------------------------------------------------------------------------

# $1: processor; $2: KiB of local memory that its work-groups share
nvidia() {
    # shellcheck disable=SC2086 # a list of options
    clang-16 -x cl $options -O3 -target nvptx64-unknown-nvcl -Wno-linker-warnings -Xclang -target-cpu -Xclang "$1" \
        -Xclang -cl-ext=+cl_khr_fp16 -Xclang -mlink-builtin-bitcode -Xclang "$libclc" -S "$work/gpu.cl" -o "$work/$1.ptx"
    awk '/^\.extern \.func/ { print $NF }' "$work/$1.ptx" >"$work/$1.unresolved"
    "$ptxas" -v -arch="$1" "$work/$1.ptx" -o "$work/$1.cubin" 2>"$work/$1.log" || give_up "$1: $(tail -n 1 "$work/$1.log")"
    # Registers are given out in eights to an item and there are 65536; at most 64 warps and 32 groups.
    awk -v shared_kib="$2" '
        FILENAME ~ /kernels$/ { items[$1] = $2; argument[$1] = $3; next }
        /Function properties for/ { name = $NF }
        /bytes stack frame/ { stack = $1; spills = $5 + $9 }
        /Used [0-9]+ registers/ {
            shared = 0
            for (i = 1; i <= NF; i++) {
                if ($i == "registers,") registers = $(i - 1)
                if ($(i + 2) ~ /^smem/) shared = $i
            }
            warps = int((items[name] + 31) / 32)
            groups = int(65536 / (int((registers + 7) / 8) * 8 * 32 * warps))
            held = shared + argument[name]
            if (held > 0 && groups > int(shared_kib * 1024 / held)) groups = int(shared_kib * 1024 / held)
            if (groups > int(64 / warps)) groups = int(64 / warps)
            if (groups > 32) groups = 32
            print name, registers, stack, spills, shared, groups * warps
        }' "$work/gpu.kernels" "$work/$1.log" >"$work/$1.used"
}

# ---- SPIR-V ----------------------------------------------------------------------------------------------------------

spirv() {
    for kind in gpu cpu; do
        # shellcheck disable=SC2086 # a list of options
        clang-15 -x cl $options -O0 -Xclang -disable-llvm-passes -target spir64 -emit-llvm -c "$work/$kind.cl" -o "$work/$kind.bc"
        llvm-spirv-15 --spirv-max-version=1.0 "$work/$kind.bc" -o "$work/$kind.spv"
        spirv-val --target-env opencl1.2 "$work/$kind.spv"
        # Variables such as the global id are imported by design.
        spirv-dis "$work/$kind.spv" | awk '/LinkageAttributes .* Import/ && !/__spirv_BuiltIn/ { print $4 }' >"$work/spirv-$kind.unresolved"
    done
}

# Two at a time; a failure of any fails the whole.
together() {
    "$@" &
    if [ -n "${other:-}" ]; then
        wait "$other"
        other=
        wait $!
    else
        other=$!
    fi
}
other=
together amd gfx906 906 on
together nvidia sm_70 96
together amd gfx90a 90a on
together nvidia sm_80 164
together amd gfx1100 1036 off
together nvidia sm_90 228
spirv

# ---- verdict and table -----------------------------------------------------------------------------------------------

for list in "$work"/*.unresolved; do
    if [ -s "$list" ]; then
        name=${list##*/}
        give_up "${name%.unresolved}: unresolved: $(tr '\n' ' ' <"$list")"
    fi
done

# Lines "TARGET KERNEL REGISTERS ...", then the list of kernels.
for target in gfx906 gfx90a gfx1100 sm_70 sm_80 sm_90; do
    sed "s/^/$target /" "$work/$target.used"
done >"$work/all.used"
status=0
awk -v limit="$local_limit" '
    BEGIN {
        count = split("gfx906 gfx90a gfx1100 sm_70 sm_80 sm_90", target)
        print "| kernel | macros | items | local bytes | gfx906 | gfx90a | gfx1100 | sm_70 | sm_80 | sm_90 |"
        print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    }
    function complain(text) {
        print "compile-kernels: " text >"/dev/stderr"
        failed = 1
    }
    FILENAME ~ /used$/ {
        amd = $1 ~ /^gfx/
        cell[$1, $2] = amd ? $3 " / " $4 " / " $7 : $3 " / " $7
        spilled[$1, $2] = $5
        if ($6 > shared[$2]) shared[$2] = $6
        next
    }
    {
        macros = ""
        for (i = 6; i <= NF; i++) macros = macros (i > 6 ? " " : "") $i
        bytes = shared[$1] + $3
        line = "| " $4 " (" $5 ") | " macros " | " $2 " | " bytes
        for (t = 1; t <= count; t++) {
            if (!((target[t], $1) in cell)) complain($4 " " macros ": not found among the kernels of " target[t])
            if (spilled[target[t], $1] > 0)
                complain($4 " " macros ": spills " spilled[target[t], $1] " bytes on " target[t])
            line = line " | " cell[target[t], $1]
        }
        if (bytes > limit) complain($4 " " macros ": " bytes " bytes of local memory, more than " limit)
        print line " |"
    }
    END { exit failed }' "$work/all.used" "$work/gpu.kernels" >"$work/table" || status=1
if [ -n "$table" ]; then
    cp "$work/table" "$table"
else
    cat "$work/table"
fi
exit "$status"
