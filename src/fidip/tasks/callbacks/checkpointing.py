"""Callback for checkpoints and exact resume."""

from __future__ import annotations

import logging
import signal
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Checkpoint

from fidip.core.errors import RunError
from fidip.io.atomic import write_atomic
from fidip.tasks import lightning
from fidip.tasks.callbacks.divergence import require_finite_weights
from fidip.tasks.preemption import StopSignals, belongs_in_queue, requeue
from fidip.tasks.random_state import random_state, set_random_state

log = logging.getLogger(__name__)

GO_ON, SAVE, STOP = range(3)


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoint writer that is atomic and keeps the former ``last.ckpt`` as ``previous.ckpt``."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write the file, so that an interrupted write leaves the former checkpoint intact."""
        path = Path(path)
        previous = path.with_name("previous.ckpt") if path.name == "last.ckpt" else None
        write_atomic(path, lambda file: torch.save(checkpoint, file), previous)


class Checkpoints(Checkpoint):
    """Callback that writes ``best.ckpt``, ``last.ckpt`` and the one before it, ``previous.ckpt``.

    A checkpoint is written at the end of each epoch, at a regular interval between two batches, and
    when the run is stopped by SIGTERM, SIGINT (Ctrl-C), SIGUSR1 or SIGUSR2; the process then ends
    with status 128 plus the number of the signal. Resuming from ``last.ckpt`` is bit-exact in
    weights and curves. A signal during validation or pretraining is handled at the end of that
    epoch, and one during a test of several processes at its end.

    On SLURM, request SIGUSR1 or SIGUSR2 some time before the limit (``--signal=USR2@120``), for
    every task of the job step. All processes stop at the same batch and save together; the first
    one then runs ``scontrol requeue``, and all end with status 0. The job must resume when it
    starts again, as with ``resume=auto``. After SIGTERM, a preempted job is requeued as well; a
    cancelled job is not.

    Args:
        folder: folder of the checkpoints.
        monitor: validation metric; its maximum defines the best checkpoint. None writes no best
            checkpoint, so that the run is tested with the last one.
        every_minutes: maximum time between two checkpoints, up to the duration of a batch.
        max_requeues: maximum number of times that a SLURM job is requeued.
    """

    def __init__(
        self,
        folder: str | Path,
        monitor: str | None = "val/OKS",
        every_minutes: float = 10,
        max_requeues: int = 20,
    ) -> None:
        self.folder = Path(folder)
        self.monitor = monitor
        self.every_minutes = every_minutes
        self.max_requeues = max_requeues
        self.best = -float("inf")
        self._signals = StopSignals()
        self._saved_at = time.monotonic()
        self._position: tuple[int, int] | None = None
        self._restored: dict[str, Any] | None = None

    @property
    def best_file(self) -> Path:
        """The best checkpoint; missing before the first validation."""
        return self.folder / "best.ckpt"

    # When.

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave signals to this callback."""
        lightning.disable_signal_handlers(trainer)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handlers of the stop signals."""
        self._signals.install()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handlers of the stop signals."""
        self._signals.install()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Restore the signal handlers that were installed before."""
        self._signals.remove()

    def on_domain_epoch_end(self, trainer: pl.Trainer) -> None:
        """Save after an epoch of pretraining, before the first epoch of the run."""
        self._save(trainer, epoch=0, batch=0)
        self._leave_if_asked(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the epoch that has ended, and stop here if a signal was received."""
        # Not at the end of the one before: its curves are written after all hooks.
        if trainer.current_epoch and self._restored is None:
            self._save(trainer, trainer.current_epoch, batch=0)
        self._leave_if_asked(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any
    ) -> None:
        """Save between two updates if the interval is over or a signal was received."""
        if trainer.is_last_batch or pl_module.within_group:
            return
        decision = self._decide(trainer)
        if decision:
            pl_module.require_finite_loss()
            self._save(trainer, trainer.current_epoch, lightning.batches_taken(trainer))
        if decision == STOP:
            self._leave(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save ``best.ckpt`` if the score is the highest so far."""
        self._keep_best(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save ``best.ckpt`` by a score that needs no validation, such as ``val/agreement``."""
        if not lightning.is_validated(trainer):
            self._keep_best(trainer)

    def _keep_best(self, trainer: pl.Trainer) -> None:
        score = trainer.callback_metrics.get(self.monitor) if self.monitor else None
        if trainer.state.fn == "fit" and score is not None and float(score) > self.best:
            self.best = float(score)
            trainer.save_checkpoint(self.best_file)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the last epoch, and stop before the test if a signal was received."""
        self._save(trainer, trainer.current_epoch, batch=0)
        self._leave_if_asked(trainer)

    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any
    ) -> None:
        """Stop if a signal was received; a resumed run tests from the start."""
        if trainer.world_size == 1:  # several processes may have different numbers of batches
            self._leave_if_asked(trainer)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop if a signal was received."""
        self._leave_if_asked(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Restore signal handlers, and kill processes that would wait for a failed one."""
        self._signals.remove()
        if not isinstance(exception, (SystemExit, KeyboardInterrupt)):
            lightning.kill_other_processes(trainer)

    def _decide(self, trainer: pl.Trainer) -> int:
        """Return what all processes do after this batch."""
        due = time.monotonic() - self._saved_at > 60 * self.every_minutes
        decision = STOP if self._signals.received else SAVE if due else GO_ON
        if trainer.world_size == 1:
            return decision
        agreed = torch.tensor(decision, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(agreed, reduce_op="max"))

    def _leave_if_asked(self, trainer: pl.Trainer) -> None:
        if self._decide(trainer) == STOP:
            self._leave(trainer)

    def _leave(self, trainer: pl.Trainer) -> None:
        """End the process of a run that has been saved."""
        trainer.strategy.barrier("stopping")
        if not trainer.is_global_zero:
            raise SystemExit(0)
        number = self._signals.received or signal.SIGTERM  # another process has got it
        epoch = min(trainer.current_epoch + 1, trainer.max_epochs or 1)
        where = "in the test" if trainer.testing else f"in epoch {epoch}"
        log.info(
            "stopped by %s %s; kept: %s; continue with: fidip train resume=%s",
            number.name,
            where,
            self.folder / "last.ckpt",
            self.folder.parent,
        )
        requeued = belongs_in_queue(number) and requeue(self.max_requeues)
        raise SystemExit(0 if requeued else 128 + number)

    def _save(self, trainer: pl.Trainer, epoch: int, batch: int) -> None:
        require_finite_weights(trainer, trainer.lightning_module)
        self._position = (epoch, batch)
        try:
            trainer.save_checkpoint(self.folder / "last.ckpt")
        finally:
            self._position = None
        self._saved_at = time.monotonic()

    # What.

    def state_dict(self) -> dict[str, Any]:
        """Return the best score, which a resumed run must exceed."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best score."""
        self.best = state_dict["best"]

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add what Lightning omits: position in the epoch, random states and curves."""
        if self._position is None:
            return
        lightning.set_position(checkpoint["loops"]["fit_loop"], *self._position)
        checkpoint["processes"] = _gather(
            {"random": random_state(), "curves": pl_module.curves.state_dict()}
        )
        checkpoint["rows"] = [logger.rows for logger in trainer.loggers if hasattr(logger, "rows")]

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Read the states of this process.

        Raises:
            RunError: the checkpoint was saved by another number of processes.
        """
        saved = len(checkpoint.get("processes", []))
        if saved != trainer.world_size:
            raise RunError(
                f"{self.folder.parent}: saved by {saved} process(es), resumed by "
                f"{trainer.world_size}; resume with as many (trainer.devices)"
            )
        self._restored = checkpoint["processes"][trainer.global_rank]
        writers = [logger for logger in trainer.loggers if hasattr(logger, "rows")]
        for logger, rows in zip(writers, checkpoint["rows"], strict=True):
            logger.restore(rows)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore random states, curves and the sampler's position of a resumed run."""
        self._saved_at = time.monotonic()
        if self._restored is None:
            return
        require_finite_weights(trainer, pl_module)
        pl_module.curves.load_state_dict(self._restored["curves"])
        set_random_state(self._restored["random"])
        batch = lightning.batches_before(trainer)
        sampler = trainer.train_dataloader.sampler
        sampler.set_epoch(trainer.current_epoch)
        sampler.set_position(trainer.current_epoch, batch)
        lightning.restart_loader(trainer, batch)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any
    ) -> None:
        """Discard the restored state: from here on, the run has its own."""
        self._restored = None


def _gather(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the states of all processes, in every process."""
    if not (dist.is_available() and dist.is_initialized()):
        return [state]
    states: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(states, state)
    return states
