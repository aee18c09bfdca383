"""Infants by age against published growth standards."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from fidip.synth.body.body_model import default_body
from fidip.synth.body.growth import infant_shape

# By months from term: median and standard deviation of length and of head circumference, cm, of
# boys and girls together. From birth: WHO Child Growth Standards (2006, 2007). Before birth, at 32
# weeks: Fenton and Kim, BMC Pediatrics 13:59 (2013).
STANDARDS = {
    -2: (41.8, 2.6, 29.3, 1.6),
    0: (49.5, 1.9, 34.2, 1.3),
    3: (60.6, 2.1, 40.0, 1.2),
    6: (66.7, 2.2, 42.8, 1.3),
    9: (71.1, 2.3, 44.4, 1.3),
    12: (74.9, 2.5, 45.5, 1.3),
}


def head_circumference(body, rest):
    """Return the longest outline, metres, of a level slice of the head between eyes and crown."""
    head = rest[body.weight_of("head") > 0.9]
    eyes = body.keypoints(rest)[1:3, 2].mean()
    slices = [
        head[np.abs(head[:, 2] - z) < 0.016 * np.ptp(rest[:, 2]), :2]
        for z in np.linspace(eyes, head[:, 2].max(), 16)[:-1]
    ]
    return max(ConvexHull(points).area for points in slices if len(points) > 5)


@pytest.mark.parametrize("months", STANDARDS)
def test_length_and_head_are_those_of_the_age(months):
    body, measured = default_body(), []
    for seed in range(12):
        rng = np.random.default_rng([months + 2, seed])
        rest, _ = infant_shape(body, rng.normal(size=8).clip(-1.6, 1.6), months, rng)
        measured.append((np.ptp(rest[:, 2]), head_circumference(body, rest)))
    length, spread, head, head_spread = (0.01 * value for value in STANDARDS[months])
    lengths, heads = np.array(measured).T
    assert lengths.mean() == pytest.approx(length, abs=spread)
    assert heads.mean() == pytest.approx(head, abs=head_spread)
    assert (np.abs(lengths - length) < 3 * spread).all()
    assert (np.abs(heads - head) < 3.5 * head_spread).all()


def test_heads_grow_slower_than_bodies():
    body, rng = default_body(), np.random.default_rng(0)
    shares = []
    for months in STANDARDS:
        rest, _ = infant_shape(body, np.zeros(8), months, rng)
        shares.append(head_circumference(body, rest) / np.ptp(rest[:, 2]))
    assert shares[0] > shares[2] > shares[-1]
