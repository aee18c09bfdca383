"""Parallel jobs that resume after a killed run and give the same bytes."""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import cv2

from fidip.core.progress import Progress, reported
from fidip.io.atomic import disk_errors
from fidip.io.directories import output_folder
from fidip.io.json import write_json
from fidip.io.records import Record

log = logging.getLogger(__name__)
Job = TypeVar("Job")


def run_jobs(
    make: Callable[[Job], Record],
    jobs: Sequence[Job],
    workers: int,
    file: Path,
    label: str,
    progress: Progress,
) -> list[Record]:
    """Run jobs and return their records in order, without those that a killed run finished.

    A journal beside ``file`` holds the record of every finished job. It is valid only for the same
    jobs and the same version of this package; ``finish`` removes it.

    Args:
        make: runs one job.
        jobs: the jobs.
        workers: number of processes.
        file: the annotation file that the records are for.
        label: name of the work, for messages.
        progress: receives the number of finished jobs, with the label as the stage.

    Raises:
        DiskError: the journal cannot be written.
    """
    journal = _journal(file)
    head = {"jobs": _fingerprint(jobs)}
    done = _finished(journal, head)[: len(jobs)]
    if done:
        log.info("%s: resuming after %d of %d", label, len(done), len(jobs))
    remaining = _parallel(make, jobs[len(done) :], workers)
    records = _journalled(journal, [head, *done], remaining)
    return list(reported(records, label, len(jobs), progress))


def _journalled(
    journal: Path, lines: Sequence[Record], records: Iterable[Record]
) -> Iterator[Record]:
    """Yield old and new records of a journal, and write the new ones to it.

    All lines are written again, as the last one of a killed run may be torn. The first is the head.
    """
    with (
        output_folder(journal.parent, setting=str(journal)),
        disk_errors(journal),
        journal.open("w", encoding="utf-8") as log,
    ):
        log.writelines(json.dumps(line) + "\n" for line in lines)
        yield from lines[1:]
        for record in records:
            log.write(json.dumps(record) + "\n")
            log.flush()
            yield record


def finish(file: Path, content: dict[str, Any]) -> None:
    """Write an annotation file atomically, then remove the journal of its jobs."""
    write_json(file, content, compact=True)
    _journal(file).unlink()


def _journal(file: Path) -> Path:
    return file.with_suffix(".journal")


def _fingerprint(jobs: Sequence[Job]) -> str:
    text = "\n".join([version("fidip"), *map(repr, jobs)])
    return hashlib.sha256(text.encode()).hexdigest()


def _finished(journal: Path, head: Record) -> list[Record]:
    """Return the records of a journal with this head, up to the first torn line."""
    lines: list[Record] = []
    if journal.exists():
        for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return lines[1:] if lines[:1] == [head] else []


def keep_memory() -> None:
    """Let this process reuse the memory of one image for the next, which saves a tenth of the time.

    Sets thresholds of glibc's ``malloc``; with another C library nothing happens.
    """
    if hasattr(ctypes.pythonapi, "mallopt"):
        for setting, size in ((_TRIM_THRESHOLD, 256 << 20), (_MMAP_THRESHOLD, 32 << 20)):
            ctypes.pythonapi.mallopt(setting, size)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt


def _parallel(make: Callable[[Job], Record], jobs: Sequence[Job], workers: int) -> Iterator[Record]:
    if workers <= 1:
        keep_memory()
        yield from map(make, jobs)
    else:
        yield from _pool(workers).map(make, jobs, chunksize=max(1, min(8, len(jobs) // workers)))


@cache
def _pool(workers: int) -> ProcessPoolExecutor:
    """Return processes that are reused by later splits, as each takes seconds to start."""
    # One thread per process: the work is split by jobs, and BLAS threads would compete for cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_worker)


def _worker() -> None:
    cv2.setNumThreads(0)
    keep_memory()
