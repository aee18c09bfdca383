"""Frames per second of ``fidip predict`` on a video: ``python benchmarks/predict.py [FRAMES [net ...]]``.

The pipeline (decoding and following; then decoding, overlay and H.264) on a 1280x720 clip, against the net alone on its best
batch of ready crops, two a frame as of the flip test. Torch and ONNX Runtime, one thread for the net.
Weights are random, as time does not depend on them. ``share`` is by the clock, and right where two
cores are free; ``own share`` is by the CPU time of the thread that computes, which a busy machine leaves
alone: the other threads' work is not in it. Memory is the process's peak after a tenth of the frames
and at the end. Target: at least 0.95 of the net alone, and no more memory at the end.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from fidip.heatmap import HeatmapCodec
from fidip.inference import Finder, Predictor, Video, VideoWriter, prefetch
from fidip.inference.overlay import Overlay
from fidip.inference.replay import draw_track
from fidip.inference.runtime import RUNTIMES, Runtime, make_runtime
from fidip.nn import PoseNet
from fidip.predict import as_track
from fidip.trained import composed, instantiate

WH = (1280, 720)
BATCHES = (2, 8)
NETS = {"vitpose_s": "udp_192x256"}
SEARCHES = 2  # frames before the clock starts: the first is searched all over


def write_clip(path: Path, frames: int) -> None:
    """A camera that pans over blurred noise."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (WH[1] + 40, WH[0] + 40, 3)).astype(np.uint8)
    scene = cv2.GaussianBlur(noise, (0, 0), 4)
    with VideoWriter(path) as writer:
        for i in range(frames):
            x, y = i % 40, i // 2 % 40
            writer.write(np.ascontiguousarray(scene[y : y + WH[1], x : x + WH[0]]), i / 30)


def make_net(name: str, codec: str) -> tuple[PoseNet, HeatmapCodec]:
    """A net with random weights that is sure enough of itself never to be lost."""
    torch.manual_seed(0)
    config = composed([f"net={name}", f"codec={codec}"])
    net: PoseNet = instantiate(config.net)
    torch.nn.init.normal_(net.head.final_layer.weight, std=0.02)
    torch.nn.init.constant_(net.head.final_layer.bias, 0.8)
    return net, instantiate(config.codec)


def clocks() -> np.ndarray:
    """Seconds by the clock, and of this thread's CPU time."""
    return np.array([time.perf_counter(), time.thread_time()])


def alone(runtime: Runtime, codec: HeatmapCodec) -> np.ndarray:
    """Frames per second of the net on its best batch, by either clock."""
    best = np.zeros(2)
    for batch in BATCHES:
        crops = torch.randint(0, 256, (batch, 3, *codec.input_wh[::-1]), dtype=torch.uint8)
        runtime(crops)
        started, rounds = clocks(), 12 // batch + 1
        for _ in range(rounds):
            runtime(crops)
        best = np.maximum(best, rounds * batch / 2 / (clocks() - started))
    return best


def pipeline(runtime: Runtime, codec: HeatmapCodec, clip: Path) -> tuple[np.ndarray, float, float]:
    """Frames per second by either clock, and peak MiB after a tenth of the frames and at the end."""
    video = Video(clip)
    finder, times, poses = Finder(Predictor(runtime, codec)), [], []
    early, started = 0.0, clocks()
    for frame in prefetch(video):
        poses.append(finder(frame.image))
        times.append(frame.time)
        if frame.index == SEARCHES - 1:
            started = clocks()
        if frame.index == max(SEARCHES, video.count // 10):
            early = peak()
    with VideoWriter(clip.with_name("out.mp4"), clip) as writer:
        draw_track(clip, as_track(times, poses, WH, lost=0.0), Overlay(), writer, fps=1.0)
    return (video.count - SEARCHES) / (clocks() - started), early, peak()


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(
        f"{'net':<12}{'runtime':<9}{'alone':>9}{'pipeline':>10}{'share':>7}{'own share':>11}{'MiB early':>11}{'at end':>8}"
    )
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(clip, frames)
        for name in sys.argv[2:] or NETS:
            net, codec = make_net(name, NETS.get(name, "udp_192x256"))
            for kind in RUNTIMES:
                runtime = make_runtime(kind, net, codec, "cpu")
                bare = alone(runtime, codec)
                rate, early, late = pipeline(runtime, codec, clip)
                print(
                    f"{name:<12}{kind:<9}{bare[0]:9.2f}{rate[0]:10.2f}{rate[0] / bare[0]:7.2f}{rate[1] / bare[1]:11.2f}{early:11.0f}{late:8.0f}"
                )
    print("frames per second; target: a share of 0.95, and as much memory at the end as early")


if __name__ == "__main__":
    main()
