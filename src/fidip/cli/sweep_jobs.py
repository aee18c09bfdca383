"""The runs of a sweep and their states.

Every job has a run directory with ``job.json`` before it starts. A run with ``results.json`` is
finished, a run with ``failed.json`` failed, and a run with ``pruned.json`` was ended by a search. A
run with none of them waits, runs, or was cancelled.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from fidip.cli import explain
from fidip.cli.preflight import check_one_run, require_some
from fidip.core.errors import ConfigError, DataError, DiskError, RunError
from fidip.io.json import read_object, write_json
from fidip.io.processes import is_first_process
from fidip.io.run_directory import RunDirectory
from fidip.io.run_settings import AUTO
from fidip.io.terminal import print_parts, text_table


@dataclass(frozen=True)
class SweepJob:
    """One run of a sweep.

    Attributes:
        run: its run directory.
        overrides: its settings, as on the command line.
    """

    run: RunDirectory
    overrides: tuple[str, ...]

    @property
    def key(self) -> list[str]:
        """The sorted settings, which identify the job."""
        return sorted(o for o in self.overrides if o.split("=")[0].split(".")[0] != "sweep")

    @property
    def state(self) -> str:
        """``finished``, ``pruned``, ``failed``, or ``unfinished``: waits, runs or was cancelled."""
        if self.run.results.is_file():
            return "finished"
        if self.run.pruned.is_file():
            return "pruned"
        return "failed" if self.run.failed.is_file() else "unfinished"

    @property
    def reason(self) -> str:
        """The reason why the run failed or was pruned."""
        file = {"failed": self.run.failed, "pruned": self.run.pruned}.get(self.state)
        if file is None:
            return ""
        try:
            return str(read_object(file).get("error"))
        except DataError as error:
            return f"unknown why: {error}"

    def require_own_folder(self) -> None:
        """Check that the run directory does not belong to another job.

        Raises:
            RunError: it does, for example with the ``sweep.started=`` of an earlier sweep.
        """
        if self.run.job.is_file() and _read_job(self.run.job).key != self.key:
            raise RunError(
                f"{self.run.root}: belongs to another job; leave out sweep.started= and "
                "hydra.sweep.dir=, or give others"
            )

    def register(self) -> None:
        """Make the run directory, so that a job that never starts is known."""
        write_json(self.run.job, {"overrides": list(self.overrides)})


def earlier(job: SweepJob, outputs: Path, name: str) -> SweepJob | None:
    """Return the last job with the same settings that an earlier sweep left in ``outputs/name``."""
    for file in sorted((outputs / name).glob("*/*/job.json"), reverse=True):
        found = _read_job(file)
        if found.key == job.key:
            return found
    return None


def _read_job(file: Path) -> SweepJob:
    """Read a ``job.json``.

    Raises:
        RunError: the file is malformed.
    """
    remedy = "remove this run, or start the sweep without sweep.resume=true"
    try:
        overrides = read_object(file, remedy).get("overrides")
    except DataError as error:
        raise RunError(str(error)) from error
    if not isinstance(overrides, list):
        raise RunError(f"{file}: overrides is {overrides!r:.80}; expected a list of text; {remedy}")
    return SweepJob(RunDirectory(file.parent), tuple(map(str, overrides)))


def register(jobs: Sequence[SweepJob], problems: Sequence[str | None]) -> list[SweepJob]:
    """Make the run directories of jobs, so that jobs that never start are known.

    Args:
        jobs: the jobs to run.
        problems: of each job; None if it can start. Jobs with a problem are recorded as failed.

    Returns:
        The jobs that can start.

    Raises:
        ConfigError: no job can start; no directory was made.
    """
    labels = [" ".join(settings) for settings in differing([job.key for job in jobs])]
    require_some(problems, labels)
    for job, problem in zip(jobs, problems, strict=True):
        job.register()
        if problem:
            write_json(job.run.failed, {"error": problem})
    return [job for job, problem in zip(jobs, problems, strict=True) if problem is None]


def run_job(task: Callable[[DictConfig], Any], config: DictConfig) -> Any:
    """Run ``task``, by itself or as a job of a sweep. Other jobs continue if it fails.

    Returns:
        The best validation AP of the run, which a search maximises; None without validation.
    """
    run = RunDirectory(Path(config.run_dir))
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        _run_of_sweep(task, config, run)
        return run.best_score()
    try:
        _check_alone(config, run)
        with run.lock():
            _run_or_prune(task, config, run)
    except (KeyboardInterrupt, SystemExit) as exit_:
        if KeyboardInterrupt in (type(exit_), type(exit_.__context__)):
            print(run.what_is_kept(), flush=True)
        raise
    except DiskError:
        print(run.what_is_kept(), flush=True)
        raise
    return run.best_score()


def _check_alone(config: DictConfig, run: RunDirectory) -> None:
    """Check the settings of a run outside of a sweep.

    Raises:
        FidipError: they are settings of a sweep, or contradict each other.
    """
    check_one_run(config)
    resume = OmegaConf.select(config, "resume")
    if resume is None:
        return
    if config.overwrite:
        raise ConfigError(
            f"overwrite=true and resume={resume}: one starts over, the other continues; give one"
        )
    if resume != AUTO:
        run.require_begun()


def _run_of_sweep(task: Callable[[DictConfig], Any], config: DictConfig, run: RunDirectory) -> None:
    """Run a job of a sweep, and write ``failed.json`` if it ends with an error.

    The job continues from a checkpoint in its run directory, which exists if SLURM queued the job
    again or with ``sweep.resume=true``. Without a checkpoint it starts over.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(run.lock())
        except RunError as error:  # another sweep runs this job; it has not failed
            print(f"error: {error}", file=sys.stderr)
            return
        if is_first_process():
            run.failed.unlink(missing_ok=True)
        if run.last.is_file() or run.previous.is_file():
            config.resume = str(run.root)
        config.overwrite = not run.results.is_file()
        if multiprocessing.get_start_method(allow_none=True) == "loky":
            # joblib's way to start processes, in which workers of a DataLoader cannot be started
            multiprocessing.set_start_method(None, force=True)
        try:
            _run_or_prune(task, config, run)
        except Exception as error:
            _record_failure(error, run)
            if int(os.environ.get("SLURM_NTASKS", "1")) > 1:
                raise  # SLURM then ends the processes that wait for this one


