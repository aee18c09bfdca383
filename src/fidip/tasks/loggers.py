"""Loggers that need more than their constructor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pytorch_lightning.loggers import WandbLogger


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
