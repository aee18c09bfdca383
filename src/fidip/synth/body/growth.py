"""Shapes of infants by age, from premature to one year.

The first component of the infant shapes ranges from short bodies with large heads to long ones with
small heads. Age determines it; the body is then scaled to the length at that age.
"""

from __future__ import annotations

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body

MONTHS = (-2.0, 0.0, 3.0, 6.0, 9.0, 12.0)
"""Ages of the tables below, months from term; -2 is 32 weeks of gestation."""
LENGTH_CM = (41.8, 49.5, 60.6, 66.7, 71.1, 74.9)
"""Median crown-heel length, mean of the sexes.

WHO Child Growth Standards 2006; before term Fenton and Kim, BMC Pediatrics 13:59, 2013.
"""
_HEAD_TO_BODY = (-0.95, -0.8, -0.25, 0.12, 0.5, 0.95)
"""Component whose ratio of head circumference to length is that of the age in these sources."""
_LENGTH_DEVIATION = 0.037  # of the length


def infant_shape(
    body: Body, coefficients: Floats, months: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw the rest shape of an infant.

    Args:
        body: the body.
        coefficients: (C,) shape coefficients; age replaces the first one.
        months: age, months from term.
        rng: random stream of the deviations from the median.

    Returns:
        Rest vertices (V, 3) and bone heads (J, 3), metres.
    """
    shape = coefficients.copy()
    shape[0] = np.interp(months, MONTHS, _HEAD_TO_BODY) + rng.normal(0, 0.2)
    rest, heads = body.rest("infant", shape)
    deviation = np.clip(rng.normal(0, 1), -2, 2) * _LENGTH_DEVIATION
    length = np.interp(months, MONTHS, LENGTH_CM) / 100 * (1 + deviation)
    scale = length / np.ptp(rest[:, 2])
    return rest * scale, heads * scale
