#!/bin/sh
# The full LORIS beside PyTorch: bench-pytorch.sh [-r ROUNDS] [-l LOG2] [-w EVALUATIONS] [-s SECONDS] [-p PYTHON] REFERENCE
# A guided evaluation at 2^LOG2 samples (19), each side with 2 threads, in turns A B A B .. ROUNDS times (3); medians. REFERENCE is the
# folder of the PyTorch reference (loris_ref.py, full_size.py, synth.py). PyTorch comes from PyPI into build/pytorch, unless PYTHON
# has it. A measurement that takes more than SECONDS (120) counts as failed. Let nothing else run meanwhile.
# With -w a whole clip of 25 s instead: loris-cl from command to sound in bf16 with 20 steps of dpmpp2m, beside the published way,
# PyTorch in f32 with the 98 guided evaluations of adpm2, of which EVALUATIONS are made in each round and the others counted at their
# median; 98 makes them all, and SECONDS count for each. The made-up checkpoint stays in build/whole (6.3 GB).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
rounds=3 log2=19 limit=120 python= made=
while getopts r:l:w:s:p: option; do
    case $option in
    r) rounds=$OPTARG ;;
    l) log2=$OPTARG ;;
    w) made=$OPTARG ;;
    s) limit=$OPTARG ;;
    p) python=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# = 1 ] && [ -f "$1/full_size.py" ] && [ -f "$1/loris_ref.py" ] || {
    echo "usage: bench-pytorch.sh [-r ROUNDS] [-l LOG2] [-w EVALUATIONS] [-s SECONDS] [-p PYTHON] REFERENCE (a folder with full_size.py and loris_ref.py)" >&2
    exit 2
}
reference=$(cd "$1" && pwd)
[ -d "$top/tests/data/full-$log2" ] || {
    echo "bench-pytorch: there is no tests/data/full-$log2" >&2
    exit 2
}
published=98 # evaluations of preset dance_s25: 49 updates of adpm2
case $made in
*[!0-9]* | 0)
    echo "bench-pytorch: -w takes 1 to $published evaluations" >&2
    exit 2
    ;;
esac
[ -z "$made" ] || limit=$((limit * (made + 1))) # the first warms up
threads=2
cmake -S "$top" -B "$top/build/release" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$top/build/release" --target loris-cl >/dev/null
ours=$top/build/release/loris-cl
if [ -z "$python" ]; then
    python=$top/build/pytorch/bin/python
    if ! "$python" -c 'import torch, numpy, safetensors' 2>/dev/null; then
        python3 -m venv "$top/build/pytorch"
        "$python" -m pip install --quiet --disable-pip-version-check torch numpy safetensors
    fi
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The first two processors, for both sides.
pinned() {
    if command -v taskset >/dev/null 2>&1; then
        timeout "$limit" taskset -c 0-$((threads - 1)) "$@"
    else
        timeout "$limit" "$@"
    fi
}

# A row "NAME SECONDS" for each measured run in $work/times; a failure is told and leaves none.
peer() { # name, mode, precision, evaluations
    if OMP_NUM_THREADS=$threads pinned "$python" "$top/tools/pytorch/peer.py" "$reference" "$2" "$log2" "$3" "$4" >"$work/out" 2>"$work/err"; then
        for seconds in $(cat "$work/out"); do echo "$1 $seconds" >>"$work/times"; done
    else
        echo "bench-pytorch: $1: $(tail -n 1 "$work/err") (or more than $limit s)" >&2
    fi
}

# Of the evaluations that verify times, the one after drivers have compiled.
own() { # name, precision
    if POCL_MAX_PTHREAD_COUNT=$threads pinned "$ours" verify -v --precision "$2" "$top/tests/data/full-$log2" >"$work/out" 2>"$work/err"; then
        seconds=$(sed -n 's/.*: a guided evaluation took \([0-9.]*\) s.*/\1/p' "$work/err" | tail -n 1)
        [ -z "$seconds" ] || echo "$1 $seconds" >>"$work/times"
    else
        echo "bench-pytorch: $1: $(tail -n 1 "$work/err") (or more than $limit s)" >&2
    fi
}

