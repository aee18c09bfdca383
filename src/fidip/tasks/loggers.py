"""Loggers that need more than their constructor."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only


class CurveFile(Logger):
    """Writes ``save_dir/metrics.csv``, a row for every call.

    The rows are a part of the checkpoint, so that a run that goes on from it neither repeats nor
    misses one.

    Args:
        save_dir: the run folder.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.csv"
        self.rows: list[dict[str, float]] = []

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """They are in ``config.yaml``."""

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        known = set(self._columns())
        row = {name: float(value) for name, value in metrics.items()}
        self.rows.append({**row, "epoch": int(row["epoch"])} if "epoch" in row else row)
        self.rows[-1]["step"] = len(self.rows) - 1 if step is None else step
        if known.issuperset(self.rows[-1]):
            self._write("a", self.rows[-1:])
        else:
            self._write("w", self.rows)

    @rank_zero_only  # type: ignore[untyped-decorator]
    def restore(self, rows: list[dict[str, float]]) -> None:
        """Go on after these rows, whatever the file holds."""
        self.rows = list(rows)
        self._write("w", self.rows)

    def _columns(self) -> list[str]:
        return sorted({name for row in self.rows for name in row})

    def _write(self, mode: str, rows: list[dict[str, float]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open(mode, newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns())
            if mode == "w":
                writer.writeheader()
            writer.writerows(rows)


def wandb_logger(save_dir: str, name: str, group: str, tags: Sequence[str]) -> WandbLogger:
    """A W&B run; offline (``wandb sync`` sends it later) where no API key is known."""
    online = "WANDB_API_KEY" in os.environ or "api.wandb.ai" in _netrc()
    return WandbLogger(
        project="fidip",
        save_dir=save_dir,
        name=name,
        group=group,
        tags=list(tags),
        offline=not online,
    )


def _netrc() -> str:
    path = Path.home() / ".netrc"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def publish(
    loggers: Sequence[Logger], config: dict[str, Any], metrics: dict[str, Any], picture: Path
) -> None:
    """Tell W&B, where it logs, what a run was and came to, and end it there."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.config.update(config)
            logger.experiment.summary.update({f"test/{name}": v for name, v in metrics.items()})
            logger.log_image("test/overlays", [str(picture)])
            logger.experiment.finish()
