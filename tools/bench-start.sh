#!/bin/sh
# From command to the first denoising step: bench-start.sh [-n RUNS] VIDEO [FOLDER]
# Of the default model with VIDEO's frames watched (seconds of watching are told apart) and, with a FOLDER that `bench-pytorch.sh -w`
# made (build/whole), of the full LORIS with features and poses given, in bf16. RUNS (5) after one that fills the caches; medians.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
runs=5
while getopts n: option; do
    case $option in
    n) runs=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] && [ $# -le 2 ] && [ -f "$1" ] && { [ $# = 1 ] || [ -f "$2/full.safetensors" ]; } || {
    echo "usage: bench-start.sh [-n RUNS] VIDEO [FOLDER made by bench-pytorch.sh -w]" >&2
    exit 2
}
cmake -S "$top" -B "$top/build/release" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$top/build/release" --target loris-cl >/dev/null
ours=$top/build/release/loris-cl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# "FIRST-STEP WATCHING" in seconds of one run; the lines of -v say when.
start() {
    begun=$(date +%s.%N)
    "$@" 2>&1 >/dev/null | while IFS= read -r line; do
        case $line in
        watch*) echo "${line#watch}" ;;
        *": the first of "*" evaluations begins") date +%s.%N ;;
        esac
    done >"$work/lines"
    awk -v begun="$begun" '$2 == "s" { watched = $1; next } { printf "%.3f %.3f\n", $1 - begun, watched }' "$work/lines" | tail -n 1
}

measure() { # title, command ...
    title=$1
    shift
    start "$@" >/dev/null
    : >"$work/times"
    run=0
    while [ "$run" -lt "$runs" ]; do
        start "$@" >>"$work/times"
        run=$((run + 1))
    done
    [ -s "$work/times" ] || {
        echo "bench-start: $title: no step was made" >&2
        exit 1
    }
    awk '{ printf "%.3f %.3f %.3f\n", $1 - $2, $1, $2 }' "$work/times" | sort -n | awk -v title="$title" '
        { rest[NR] = $1; all[NR] = $2; watched[NR] = $3 }
        END { m = int((NR + 1) / 2); printf "| %s | %.2f | %.2f | %.2f | %.2f to %.2f |\n", title, all[m], watched[m], rest[m], rest[1], rest[NR] }'
}

echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
echo
echo "| model | s to the first step | of which watching | rest | fastest to slowest |"
echo "| --- | --- | --- | --- | --- |"
measure "default" "$ours" run -v --seed 1 -o "$work/sound.wav" "$1"
[ $# = 1 ] || measure "full LORIS, bf16" "$ours" infer -v --model "$2/full.safetensors" --list-i3d "$2/i3d.txt" --list-pose "$2/pose.txt" \
    --out "$work" --preset dance_s25 --pad-tail --sampler dpmpp2m --steps 2 --precision bf16 --seed 1
