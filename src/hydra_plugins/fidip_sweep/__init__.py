"""Hydra plugins for sweeps; Hydra finds plugins in this package only.

Every command imports this module at startup, so large packages are imported in functions.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, filter_overrides

from fidip.cli.hydra_internals import BASIC_LAUNCHER, BasicSweeper

try:
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import (  # type: ignore[import-untyped]
        BaseSubmititLauncher,
    )
except ImportError:  # without the extra 'cluster', Hydra reports an unknown launcher
    BaseSubmititLauncher = None

SUBMITITS = frozenset(
    ["name", "nodes", "tasks_per_node", "cpus_per_task", "gpus_per_node", "mem_gb", "timeout_min"]
)
"""Settings with the same name in submitit on every kind of cluster."""

PATIENT_PYTHON = f"""sh -c 'trap "" TERM USR1 USR2; exec "$0" "$@"' {shlex.quote(sys.executable)}"""
"""Python that ignores SLURM's signals until the run handles them.

SLURM does not start a job again that a signal ended during its imports.
"""

SECONDS_BETWEEN_QUESTIONS = 15
"""Minimum interval in s between calls of sacct, whose server all users of a cluster share."""

HERE = (
    BASIC_LAUNCHER,
    "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
)
"""Launchers on this machine; jobs of other launchers may have other files."""

ENDED = frozenset(
    [
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED"),
        *("NODE_FAIL", "OUT_OF_MEMORY", "REVOKED", "TIMEOUT"),
    ]
)
"""SLURM states of a job that will not run again; a preempted job is requeued."""


class Sweep(BasicSweeper):
    """Sweeper that runs every combination in a separate run directory and prints a table of states.

    With ``sweep.resume=true``, jobs that an earlier sweep finished are skipped, and the others
    continue in their run directories.
    """

    def sweep(self, arguments: list[str]) -> Any:
        """Run all combinations of the arguments."""
        from fidip.cli.sweep_jobs import print_summary, register

        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        (combinations,) = self.split_arguments(overrides, None)
        jobs, todo, problems = [], [], []
        for number, combination in enumerate(combinations):
            name, problem = self._compose(combination)
            jobs.append(self._job(number, combination, name))
            if jobs[-1].state != "finished":
                todo.append(jobs[-1])
                problems.append(problem)
        if len(todo) < len(jobs):
            print(f"{len(jobs) - len(todo)} of {len(jobs)} runs are finished already")
        todo = register(todo, problems)
        size = self.max_batch_size or len(todo) or 1
        for first in range(0, len(todo), size):
            batch = [self._arguments(job) for job in todo[first : first + size]]
            self.launcher.launch(batch, initial_job_idx=first)
        if print_summary(jobs):
            sys.exit(3)

    def _compose(self, overrides: list[str]) -> tuple[str, str | None]:
        """Return the name of a job's experiment, or of the sweep's if it has none, and its problem.

        The name is resolved here, because it may refer to the choices of the job.
        """
        from hydra.core.hydra_config import HydraConfig
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException

        from fidip.cli import explain
        from fidip.core.errors import FidipError

        singleton, config, problem = HydraConfig.instance(), self.config, None
        outer = singleton.cfg
        try:
            config = self.hydra_context.config_loader.load_sweep_config(config, overrides)
            config.hydra.runtime.output_dir = "."  # not used here, but settings refer to it
            singleton.set_config(config)
            _check(config)
        except (FidipError, HydraException, OmegaConfBaseException) as error:
            problem = explain(error) or str(error)
            problem = self._missing_key(problem) or problem
        try:
            singleton.set_config(config)
            return str(config.name), problem
        finally:
            singleton.cfg = outer

    def _missing_key(self, problem: str) -> str | None:
        """Return a sentence about a key that the sweep sets and the experiment does not have."""
        key = next((key for key in self.params or {} if f"unknown key '{key}'" in problem), None)
        if key is None:
            return None
        sweep = self.config.hydra.runtime.choices.get("sweep")
        experiment = str(self.params.get("experiment", "")).partition(",")[0]
        such_as = f", such as experiment={experiment}" * bool(experiment)
        return (
            f"sweep={sweep}: sets {key}, which the experiment does not have; expected an "
            f"experiment that has it. Choose another one{such_as}"
        )

    def _job(self, number: int, overrides: list[str], name: str) -> Any:
        """Return the job with a new run directory, or with that of an earlier sweep."""
        from fidip.cli.sweep_jobs import SweepJob, earlier
        from fidip.io.run_directory import RunDirectory

        root = Path(self.config.hydra.sweep.dir)
        # Chosen once here, because the time would differ between the processes of a job, and when
        # SLURM starts it again.
        folder = root / name / self.config.sweep.started / str(number)
        job = SweepJob(RunDirectory(folder), tuple(overrides))
        before = earlier(job, root, name) if self.config.sweep.resume else None
        if before:
            return SweepJob(before.run, job.overrides)
        job.require_own_folder()
        return job

    def _arguments(self, job: Any) -> list[str]:
        subdir = job.run.root.relative_to(self.config.hydra.sweep.dir)
        return [*job.overrides, f"hydra.sweep.subdir='{subdir}'"]


def _check(config: Any) -> None:
    """Check the configuration of a job, with that of Hydra.

    Raises:
        FidipError: it cannot start.
    """
    from omegaconf import OmegaConf

    from fidip.cli.arguments import problems_of
    from fidip.cli.preflight import check_job
    from fidip.core.errors import ConfigError

    launcher = str(config.hydra.launcher._target_)
    config = OmegaConf.masked_copy(config, [str(k) for k in config if k != "hydra"])
    problems = problems_of("train", config)
    if problems:  # in the values of the sweep's file
        raise ConfigError("; ".join(problems))
    check_job(config, are_files_here=launcher in HERE)


if BaseSubmititLauncher is not None:

    class SlurmArray(BaseSubmititLauncher):
        """Runs a sweep as one SLURM job array, and reports lost jobs without stopping others."""

        _EXECUTOR = "slurm"

        def launch(
            self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
        ) -> list[JobReturn]:
            """Submit all jobs as one array, and wait for them."""
            from fidip.cli.sweep_jobs import check_processes, device_count

            loader = self.hydra_context.config_loader
            for overrides in job_overrides:
                config = loader.load_sweep_config(self.config, list(overrides))
                check_processes(config, self.params)
            for key in ("tasks_per_node", "gpus_per_node"):  # which follow trainer.devices
                if self.params[key]:
                    self.params[key] = device_count(f"hydra.launcher.{key}", self.params[key])
            self.config.sweep.started  # noqa: B018 resolved once here, not by every job
            jobs = self._submit(job_overrides, initial_job_idx)
            print(f"{len(jobs)} jobs in SLURM's array {jobs[0].job_id.split('_')[0]}", flush=True)
            self._wait(jobs, job_overrides)
            return [_result(job, list(o)) for job, o in zip(jobs, job_overrides, strict=True)]

        def _submit(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[Any]:
            import submitit

            submitit.SlurmJob.watcher = _watcher()
            params = {k: v for k, v in self.params.items() if k != "submitit_folder"}
            folder = self.params["submitit_folder"]
            executor = submitit.AutoExecutor(folder, cluster="slurm", slurm_python=PATIENT_PYTHON)
            executor.update_parameters(
                **{k if k in SUBMITITS else f"slurm_{k}": v for k, v in params.items()}
            )
            rows = [
                (list(o), "hydra.sweep.dir", n, f"job_{n}", Singleton.get_state())
                for n, o in enumerate(job_overrides, start=first)
            ]
            return list(executor.map_array(self, *zip(*rows, strict=True)))

        @staticmethod
        def _wait(jobs: list[Any], job_overrides: Sequence[Sequence[str]]) -> None:
            """Wait until all jobs have ended, and print a line for each."""
            from fidip.cli.sweep_jobs import differing

            labels = differing([filter_overrides(list(o)) for o in job_overrides])
            waiting = dict(enumerate(jobs))
            asked = time.monotonic()
            while waiting:
                force = time.monotonic() - asked > SECONDS_BETWEEN_QUESTIONS
                asked = time.monotonic() if force else asked
                for number, job in list(waiting.items()):
                    if job.done(force_check=force):
                        del waiting[number]
                        settings = " ".join(labels[number])
                        done = f"{len(jobs) - len(waiting)}/{len(jobs)}"
                        print(f"{done} ended: job {job.job_id}  {settings}", flush=True)
                    force = False  # one call updates all jobs
                time.sleep(1)


def _watcher() -> Any:
    """Return a job watcher that, unlike submitit's, does not count suspended jobs as ended."""
    from submitit.slurm.slurm import SlurmInfoWatcher

    class Watcher(SlurmInfoWatcher):
        def is_done(self, job_id: str, mode: str = "standard") -> bool:
            return self.get_state(job_id, mode=mode).split()[0] in ENDED  # "CANCELLED by 1000"

    return Watcher()


def _result(job: Any, overrides: list[str]) -> JobReturn:
    """Return the result of a job, with the value None if it was cancelled, killed or failed."""
    result = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
    try:
        result.return_value = job.results()[0].return_value
    except Exception as error:
        last = str(error).strip().splitlines()[-1]
        print(f"job {job.job_id} was lost ({job.state}): {last}; log: {job.paths.stderr}")
    return result