def _run_or_prune(task: Callable[[DictConfig], Any], config: DictConfig, run: RunDirectory) -> None:
    from fidip.tasks import Pruned  # imports PyTorch, which the start of a sweep does not need

    try:
        task(config)
    except Pruned as pruned:
        print(f"pruned: {pruned}")
        if pruned.is_first:
            write_json(run.pruned, {"error": str(pruned)})


def _record_failure(error: Exception, run: RunDirectory) -> None:
    message = explain(error)
    if message is None:
        traceback.print_exc()
        message = f"{type(error).__name__}: {' '.join(str(error).split())}"
    print(f"error: {message}", file=sys.stderr)
    write_json(run.failed, {"error": message})


def check_processes(config: DictConfig, launcher: Mapping[str, Any]) -> None:
    """Check that SLURM would start a process for every device, with enough GPUs.

    Args:
        config: of a run.
        launcher: settings of ``conf/hydra/launcher/slurm.yaml``.

    Raises:
        ConfigError: it would start other numbers of processes or GPUs.
    """
    trainer = config.trainer
    wanted = device_count("trainer.devices", trainer.devices)
    nodes = OmegaConf.select(config, "trainer.num_nodes", default=1)
    tasks = device_count("hydra.launcher.tasks_per_node", launcher["tasks_per_node"])
    if (nodes, wanted) != (launcher["nodes"], tasks):
        raise ConfigError(
            f"trainer.devices={wanted} on trainer.num_nodes={nodes}, but SLURM would start "
            f"hydra.launcher.tasks_per_node={tasks} on hydra.launcher.nodes={launcher['nodes']}; "
            "make them equal, one task a device"
        )
    given = launcher["gpus_per_node"]
    gpus = device_count("hydra.launcher.gpus_per_node", given) if given else 0
    if trainer.accelerator == "gpu" and gpus < wanted:
        raise ConfigError(
            f"trainer.devices={wanted} on GPUs, but hydra.launcher.gpus_per_node={gpus}; "
            f"ask for {wanted}"
        )


def device_count(key: str, value: object) -> int:
    """Return the number of devices that a setting names, as PyTorch Lightning reads it.

    Args:
        key: the setting, for the message.
        value: a number, which may be text, or the indices of devices as a list or as text.

    Raises:
        ConfigError: the number depends on the machine (``auto`` and -1), or it is none.

    Example:
        >>> [device_count("trainer.devices", value) for value in (2, "2", "2,", [0, 1], "0,1")]
        [2, 2, 1, 2, 2]
    """
    text = str(value).strip()
    if isinstance(value, Sequence) and (not isinstance(value, str) or "," in value):
        names = value.split(",") if isinstance(value, str) else value
        return sum(1 for name in names if str(name).strip())
    if not text.isdecimal() or int(text) == 0:
        raise ConfigError(
            f"{key}={text}: SLURM starts one process for each device and needs their number; "
            f"expected a number above 0. Set it, for example {key}=2"
        )
    return int(text)


def differing(jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the settings of each job that not all jobs have.

    Example:
        >>> differing([["a=1", "b=2"], ["a=1", "b=3"]])
        [['b=2'], ['b=3']]
    """
    common = set.intersection(*(set(job) for job in jobs)) if len(jobs) > 1 else set()
    return [[setting for setting in job if setting not in common] for job in jobs]


def print_jobs(jobs: Sequence[SweepJob]) -> None:
    """Print a table with the state of every job."""
    rows = []
    for job, settings in zip(jobs, differing([job.key for job in jobs]), strict=True):
        state = f"{job.state}: {job.reason}" if job.reason else job.state
        rows.append([state, " ".join(settings), job.run.root])
    print_parts(text_table(("state", "settings", "folder"), rows))


def print_summary(jobs: Sequence[SweepJob]) -> int:
    """Print the state of every job and return the number of unfinished jobs."""
    print_jobs(jobs)
    open_jobs = sum(job.state != "finished" for job in jobs)
    if open_jobs:
        print(
            f"{open_jobs} of {len(jobs)} runs are not finished; the same command with "
            "sweep.resume=true runs only these"
        )
    return open_jobs
