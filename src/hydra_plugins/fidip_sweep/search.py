"""Hyperparameter search with Optuna.

Every command imports this module at startup, so large packages are imported in functions.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override

from hydra_plugins.fidip_sweep import Sweep

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

    from fidip.cli.sweep_jobs import SweepJob

CHECKED = 5
"""Maximum number of trials that are checked before a search starts, until one is valid."""


class Search(Sweep):
    """Sweeper that runs the trials of an Optuna study in batches.

    The study is stored in a database, and every trial has a run directory, so the same command
    continues an interrupted search: unfinished trials run first, in their directories.

    Args:
        storage: URL of the database.
        study: name of the study.
        n_trials: total number of trials, including those of earlier commands.
        n_jobs: trials per batch, which the launcher may run in parallel.
        sampler: builds Optuna's sampler from a seed.
        seed: seed of the first batch; later batches add the number of trials.
        params: settings and their values, as on the command line.
    """

    def __init__(
        self,
        storage: str,
        study: str,
        n_trials: int,
        n_jobs: int,
        sampler: Callable[..., BaseSampler],
        seed: int,
        params: Any = None,
    ) -> None:
        super().__init__(max_batch_size=n_jobs, params=params)
        self.storage = storage
        self.study = study
        self.n_trials = n_trials
        self.n_jobs = n_jobs
        self.sampler = sampler
        self.seed = seed

    def sweep(self, arguments: list[str]) -> Any:
        """Run batches until the study has ``n_trials`` trials."""
        from fidip.cli.sweep_jobs import print_jobs

        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        last = {override.get_key_element(): override for override in overrides}
        space = {key: distribution(o) for key, o in last.items() if o.is_sweep_override()}
        fixed = [
            f"{key}={o.get_value_element_as_str()}"
            for key, o in last.items()
            if not o.is_sweep_override()
        ]
        self._check(space, fixed)
        study = self._open()
        while batch := self._batch(study, space, fixed):
            jobs = [job_of(trial) for trial in batch]
            todo = [self._arguments(job) for job in jobs if job.state == "unfinished"]
            if todo:
                self.launcher.launch(todo, initial_job_idx=batch[0].number)
            for trial, job in zip(batch, jobs, strict=True):
                tell(study, trial.number, job.state, job.run.best_score())
        print_jobs([job_of(trial) for trial in begun(study)])
        if not _print_best(study):
            sys.exit(3)

    def _check(self, space: dict[str, BaseDistribution], fixed: list[str]) -> None:
        """Check some random trials.

        Raises:
            ConfigError: none of them could start.
        """
        import optuna

        from fidip.core.errors import ConfigError

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        problem = None
        for _ in range(CHECKED):
            chosen = [f"{key}={value}" for key, value in study.ask(space).params.items()]
            _, problem = self._compose([*fixed, *chosen, "sweep.trial=0"])
            if problem is None:
                return
        raise ConfigError(problem)

    def _open(self) -> Study:
        """Open the study, or create it."""
        import optuna

        from fidip.tasks import open_storage

        warnings.filterwarnings("ignore", message=".*constant_liar.* is an experimental feature")
        study = optuna.create_study(
            storage=open_storage(self.storage),
            study_name=self.study,
            direction="maximize",
            load_if_exists=True,
        )
        for trial in study.trials:
            if not trial.state.is_finished() and "folder" not in trial.user_attrs:
                tell(study, trial.number, "failed", None)
        if before := begun(study):
            print(f"{len(before)} of {self.n_trials} trials are in {self.storage} already")
        return study

    def _batch(
        self, study: Study, space: dict[str, BaseDistribution], fixed: list[str]
    ) -> list[FrozenTrial]:
        """Return the trials to run now, interrupted ones first."""
        before = begun(study)
        waiting = [trial.number for trial in before if not trial.state.is_finished()]
        # With the seed of an earlier batch, the sampler would repeat its trials.
        study.sampler = self.sampler(seed=self.seed + len(study.trials))
        for _ in range(min(self.n_jobs - len(waiting), self.n_trials - len(before))):
            trial = self._ask(study, space)
            chosen = [f"{key}={value}" for key, value in trial.params.items()]
            overrides = [*fixed, *chosen, f"sweep.trial={trial.number}"]
            job = self._job(trial.number, overrides, self._compose(overrides)[0])
            job.register()
            trial.set_user_attr("overrides", list(job.overrides))
            trial.set_user_attr("folder", str(job.run.root))
            waiting.append(trial.number)
        now = study.trials
        return [now[number] for number in waiting[: self.n_jobs]]

    def _ask(self, study: Study, space: dict[str, BaseDistribution]) -> Trial:
        """Return a new trial.

        Raises:
            ConfigError: earlier trials of the study have other choices.
        """
        from fidip.core.errors import ConfigError

        try:
            return study.ask(space)
        except ValueError as error:
            raise ConfigError(
                f"study {self.study} in {self.storage} had other choices ({error}); "
                "give the same choices, or begin another study with sweep.study=NAME"
            ) from error


def begun(study: Study) -> list[FrozenTrial]:
    """Return the trials that have a run directory.

    Args:
        study: the study.
    """
    return [trial for trial in study.trials if "folder" in trial.user_attrs]


def job_of(trial: FrozenTrial) -> SweepJob:
    """Return the job of a trial, in the trial's run directory.

    Args:
        trial: a trial with a run directory.
    """
    from fidip.cli.sweep_jobs import SweepJob
    from fidip.io.run_directory import RunDirectory

    run = RunDirectory(Path(trial.user_attrs["folder"]))
    return SweepJob(run, tuple(trial.user_attrs["overrides"]))


def distribution(override: Override) -> BaseDistribution:
    """Return the distribution of the values that an override allows.

    ``interval(a, b)`` is a range of floats, or of integers if both limits are integers; ``tag(log,
    ...)`` makes it logarithmic. Other values are choices without an order.

    Args:
        override: an override of a sweep.
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    value = override.value()
    if isinstance(value, IntervalSweep):
        is_log = "log" in value.tags
        if isinstance(value.start, int) and isinstance(value.end, int):
            return IntDistribution(value.start, value.end, log=is_log)
        return FloatDistribution(float(value.start), float(value.end), log=is_log)
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def tell(study: Study, number: int, state: str, score: float | None) -> None:
    """Record the end of a trial.

    Args:
        study: the study.
        number: number of the trial.
        state: state of its job.
        score: its best validation AP.
    """
    from optuna.trial import TrialState

    if state == "finished" and score is not None:
        study.tell(number, score)
    else:
        study.tell(number, state=TrialState.PRUNED if state == "pruned" else TrialState.FAIL)


def _print_best(study: Study) -> bool:
    """Print the best trial and return whether no trial failed."""
    from optuna.trial import TrialState

    trials = begun(study)
    if any(trial.state == TrialState.COMPLETE for trial in trials):
        best = study.best_trial
        settings = " ".join(f"{key}={value}" for key, value in best.params.items())
        print(f"best of {len(trials)}: trial {best.number}, AP {best.value:.3f}: {settings}")
    else:
        print("no trial has a validation AP: it needs data.val_fraction or a validation split")
    return all(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in trials)
