"""Cost of decoding: ``python benchmarks/decode.py``.

CPU milliseconds per person (17 heatmaps of 72x96, width x height) from heatmaps to crop px.
``blur11`` is the time that DARK would need to blur whole maps. The decoders take turns on one
thread, so that other work on the machine affects all of them; the medians are printed. Target: at
most 0.25 ms per person for DARK. For a batch of one, most of the time is the overhead of PyTorch
calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import cv2
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from fidip.codecs.decoders import argmax_decode, dark_decode, quarter_decode
from fidip.codecs.gaussian import HeatmapCodec

INPUT_WH, HEATMAP_WH, SIGMA = (288, 384), (72, 96), 3
BATCHES, ROUNDS = (1, 8, 32, 64), 30
DECODERS = {
    "argmax": argmax_decode,
    "quarter": quarter_decode,
    "dark11": dark_decode,
    "dark17": partial(dark_decode, kernel=17),
}


def make_heatmaps(people: int) -> Tensor:
    """Return (people, 17, 96, 72) Gaussians with a little noise."""
    torch.manual_seed(0)
    joints = torch.rand(people, 17, 2) * torch.tensor(INPUT_WH)
    codec = HeatmapCodec(INPUT_WH, HEATMAP_WH, SIGMA, argmax_decode)
    heatmaps, _ = codec.encode(joints, torch.ones(people, 17))
    return heatmaps + 0.01 * torch.randn_like(heatmaps)


def blur_whole_maps(heatmaps: Tensor) -> Tensor:
    """Blur heatmaps with an 11 px kernel, first columns and then rows."""
    kernel = torch.from_numpy(cv2.getGaussianKernel(11, 0, cv2.CV_32F))[None, None]
    maps = heatmaps.flatten(0, 1)[:, None]
    return conv2d(conv2d(maps, kernel, padding=(5, 0)), kernel.mT, padding=(0, 5))


def measure(heatmaps: Tensor) -> dict[str, float]:
    """Return the milliseconds per person of each decoder."""
    work: dict[str, Callable[[Tensor], object]] = {
        name: HeatmapCodec(INPUT_WH, HEATMAP_WH, SIGMA, decoder).decode
        for name, decoder in DECODERS.items()
    }
    work["blur11"] = blur_whole_maps
    spent: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, function in work.items():
            started = time.process_time()
            function(heatmaps)
            spent[name].append(time.process_time() - started)
    return {name: 1000 * median(times) / len(heatmaps) for name, times in spent.items()}


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    print("ms a person, by batch size")
    print(f"{'batch':<8}" + "".join(f"{name:>10}" for name in [*DECODERS, "blur11"]))
    for batch in BATCHES:
        rates = measure(make_heatmaps(batch))
        print(f"{batch:<8}" + "".join(f"{rate:10.3f}" for rate in rates.values()))
    print("target: at most 0.25 for dark11 and dark17")


if __name__ == "__main__":
    main()
