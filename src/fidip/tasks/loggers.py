"""Logger of training curves to a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from fidip.io.atomic import write_text_atomic


class CurveFile(Logger):
    """Logger that writes ``save_dir/metrics.csv``, one row per call.

    Checkpoints store the rows, so that a resumed run neither repeats nor loses one.

    Args:
        save_dir: the run directory.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.csv"
        self.rows: list[dict[str, float]] = []

    @property
    def name(self) -> str:
        """Empty: the file lies directly in the run directory."""
        return ""

    @property
    def version(self) -> str:
        """Empty: a run directory has one file of curves."""
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing, because the settings are in ``config.yaml``."""

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Append a row, and write the file."""
        row = {name: float(value) for name, value in metrics.items()}
        self.rows.append({**row, "epoch": int(row["epoch"])} if "epoch" in row else row)
        self.rows[-1]["step"] = len(self.rows) - 1 if step is None else step
        self._write()

    @rank_zero_only  # type: ignore[untyped-decorator]
    def restore(self, rows: list[dict[str, float]]) -> None:
        """Continue after the rows of a checkpoint and replace the content of the file.

        Args:
            rows: values by column name.
        """
        self.rows = list(rows)
        self._write()

    def _write(self) -> None:
        """Write all rows, at most a few hundred, so that the file is always complete."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, sorted({name for row in self.rows for name in row}))
        writer.writeheader()
        writer.writerows(self.rows)
        write_text_atomic(self.path, text.getvalue())
