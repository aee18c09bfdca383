"""A paragraph on each method, from its runs: part of the page that report.py writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cells import Row, gaps_closed, over_targets

from fidip.io.paths import config_dir
from fidip.report.formatting import show_number, show_signed

PLAIN = "finetune"
"""The method that the others are compared with."""


def paragraphs(rows: Sequence[Row]) -> list[str]:
    """Return what each method is and what came of it, of one start."""
    closed = gaps_closed(rows)
    texts: dict[str, list[str]] = {}
    for (labels, method), group in over_targets(rows).items():
        words = texts.setdefault(method, [f"**{method}.**", *_about(method)])
        words += _sentences(labels, method, group, closed)
    return [" ".join(words) for words in texts.values()]


def _about(method: str) -> list[str]:
    """Return the first comment of a method's file; nothing for a method with swept settings."""
    file = config_dir() / "method" / f"{method}.yaml"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    comments = [line for line in lines if line.startswith("# ") and "@package" not in line]
    return [line.removeprefix("# ") for line in comments[:1]]


def _sentences(
    labels: str, method: str, group: Sequence[Row], closed: dict[Row, float]
) -> Iterator[str]:
    """Yield sentences about the runs of a method with one number of labels."""
    number = {"0": "Without labels", "1": "With 1 label"}.get(labels, f"With {labels} labels")
    yield f"{number}, AP is {_listed(group, lambda row: show_number(row.ap))}."
    compared = [row for row in group if PLAIN in row.differences]
    if compared and method != PLAIN:
        yield f"Its difference from fine-tuning is {_listed(compared, _difference)}."
    known = [row for row in group if row in closed]
    if known and (labels, method) not in (("0", PLAIN), ("all", PLAIN)):
        shares = _listed(known, lambda row: f"{closed[row]:.0%}")
        yield f"Of the gap to all labels, it closes {shares}."
    kept = [row for row in group if row.kept is not None]
    if kept:
        shares = _listed(kept, lambda row: f"{row.kept:.0%}")
        yield f"Of the AP on adults, it keeps {shares}."


def _difference(row: Row) -> str:
    difference, verdict = row.differences[PLAIN]
    return f"{show_signed(difference.value)}{f' ({verdict})' if verdict else ''}"


def _listed(rows: Sequence[Row], shown: Callable[[Row], str]) -> str:
    """Return the value of each target in words, such as ``0.250 on home and 0.040 on night``."""
    *first, last = [f"{shown(row)} on {row.cell.target}" for row in rows]
    return f"{', '.join(first)} and {last}" if first else last
