"""Tables on the terminal, or as text if the output is not a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import HEAVY_HEAD, Box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

WIDTH = 160
"""Characters per line if the output is a file or a pipe."""


def print_parts(*parts: RenderableType, width: int | None = None) -> None:
    """Print tables and texts.

    Args:
        parts: tables and texts to print, one below the other.
        width: characters per line; None for the terminal's width, or ``WIDTH`` without a terminal.
    """
    console = Console(width=width)
    if width is None and not console.is_terminal:
        console.width = WIDTH
    for part in parts:
        console.print(part, highlight=False)


def text_table(
    columns: Iterable[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[str] = (),
    unbroken: Iterable[str] = (),
    box: Box | None = HEAVY_HEAD,
    caption: str = "",
    **options: Any,
) -> Table:
    """Return a table of plain text, without markup and without truncated cells.

    Args:
        columns: the headings.
        rows: the cells, converted to text.
        right: headings of right-aligned columns.
        unbroken: headings of columns without line breaks.
        box: style of the lines around cells.
        caption: text below the table.
        options: further options of ``rich.table.Table``.

    Example:
        >>> text_table(["name", "AP"], [["a [b]", 0.5]]).row_count
        1
    """
    table = Table(box=box, caption=Text(caption) if caption else None, **options)
    table.caption_justify = "left"
    aligned, whole = set(right), set(unbroken)
    for name in columns:
        table.add_column(
            Text(name),
            justify="right" if name in aligned else "left",
            no_wrap=name in whole,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table
