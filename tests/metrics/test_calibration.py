"""Calibration error by hand, and fits against what they were made from and against a grid."""

import numpy as np
import pytest
from scipy.special import expit, logit

from fidip.metrics import Calibration, fit_calibration, reliability
from fidip.metrics.calibration import CLIP


def test_equal_scores_and_similarities_have_no_error():
    values = np.random.default_rng(0).uniform(0, 1, 105)
    found = reliability(values, values)
    assert found["ece"] == pytest.approx(0)
    assert sorted(row["people"] for row in found["bins"]) == [10] * 5 + [11] * 5


def test_people_of_one_score_are_one_bin():
    oks = np.array([0.1, 0.2, 0.9, 0.4])
    found = reliability(np.full(4, 0.7), oks)
    assert found["bins"] == [{"people": 4, "score": pytest.approx(0.7), "oks": pytest.approx(0.4)}]
    assert found["ece"] == pytest.approx(0.3)


def test_errors_of_bins_are_weighed_by_their_people():
    scores = np.array([0.2, 0.2, 0.2, 0.8])
    oks = np.array([0.1, 0.3, 0.5, 0.4])
    found = reliability(scores, oks, bins=2)
    assert [row["people"] for row in found["bins"]] == [3, 1]
    assert found["ece"] == pytest.approx((3 * 0.1 + 1 * 0.4) / 4)


def test_a_known_calibration_is_found_again():
    scores = np.random.default_rng(1).uniform(0.05, 0.95, 50)
    fitted = fit_calibration(scores, expit(0.6 * logit(scores) + 0.4))
    assert fitted.slope == pytest.approx(0.6, abs=1e-3)
    assert fitted.bias == pytest.approx(0.4, abs=1e-3)


def test_no_other_parameters_fit_better():
    rng = np.random.default_rng(2)
    scores = rng.uniform(0, 1, 30)
    oks = np.clip(scores * 0.5 + rng.normal(0.3, 0.1, 30), 0, 1)

    def loss(calibration):
        p = calibration(scores)
        return -(oks * np.log(p) + (1 - oks) * np.log(1 - p)).mean()

    best = loss(fit_calibration(scores, oks))
    grid = [Calibration(a, b) for a in np.linspace(0, 3, 61) for b in np.linspace(-2, 2, 81)]
    assert best <= min(map(loss, grid)) + 1e-6
    assert best == pytest.approx(min(map(loss, grid)), abs=1e-3)


def test_the_order_of_scores_stays_even_where_better_scored_people_are_worse():
    scores = np.linspace(0.1, 0.9, 20)
    calibrated = fit_calibration(scores, 1 - scores)(np.linspace(-1, 2, 50))
    assert (np.diff(calibrated) >= 0).all()
    assert ((calibrated > 0) & (calibrated < 1)).all()


def test_calibration_raises_scores_that_are_too_low():
    rng = np.random.default_rng(3)
    true = rng.uniform(0.3, 0.95, 400)
    oks, scores = np.clip(true + rng.normal(0, 0.05, 400), 0, 1), 0.5 * true
    calibration = fit_calibration(scores[:100], oks[:100])
    before, after = (reliability(s[100:], oks[100:])["ece"] for s in (scores, calibration(scores)))
    assert before > 0.25
    assert after < 0.04


def test_scores_of_heatmaps_may_leave_0_to_1():
    calibration = Calibration(1.0, 0.0)
    np.testing.assert_allclose(calibration(np.array([-0.1, 1.2])), [CLIP, 1 - CLIP])
