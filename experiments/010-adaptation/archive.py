"""Keep finished runs without their weights: python archive.py pack|unpack OUTPUTS FOLDER.

OUTPUTS is as for report.py. ``pack`` writes an archive FOLDER/START-METHOD.tar.xz of the finished
runs of each method: the files from which report.py makes the page, without weights and figures.
Paths below the current folder become relative. ``unpack`` restores the runs that OUTPUTS lacks, so
that ``sweep.resume=true`` skips them; it never replaces a file.
"""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

from fidip.io.atomic import atomic_path

FILES = (
    *("config.yaml", "environment.json", "job.json"),
    *("metrics.csv", "predictions.json", "results.json"),
)
"""Names of the files of a run that are kept; results.json, which ends a run, comes last."""


def pack(outputs: Path, folder: Path) -> None:
    """Write the archives of the finished runs; equal runs give equal bytes."""
    groups: dict[str, list[Path]] = {}
    for results in sorted(outputs.glob("adaptation*-*/*/*/results.json")):
        start_and_method = results.parents[2].name.rsplit("-", 2)[0]
        groups.setdefault(start_and_method, []).append(results.parent)
    folder.mkdir(parents=True, exist_ok=True)
    for name, runs in groups.items():
        with (
            atomic_path(folder / f"{name}.tar.xz") as path,
            tarfile.open(path, "w:xz", preset=9) as archive,
        ):
            for file in (run / file for run in runs for file in FILES):
                content = without_this_folder(file.read_bytes())
                entry = tarfile.TarInfo(file.relative_to(outputs).as_posix())
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        print(f"{name}: {len(runs)} runs", flush=True)


def without_this_folder(content: bytes) -> bytes:
    """Return the content of a file with paths relative to the current folder."""
    return content.replace(f"{Path.cwd()}/".encode(), b"")


def unpack(outputs: Path, folder: Path) -> None:
    """Restore the runs that are not below ``outputs``."""
    for path in sorted(folder.glob("*.tar.xz")):
        with tarfile.open(path) as archive:
            absent = [entry for entry in archive if not (outputs / entry.name).exists()]
            archive.extractall(outputs, absent, filter="data")
        print(f"{path.name}: {len(absent) // len(FILES)} runs", flush=True)


if __name__ == "__main__":
    {"pack": pack, "unpack": unpack}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
