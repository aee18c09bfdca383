"""Memory of ``fidip predict`` on a long video: ``python benchmarks/video_memory.py [MINUTES]``.

The command's own way through a small video, by default of 10 minutes, whose content repeats, with the
demo's net. Told are the MiB that the process holds after a minute of the video and at its end, while
it looks for the infant and while it draws, and its peak, which smoothing and the files between
the two make. Target: as much at the end as after a minute, but for half a KB a frame of what was found.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from hydra import compose, initialize_config_dir
from tqdm import tqdm

from fidip.cli.loading import load_predictor
from fidip.inference.detectors import NOBODY
from fidip.inference.output_names import name_inputs
from fidip.io.paths import config_dir
from fidip.predict import predict_video
from overhead import FPS, write_clip

WH = (160, 120)
MINUTE = 60 * FPS
"""Frames."""


def repeat(source: Path, path: Path, times: int) -> None:
    """A video of the same packets over and over."""
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
    """MiB that the process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def watch(held: list[list[float]]) -> Any:
    """A progress bar that notes what is held after each minute of the video, by pass."""

    class Bar(tqdm):
        def __iter__(self) -> Iterator[Any]:
            held.append([])
            for number, item in enumerate(super().__iter__(), start=1):
                yield item
                if number % MINUTE == 0:
                    held[-1].append(resident())

    return Bar


def main() -> None:
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    held: list[list[float]] = []
    with tempfile.TemporaryDirectory() as folder:
        clip, video = Path(folder) / "clip.mp4", Path(folder) / "long.mp4"
        write_clip(clip, 10 * FPS, WH)
        repeat(clip, video, 6 * minutes)
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            config = compose("predict", [f"out={folder}/out", "lost=0"])
        (source,) = name_inputs([video], Path(config.out))
        predictor = load_predictor("bundled:movenet-lightning", flip_test=False)
        predict_video(predictor, source, NOBODY, config, watch(held))
    for name, values in zip(("looking", "drawing"), held, strict=True):
        print(f"{name:<9}" + "".join(f"{value:7.0f}" for value in values))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak     {peak:7.0f}")
    print("MiB held, minute by minute of the video; target: at most 1 more each minute")


if __name__ == "__main__":
    main()
