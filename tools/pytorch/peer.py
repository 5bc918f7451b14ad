"""One timed measurement of the PyTorch reference: peer.py REFERENCE plain|cached LOG2 f32|bf16 RUNS

REFERENCE is the folder that holds loris_ref.py, full_size.py and synth.py. A measurement is a guided evaluation (conditional
and null) of the full LORIS U-Net at 2^LOG2 samples on made-up weights, as full_size.py times it. `cached` gives PyTorch what
loris-cl has: what depends on the clip alone (rhythm tokens, keys and values of every cross attention, of the null as well) is
made once, before the clock runs. Prints the seconds of each run but the first, separated by spaces.

peer.py REFERENCE clip FOLDER writes i3d.npy and pose.npy of a made-up clip of 25 s, as LORIS' dance data sets hold them.
"""
import sys
import time

import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
import full_size  # noqa: E402
import loris_ref as R  # noqa: E402


class Cache:
    """Stands in for R.hawkes and R.cross_attention: the first evaluation fills it, later ones read it."""

    def __init__(self):
        self.tokens, self.keys, self.fill = {}, {}, True
        self.hawkes, self.calls = R.hawkes, 0
        R.hawkes, R.cross_attention = self.get_tokens, self.cross

    def get_tokens(self, sd, p, peaks, heads):
        if self.fill:
            self.tokens[p] = self.hawkes(sd, p, peaks, heads)
        return self.tokens[p]

    def cross(self, sd, p, x, context, heads):
        key = (p, self.calls)
        self.calls += 1
        if self.fill:
            c = R.layer_norm(context, sd[p + "norm_context.g"])
            self.keys[key] = c @ sd[p + "to_kv.weight"].T
        n = R.layer_norm(x.transpose(1, 2), sd[p + "norm_in.g"])
        return R.attention(sd, p, n @ sd[p + "to_q.weight"].T, self.keys[key], heads).transpose(1, 2)


def write_clip(folder):
    """50 windows of I3D features, and 400 frames (16 a second) of 17 joints (x, y, confidence) that sway twice a second."""
    chance = np.random.default_rng(1)
    np.save(f"{folder}/i3d.npy", chance.standard_normal((50, 1024), np.float32))
    time_of_frame = np.arange(400)[:, None, None] / 16
    joints = chance.uniform(60, 240, (1, 17, 2)) + 20 * np.sin(2 * np.pi * (2 * time_of_frame + chance.random((1, 17, 2))))
    np.save(f"{folder}/pose.npy", np.concatenate([joints, np.ones((400, 17, 1))], 2).astype(np.float32))


@torch.inference_mode()
def main(_, mode, log2, precision, runs):
    cfg, sd = R.UNetConfig(), full_size.weights()
    x, tokens, peaks = full_size.inputs(int(log2))
    null = R.null_context(sd, cfg, 1, 50, 398, False)
    both = lambda a, b: torch.cat([a, b])
    c_noise = torch.tensor([-0.4])
    x, c_noise = both(x, x), both(c_noise, c_noise)
    context = (both(tokens, null[0]), both(peaks, null[1]), None)
    cache = Cache() if mode == "cached" else None
    seconds = []
    for _ in range(int(runs) + 1):
        if cache:
            cache.calls = 0
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            R.unet(sd, cfg, x, c_noise, context)
        seconds.append(time.perf_counter() - start)
        if cache:
            cache.fill = False
    print(*(f"{s:.3f}" for s in seconds[1:]))


if __name__ == "__main__":
    write_clip(sys.argv[3]) if sys.argv[2] == "clip" else main(*sys.argv[1:])
