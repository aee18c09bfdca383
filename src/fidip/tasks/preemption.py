"""Stop requests: signals, which are handled between two batches, and SLURM's queue."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)

REQUEUED_AT = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals that announce a time limit or a preemption: the job goes back into the queue."""

NOTICED = (signal.SIGTERM, signal.SIGINT, *REQUEUED_AT)


class StopSignals:
    """Handler that records signals without acting on them; a second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def install(self) -> None:
        """Record signals from now on, in place of the former handlers."""
        for number in NOTICED:
            handler = signal.signal(number, self._notice)
            self._before.setdefault(number, handler)

    def remove(self) -> None:
        """Restore the former handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _notice(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            log.info("stopping after this batch; Ctrl-C again stops at once")
        self.received = signal.Signals(number)


def belongs_in_queue(number: signal.Signals) -> bool:
    """Return whether a job that was stopped by a signal should be requeued.

    That is the case at its time limit and after preemption. SLURM sends SIGTERM to preempted and
    cancelled jobs, and requeues a preempted job only if it has not ended in time by itself.

    Args:
        number: the signal.
    """
    return number in REQUEUED_AT or (number == signal.SIGTERM and _preempted())


def _preempted() -> bool:
    """Return whether SLURM is preempting this job."""
    job = _job_id()
    if job is None:
        return False
    try:
        done = subprocess.run(
            ["scontrol", "--oneliner", "show", "job", job],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    told = dict(re.findall(r"(\w+)=(\S+)", done.stdout))
    # Times are ISO dates, and stay when a job starts again; before the first they are words.
    since, asked = told.get("StartTime", ""), told.get("PreemptTime", "None")
    return told.get("JobState") == "RUNNING" and asked[0].isdigit() and asked >= since


def requeue(max_requeues: int) -> bool:
    """Put this SLURM job back into the queue.

    Args:
        max_requeues: how often a job may start again; SLURM counts.

    Returns:
        Whether it is queued: False outside of SLURM, or after ``max_requeues`` times.
    """
    job = _job_id()
    if job is None:
        return False
    if int(os.environ.get("SLURM_RESTART_COUNT", "0")) >= max_requeues:
        log.warning(
            "job %s has been requeued %d times (max_requeues): not again", job, max_requeues
        )
        return False
    try:
        done = subprocess.run(["scontrol", "requeue", job], check=False)
    except OSError as error:
        log.warning("job %s cannot be requeued: scontrol: %s", job, error.strerror)
        return False
    return done.returncode == 0


def _job_id() -> str | None:
    """Return the id of this job, or of its task of an array, so that only that is requeued."""
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        return f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ.get("SLURM_JOB_ID")