# Makes the checkpoint, features and poses of which both sides generate 25 s, once.
make_whole() {
    whole=$top/build/whole
    [ -f "$whole/full.safetensors" ] && return
    mkdir -p "$whole"
    echo "bench-pytorch: making weights up in $whole" >&2
    "$python" "$reference/full_size.py" weights "$whole/checkpoint.safetensors"
    "$python" "$top/tools/pytorch/peer.py" "$reference" clip "$whole"
    echo i3d.npy >"$whole/i3d.txt"
    echo pose.npy >"$whole/pose.txt"
    "$ours" convert -q "$whole/checkpoint.safetensors" "$whole/part.safetensors"
    rm "$whole/checkpoint.safetensors"
    mv "$whole/part.safetensors" "$whole/full.safetensors"
}

own_whole() {
    start=$(date +%s.%N)
    if POCL_MAX_PTHREAD_COUNT=$threads pinned "$ours" infer -q --model "$whole/full.safetensors" --list-i3d "$whole/i3d.txt" \
        --list-pose "$whole/pose.txt" --out "$work" --preset dance_s25 --pad-tail --sampler dpmpp2m --steps 20 --precision bf16 --seed 1 \
        2>"$work/err"; then
        echo "loris $(date +%s.%N) $start" | awk '{ printf "%s %.2f\n", $1, $2 - $3 }' >>"$work/times"
    else
        echo "bench-pytorch: loris-cl: $(tail -n 1 "$work/err") (or more than $limit s)" >&2
    fi
}

: >"$work/times"
[ -z "$made" ] || make_whole
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
round=0
while [ "$round" -lt "$rounds" ]; do
    if [ -n "$made" ]; then
        own_whole
        peer evaluation plain f32 "$made"
    else
        own loris-f32 f32
        peer pytorch-f32 plain f32 1
        own loris-bf16 bf16
        peer pytorch-bf16 plain bf16 1
        peer pytorch-cached-f32 cached f32 1
        peer pytorch-cached-bf16 cached bf16 1
    fi
    round=$((round + 1))
    echo "bench-pytorch: round $round of $rounds done" >&2
done

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$processor, $threads threads each, load $load_before before and $(cut -d' ' -f1-3 /proc/loadavg) after, PyTorch $("$python" -c 'import torch; print(torch.__version__)')"
echo
awk -v log2="$log2" -v made="$made" -v published="$published" '
    { times[$1, ++count[$1]] = $2 + 0 }
    function median(name,   n, i, j, t, v) {
        n = count[name]
        for (i = 1; i <= n; i++) v[i] = times[name, i]
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
        return n ? (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) / 2 : 0
    }
    function factor(peer, own) { return median(own) > 0 && median(peer) > 0 ? sprintf("%.2f", median(peer) / median(own)) : "-" }
    function row(title, name,   i, all) {
        for (i = 1; i <= count[name]; i++) all = all (i > 1 ? ", " : "") sprintf("%.2f", times[name, i])
        printf "| %s | %s | %s | %s | %s |\n", title, count[name] ? sprintf("%.2f", median(name)) : "failed", all, factor(name, "loris-f32"), factor(name, "loris-bf16")
    }
    function whole(   own, evaluation) {
        own = median("loris")
        evaluation = median("evaluation")
        print "| 25 s of sound | s | how | times loris-cl |"
        print "| --- | --- | --- | --- |"
        printf "| loris-cl bf16, 20 steps of dpmpp2m, from command to sound | %s | median of %d runs | 1 |\n", own ? sprintf("%.1f", own) : "failed", count["loris"]
        printf "| PyTorch f32, %d guided evaluations of adpm2 | %s | %d x median of %d evaluations, %.2f s | %s |\n", published, evaluation ? sprintf("%.0f", published * evaluation) : "failed", published, count["evaluation"], evaluation, own && evaluation ? sprintf("%.1f", published * evaluation / own) : "-"
    }
    END {
        if (made) {
            whole()
            exit
        }
        print "| guided evaluation of 2^" log2 " samples | median s | runs | of loris-cl f32 | of loris-cl bf16 |"
        print "| --- | --- | --- | --- | --- |"
        row("loris-cl f32", "loris-f32")
        row("loris-cl bf16", "loris-bf16")
        row("PyTorch f32", "pytorch-f32")
        row("PyTorch bf16", "pytorch-bf16")
        row("PyTorch f32, conditioning cached", "pytorch-cached-f32")
        row("PyTorch bf16, conditioning cached", "pytorch-cached-bf16")
    }' "$work/times"
names="loris-f32 loris-bf16 pytorch-f32 pytorch-bf16 pytorch-cached-f32 pytorch-cached-bf16"
[ -z "$made" ] || names="loris evaluation"
for name in $names; do
    grep -q "^$name " "$work/times" || exit 1
done
