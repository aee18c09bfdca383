"""Speed of rendering: ``python benchmarks/synth.py``.

Prints 256x256 images per second of CPU time, including JPEG writing, for each appearance and group,
and images per second and process with one process per core; a constant rate means linear scaling.
Targets: 25 in the clean appearance, 15 in home. The last line is the peak memory of the rendering
process including imports; target: less than 1 GB.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.cli import config_dir
from fidip.synth import ImageSet, RenderSettings, write_split

IMAGES, SIZE_WH = 100, (256, 256)
CASES = (
    ("infant", "clean"),
    ("infant", "varied"),
    ("infant", "home"),
    ("infant", "clinic"),
    ("infant", "night"),
    ("infant", "far"),
    ("adult", "varied"),
    ("adult", "home"),
)


def rate(folder: Path, group: str, appearance: str, workers: int) -> float:
    """Return images per second and process, without start-up; by CPU time for one process."""
    appearances = {
        appearance: instantiate(
            OmegaConf.load(Path(config_dir()) / "appearance" / f"{appearance}.yaml"),
            _convert_="all",
        )
    }
    clock = time.process_time if workers == 1 else time.perf_counter
    started = 0.0

    def after_first(stage: str, done: int, total: int) -> None:
        nonlocal started
        if done == warm_up:
            started = clock()

    warm_up, count = 10 * workers, IMAGES * workers
    parts = [ImageSet(group, appearance, is_synthetic=False, count=warm_up + count)]
    settings = RenderSettings(appearances, SIZE_WH, workers=workers, progress=after_first)
    write_split(folder, f"{appearance}_{group}", parts, settings)
    return count / (clock() - started) / workers


def main() -> None:
    cores = len(os.sched_getaffinity(0))
    print(f"images a second\n{'':<16}{'of CPU time':>12}{f'{cores} processes':>14}")
    with tempfile.TemporaryDirectory() as folder:
        for group, appearance in CASES:
            alone, together = (
                rate(Path(folder) / str(n), group, appearance, workers)
                for n, workers in enumerate((1, cores))
            )
            print(f"{f'{group}, {appearance}':<16}{alone:12.1f}{together:14.1f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"targets: clean 25, home 15\npeak memory: {peak:.0f} MB")


if __name__ == "__main__":
    main()
