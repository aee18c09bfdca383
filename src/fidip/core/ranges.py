"""Type hints for ranges, and for numbers in a range, which configuration schemas enforce."""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

Count = Annotated[int, Ge(0), Le(10**9)]
Positive = Annotated[int, Ge(1), Le(10**9)]
Fraction = Annotated[float, Ge(0), Le(1)]
FractionBelow1 = Annotated[float, Ge(0), Lt(1)]
NonNegative = Annotated[float, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
Range = tuple[float, float]
"""Lowest and highest value."""
