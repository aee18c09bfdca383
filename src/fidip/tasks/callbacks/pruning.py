"""Pruning: runs as trials of an Optuna search that report every epoch and may end early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl

if TYPE_CHECKING:
    import optuna


class Pruned(Exception):  # noqa: N818
    """Exception that ends a run because other trials are better; not an error.

    Attributes:
        is_first: whether this process writes the files of the run.
    """

    def __init__(self, message: str, is_first: bool) -> None:
        super().__init__(message)
        self.is_first = is_first


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Return the database of a study, which several runs may write to at the same time.

    Args:
        url: URL of the database, as SQLAlchemy defines it.
    """
    import optuna

    patience = {"connect_args": {"timeout": 120}} if url.startswith("sqlite:") else None
    return optuna.storages.RDBStorage(url, engine_kwargs=patience)


class Pruning(pl.Callback):
    """Callback that reports the validation score of each epoch to a study, which may end the run.

    Args:
        storage: URL of the study's database, as SQLAlchemy defines it.
        study: name of the study.
        trial: number of this run in the study.
        pruner: decides by the scores of the other trials at the same epoch.
        monitor: name of the score; higher is better.
    """

    def __init__(
        self,
        storage: str,
        study: str,
        trial: int,
        pruner: optuna.pruners.BasePruner,
        monitor: str = "val/AP",
    ) -> None:
        self.storage = storage
        self.study = study
        self.number = trial
        self.pruner = pruner
        self.monitor = monitor
        self._trial: optuna.trial.Trial | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the trial in the study's database, in the first process."""
        if not trainer.is_global_zero:
            return
        import optuna

        storage = open_storage(self.storage)
        study = optuna.load_study(study_name=self.study, storage=storage, pruner=self.pruner)
        frozen = study.trials[self.number]
        if not frozen.state.is_finished():  # a continued run may have been recorded already
            self._trial = optuna.trial.Trial(study, frozen._trial_id)

    def on_validation_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Report the score.

        Raises:
            Pruned: the pruner ends the trial.
        """
        score = trainer.callback_metrics.get(self.monitor)
        if trainer.state.fn != "fit" or score is None:
            return
        epoch = trainer.current_epoch
        is_bad = self._report(float(score), epoch)
        if trainer.strategy.broadcast(is_bad):
            message = f"{self.monitor} {float(score):.3f} after epoch {epoch + 1}"
            raise Pruned(message, trainer.is_global_zero)

    def _report(self, score: float, epoch: int) -> bool:
        """Report a score to the study; return whether the run should end."""
        if self._trial is None:
            return False
        # A resumed run may repeat an epoch that it has reported.
        if epoch not in self._trial.study.trials[self.number].intermediate_values:
            self._trial.report(score, epoch)
        return self._trial.should_prune()
