"""Progress of a run on terminals and in log files."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar

BAR_FORMATS = {
    "train/loss": "loss {:.5f}",
    "train/domain_loss": "domain loss {:.3f}",
    "train/domain_accuracy": "domain accuracy {:.3f}",
    "val/loss": "val loss {:.5f}",
    "val/AP": "val AP {:.3f}",
    "val/OKS": "val OKS {:.3f}",
    "val/agreement": "val agreement {:.3f}",
    "val/teacher_agreement": "teacher agreement {:.3f}",
}


def epoch_line(epoch: int, epochs: int, metrics: dict[str, Any], seconds: float) -> str:
    """Return a line about a finished epoch with the metrics of ``BAR_FORMATS``.

    Args:
        epoch: number of the epoch, from 1.
        epochs: number of epochs of the run.
        metrics: values by name.
        seconds: duration of the epoch in s.
    """
    values = [
        text.format(float(metrics[name])) for name, text in BAR_FORMATS.items() if name in metrics
    ]
    return "  ".join([f"epoch {epoch:>3}/{epochs}", *values, f"{seconds:.0f} s"])


class ProgressBar(TQDMProgressBar):
    """Progress bar within the epoch on a terminal, and a line for each epoch.

    Args:
        refresh_rate: batches between two updates of the bar.
    """

    def __init__(self, refresh_rate: int = 5) -> None:
        super().__init__(refresh_rate=refresh_rate if sys.stdout.isatty() else 0, leave=False)
        self._started = time.monotonic()  # for a run that resumes within an epoch

    def on_train_epoch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        """Start the clock of the epoch."""
        super().on_train_epoch_start(trainer, *args)
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print a line that remains: losses, scores and duration of the epoch."""
        super().on_train_epoch_end(trainer, pl_module)
        if trainer.is_global_zero:
            seconds = time.monotonic() - self._started
            epochs = trainer.max_epochs or 0
            print(epoch_line(trainer.current_epoch + 1, epochs, trainer.callback_metrics, seconds))
            sys.stdout.flush()
