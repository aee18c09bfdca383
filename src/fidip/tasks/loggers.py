"""Loggers that need more than their constructor."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, WandbLogger


def csv_logger(save_dir: str) -> CSVLogger:
    """Writes ``save_dir/metrics.csv``; goes on after the rows that a resumed run left there."""
    logger = CSVLogger(save_dir, name="", version="")
    rows = _read_rows(Path(save_dir) / "metrics.csv")
    logger.experiment.metrics = rows
    return logger


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


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
