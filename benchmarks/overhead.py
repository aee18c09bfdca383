"""Overhead of ``fidip predict`` on a video: ``python benchmarks/overhead.py [FRAMES [net ...]]``.

Compares the pipeline (decoding and tracking; then decoding, overlay and H.264) on a 1280x720 clip
with the network on its best batch of prepared crops, two per frame as in the flip test. It uses
PyTorch and ONNX Runtime with one thread for the network. The weights are random, because they do
not affect the time, and the infant is tracked without interruption, because a search would increase
the network's part.

Pipeline and network take turns, so that other work on the machine affects both; medians are
printed. ``share`` uses wall time and is valid if two cores are free. ``CPU share`` uses the CPU
time of all threads, as if every core computed the network. ``rest`` is the CPU time per frame
outside of the network in ms. Target: shares of 0.95.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from fidip.cli.loading import instantiate, training_config
from fidip.codecs.gaussian import HeatmapCodec
from fidip.inference import Predictor, SinglePersonTracker, Video, VideoWriter, prefetch
from fidip.inference.overlay import Overlay
from fidip.inference.overlay_video import draw_track
from fidip.inference.person_selection import anyone, without_uncertain
from fidip.inference.recorder import Recorder
from fidip.inference.runtime import RUNTIMES, Runtime, make_runtime
from fidip.nn import PoseNet

WH = (1280, 720)
FPS = 30
BATCHES = (2, 8)
TURNS = 5
NETS = {"movenet_lightning": "demo", "vitpose_s": "udp_192x256", "vitpose_b": "udp_192x256"}


def write_clip(path: Path, frames: int, wh: tuple[int, int] = WH) -> None:
    """Write a video of a camera that pans over blurred noise."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (wh[1] + 40, wh[0] + 40, 3)).astype(np.uint8)
    scene = cv2.GaussianBlur(noise, (0, 0), 4)
    with VideoWriter(path) as writer:
        for i in range(frames):
            x, y = i % 40, i // 2 % 40
            writer.write(np.ascontiguousarray(scene[y : y + wh[1], x : x + wh[0]]), i / FPS)


def make_net(name: str, codec: str) -> tuple[PoseNet, HeatmapCodec]:
    """Return a network with random weights."""
    torch.manual_seed(0)
    config = training_config([f"net={name}", f"codec={codec}"])
    return instantiate(config.net), instantiate(config.codec)


class Steady:
    """Network that is executed, but returns the same heatmaps for every crop.

    The output of a network with random weights would move too much to be tracked.
    """

    def __init__(self, runtime: Runtime, codec: HeatmapCodec) -> None:
        self.runtime = runtime
        share = torch.rand((1, 17, 2), generator=torch.Generator().manual_seed(0)) / 2 + 0.25
        self.heatmaps, _ = codec.encode(share * torch.tensor(codec.input_wh), torch.ones(1, 17))

    def __call__(self, crops: torch.Tensor) -> torch.Tensor:
        self.runtime(crops)
        return self.heatmaps.expand(len(crops), -1, -1, -1)


def clocks() -> np.ndarray:
    """Return wall time and CPU time of all threads, in s."""
    return np.array([time.perf_counter(), time.process_time()])


def alone(runtime: Runtime, codec: HeatmapCodec, frames: int) -> np.ndarray:
    """Return the seconds per frame of the network on its best batch, by both clocks."""
    best = np.full(2, np.inf)
    for batch in BATCHES:
        crops = torch.randint(0, 256, (batch, 3, *codec.input_wh[::-1]), dtype=torch.uint8)
        runtime(crops)
        started, calls = clocks(), max(1, frames // batch)  # as many crops as half the clip's
        for _ in range(calls):
            runtime(crops)
        best = np.minimum(best, (clocks() - started) / (calls * batch / 2))
    return best


def pipeline(tracker: SinglePersonTracker, clip: Path) -> np.ndarray:
    """Return the seconds per frame of both passes, by both clocks."""
    started = clocks()
    found = Recorder()
    for frame in prefetch(Video(clip)):
        found.add(frame.time, without_uncertain(tracker(frame.image), lost=0.0))
    with VideoWriter(clip.with_name("out.mp4"), clip) as writer:
        draw_track(clip, found.track(WH), Overlay(), writer, fps=1.0)
    return (clocks() - started) / len(found)


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(
        f"{'net':<20}{'runtime':<9}{'alone':>8}{'pipeline':>10}"
        f"{'share':>7}{'CPU share':>11}{'rest':>7}"
    )
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(clip, frames)
        for name in sys.argv[2:] or NETS:
            net, codec = make_net(name, NETS.get(name, "udp_192x256"))
            for kind in RUNTIMES:
                runtime = make_runtime(kind, net, codec, "cpu")
                tracker = SinglePersonTracker(
                    Predictor(Steady(runtime, codec), codec), prefer=anyone
                )
                tracker(next(iter(Video(clip))).image)  # the first frame is searched as a whole
                turns = [
                    (alone(runtime, codec, frames), pipeline(tracker, clip)) for _ in range(TURNS)
                ]
                bare, whole = np.median(turns, axis=0)
                shares = np.median([net_only / both for net_only, both in turns], axis=0)
                print(
                    f"{name:<20}{kind:<9}{1 / bare[0]:8.2f}{1 / whole[0]:10.2f}{shares[0]:7.2f}"
                    f"{shares[1]:11.2f}{1000 * (whole[1] - bare[1]):7.1f}",
                    flush=True,
                )
    print("frames per second and ms of CPU time; target: shares of 0.95")


if __name__ == "__main__":
    main()
