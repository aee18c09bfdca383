"""Formatting of numbers and intervals."""

from __future__ import annotations

from collections.abc import Sequence

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
