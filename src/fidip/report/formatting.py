"""Formatting of numbers and intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOT_AVAILABLE = "n/a"


def show_number(value: float | None, missing: str = NOT_AVAILABLE) -> str:
    """Return a number with three decimals, or ``missing`` for None.

    Args:
        value: the number.
        missing: text for None.

    Example:
        >>> show_number(0.98765), show_number(None)
        ('0.988', 'n/a')
    """
    return missing if value is None else f"{value:.3f}"


def show_signed(value: float) -> str:
    """Return a number with three decimals and its sign, which a rounded zero does not have.

    Args:
        value: the number.

    Example:
        >>> show_signed(0.0123), show_signed(-0.0001)
        ('+0.012', '0.000')
    """
    shown = f"{value:+.3f}"
    return shown if float(shown) else shown[1:]


def show_interval(interval: Sequence[float] | None, missing: str = NOT_AVAILABLE) -> str:
    """Return both ends of an interval, or ``missing`` for None.

    Args:
        interval: (low, high).
        missing: text for None.

    Example:
        >>> show_interval((0.4, 0.6))
        '0.400 to 0.600'
    """
    return missing if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def show_difference(value: float, interval: Sequence[float]) -> str:
    """Return a difference with both ends of its interval.

    Args:
        value: the difference.
        interval: (low, high).

    Example:
        >>> show_difference(0.05, (-0.01, 0.11))
        '+0.050 (-0.010 to +0.110)'
    """
    low, high = map(show_signed, interval)
    return f"{show_signed(value)} ({low} to {high})"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Return a table in Markdown.

    Args:
        header: the headings.
        rows: as many cells each.

    Example:
        >>> print(markdown_table(["a", "b"], [["1", "x|y"]]))
        | a | b |
        | --- | --- |
        | 1 | x\|y |
    """
    lines = [header, ["---"] * len(header), *rows]
    cells = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)
