"""Memory of ``fidip predict`` on a long video: ``python benchmarks/video_memory.py [MINUTES]``.

Runs the command's pipeline with the demo's network on a small repetitive video, by default of 10
minutes. Prints the memory in MiB after one minute of video and at its end, for the tracking and
drawing passes, and the peak, which smoothing and writing cause in between. Target: no growth except
for half a KB of results per frame.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

import av

from fidip.cli.loading import load_predictor
from fidip.core.progress import Progress
from fidip.inference import VideoPipeline
from fidip.inference.smoothing import Chain, KalmanSmoother, SwapRepair
from overhead import FPS, write_clip

WH = (160, 120)
MINUTE = 60 * FPS
"""Frames per minute of video."""


def repeat(source: Path, path: Path, times: int) -> None:
    """Write a video that repeats the packets of another one."""
    with av.open(str(source)) as given, av.open(str(path), "w") as container:
        track = given.streams.video[0]
        stream = container.add_stream_from_template(track)
        length = round(track.frames / FPS / track.time_base)
        for number in range(times):
            given.seek(0)
            for packet in given.demux(track):
                if packet.pts is not None and packet.dts is not None:
                    packet.pts, packet.dts = (
                        packet.pts + number * length,
                        packet.dts + number * length,
                    )
                    packet.stream = stream
                    container.mux(packet)


def resident() -> float:
    """Return the memory of the process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def watch(held: dict[str, list[float]]) -> Progress:
    """Return a progress callback that records the memory after each minute of video, by stage."""

    def progress(stage: str, done: int, total: int) -> None:
        values = held.setdefault("drawing" if stage == "drawing" else "tracking", [])
        if done and done % MINUTE == 0:
            values.append(resident())

    return progress


def main() -> None:
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    held: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        clip, video = Path(folder) / "clip.mp4", Path(folder) / "long.mp4"
        write_clip(clip, 10 * FPS, WH)
        repeat(clip, video, 6 * minutes)
        predictor = load_predictor("bundled:movenet-lightning", flip_test=False)
        pipeline = VideoPipeline(
            predictor,
            smoother=Chain([SwapRepair(), KalmanSmoother()]),
            writers=["overlay", "coco", "csv"],
            lost=0.0,
        )
        pipeline.run(video, Path(folder) / "out", watch(held))
    for name, values in held.items():
        print(f"{name:<9}" + "".join(f"{value:7.0f}" for value in values))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak     {peak:7.0f}")
    print("MiB held, minute by minute of the video; target: at most 1 more each minute")


if __name__ == "__main__":
    main()
