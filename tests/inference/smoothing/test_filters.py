"""What every filter must do, and each by its own formula."""

from dataclasses import replace

import numpy as np
import pytest

from fidip.core.errors import ConfigError
from fidip.inference.smoothing import (
    Chain,
    FillGaps,
    Hampel,
    KalmanSmoother,
    OneEuro,
    SavitzkyGolay,
    SwapRepair,
    apply_step,
)
from fidip.inference.smoothing.chain import usual_size
from fidip.inference.smoothing.kalman import START_STD, motion_model
from tests.inference.smoothing import made_tracks
from tests.inference.smoothing.made_tracks import even, joint, movement, observed, track, uneven

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

OFFLINE = [
    Hampel(),
    SwapRepair(),
    OneEuro(),
    SavitzkyGolay(),
    KalmanSmoother(),
    FillGaps(),
    Chain(),
]
CAUSAL = [Hampel(), SwapRepair(), OneEuro(), KalmanSmoother()]
ALL = [*OFFLINE, *(Chain([each], causal=True) for each in CAUSAL)]


@pytest.mark.parametrize("times", [even(2), uneven(2)], ids=["even", "uneven"])
@pytest.mark.parametrize("filter_", ALL, ids=repr)
def test_a_still_body_stays_where_it_is(filter_, times):
    still = track(times, np.tile(made_tracks.REST, (len(times), 1, 1)))
    np.testing.assert_allclose(filter_(still).xy, still.xy, atol=1e-6)
    np.testing.assert_array_equal(filter_(still).scores, still.scores)


@pytest.mark.parametrize("filter_", ALL, ids=repr)
def test_it_does_not_matter_where_the_body_is_and_how_large(filter_):
    times = uneven(2)
    one = observed(times, movement(times))
    other = filter_(replace(one, xy=700 + 3.5 * one.xy))
    np.testing.assert_allclose(other.xy, 700 + 3.5 * filter_(one).xy, rtol=1e-6)


@pytest.mark.parametrize("filter_", ALL, ids=repr)
@pytest.mark.parametrize("length", [1, 2, 5])
def test_short_and_empty_tracks_pass(filter_, length):
    times = even()[:length]
    short = track(times, movement(times))
    assert np.isfinite(filter_(short).xy).all()
    unknown = track(times, np.full((length, 17, 2), np.nan))
    assert np.isnan(filter_(unknown).xy).all()
    assert not filter_(unknown).scores.any()


@pytest.mark.parametrize("filter_", CAUSAL, ids=repr)
def test_online_no_later_frame_is_used(filter_):
    times = uneven(3)
    whole = observed(times, movement(times))
    start = replace(whole, times=times[:40], xy=whole.xy[:40], scores=whole.scores[:40],
                    boxes_xywh=whole.boxes_xywh[:40])  # fmt: skip
    np.testing.assert_array_equal(
        apply_step(filter_.online(), whole).xy[:40], apply_step(filter_.online(), start).xy
    )


def test_a_filter_that_needs_later_frames_is_refused_online():
    with pytest.raises(ConfigError, match="SavitzkyGolay needs later frames"):
        Chain([Hampel(), SavitzkyGolay()], causal=True)


def test_the_smoother_is_the_most_likely_movement():
    """Equals one least-squares problem over all frames for normal noise (Bell and Cathey 1993)."""
    times, rng = uneven(0.7), np.random.default_rng(0)
    noisy = track(times, movement(times) + rng.normal(0, 3, (len(times), 17, 2)))
    kalman = KalmanSmoother(tail=1e12, rounds=1)
    size = usual_size(noisy.xy)
    std = size * kalman.noise * np.exp(-kalman.decay * np.float64(np.float32(0.9)))
    rows, targets = [], []
    count = len(times)
    prior = np.zeros((3, 3 * count))
    prior[:, :3] = np.diag(1 / (np.array(START_STD) * size))
    rows.append(prior)
    targets.append(prior[:, :1] * noisy.xy[0, 3][None])
    for t in range(count):
        row = np.zeros((1, 3 * count))
        row[0, 3 * t] = 1 / std
        rows.append(row)
        targets.append(noisy.xy[t, 3][None] / std)
    for t in range(count - 1):
        change, spread = motion_model(times[t + 1] - times[t])
        root = np.linalg.inv(np.linalg.cholesky(spread)) / (kalman.jerk * size)
        row = np.zeros((3, 3 * count))
        row[:, 3 * t : 3 * t + 3], row[:, 3 * t + 3 : 3 * t + 6] = -root @ change, root
        rows.append(row)
        targets.append(np.zeros((3, 2)))
    expected = np.linalg.lstsq(np.vstack(rows), np.vstack(targets), rcond=None)[0][::3]
    np.testing.assert_allclose(kalman(noisy).xy[:, 3], expected, atol=1e-4)


def test_white_jerk_adds_up():
    """Two steps equal one: F(a + b) = F(b) F(a), Q(a + b) = F(b) Q(a) F(b)' + Q(b)."""
    (f_a, q_a), (f_b, q_b), (f, q) = (motion_model(t) for t in (0.03, 0.05, 0.08))
    np.testing.assert_allclose(f, f_b @ f_a)
    np.testing.assert_allclose(q, f_b @ q_a @ f_b.T + q_b)


def test_the_smoother_fills_only_short_gaps():
    times = even(3)
    truth = movement(times)
    gappy = truth.copy()
    gappy[10:14], gappy[40:70], gappy[:3] = np.nan, np.nan, np.nan
    smooth = KalmanSmoother()(track(times, gappy))
    known = smooth.known.all(axis=1)
    assert known[10:14].all()
    assert not known[40:70].any()
    assert not known[:3].any()
    assert known[[3, 39, 70]].all()
    assert np.abs(smooth.xy[10:14] - truth[10:14]).max() < 4
    assert not smooth.scores[10:14].any()


def test_the_1_euro_filter_is_the_published_one():
    """Casiez et al. 2012, algorithm 1, written out for one joint that moves along x."""
    times, settings = uneven(1), OneEuro(min_cutoff=1.5, beta=0.8, speed_cutoff=1.2)
    xy = np.tile(made_tracks.REST, (len(times), 1, 1))
    xy[:, 9, 0] += np.random.default_rng(1).normal(0, 5, len(times)).cumsum()
    a_track = track(times, xy)
    xs = xy[:, 9, 0]
    size = usual_size(xy)  # one joint of 17 hardly moves the median
    value, speed, expected = xs[0], 0.0, [xs[0]]

    def alpha(cutoff, elapsed):
        tau = 1 / (2 * np.pi * cutoff)
        return 1 / (1 + tau / elapsed)

    for x, elapsed in zip(xs[1:], np.diff(times), strict=True):
        a_d = alpha(1.2, elapsed)
        speed = a_d * (x - value) / elapsed + (1 - a_d) * speed
        a = alpha(1.5 + 0.8 * abs(speed) / size, elapsed)
        value = a * x + (1 - a) * value
        expected.append(value)
    np.testing.assert_allclose(settings(a_track).xy[:, 9, 0], expected, atol=0.2)


@pytest.mark.parametrize("case", ["two joints", "one place"])
def test_without_a_body_size_the_1_euro_filter_has_a_constant_cutoff(case):
    times = uneven(1)
    steps = np.random.default_rng(1).normal(0, 5, (len(times), 2)).cumsum(axis=0)
    rest = made_tracks.REST if case == "two joints" else np.full((17, 2), 50.0)
    xy = rest + steps[:, None]
    if case == "two joints":
        xy[:, 2:] = np.nan
    expected = [xy[0]]
    for now, elapsed in zip(xy[1:], np.diff(times), strict=True):
        weight = 1 / (1 + 1 / (2 * np.pi * 1.5 * elapsed))
        expected.append(weight * now + (1 - weight) * expected[-1])
    smooth = OneEuro(min_cutoff=1.5, beta=0.8)(track(times, xy)).xy
    np.testing.assert_allclose(smooth, expected)


def test_after_a_long_gap_the_1_euro_filter_restarts():
    times = even(3)
    xy = np.tile(made_tracks.REST, (len(times), 1, 1))
    xy[30:60] = np.nan
    xy[60:] += 100
    smooth = OneEuro(forget=0.5)(track(times, xy)).xy
    assert np.isnan(smooth[30:60]).all()
    np.testing.assert_allclose(smooth[60], xy[60])


@pytest.mark.parametrize("filter_", [Hampel(), Chain([Hampel()], causal=True)], ids=repr)
def test_jumps_are_removed_and_kicks_are_not(filter_):
    times = even(6)
    truth = movement(times)
    jumpy = truth.copy()
    at = np.arange(10, 170, 20)
    jumpy[at, joint("nose")] += (30, -20)
    kept = filter_(track(times, jumpy))
    gone = ~kept.known
    assert gone[at, joint("nose")].all()
    assert not kept.scores[gone].any()
    gone[at, joint("nose")] = False
    assert gone.mean() < 0.02
    assert np.linalg.norm(np.diff(truth[:, joint("left_ankle")], axis=0), axis=1).max() > 5


def test_gaps_are_filled_along_lines_up_to_a_length():
    times = uneven(2)
    line = made_tracks.REST + times[:, None, None] * np.array([30.0, -10.0])
    gappy = line.copy()
    gappy[5:9, 2], gappy[20:50, 4], gappy[:2, 6], gappy[-2:, 6] = (np.nan,) * 4
    filled = FillGaps(longest=0.3)(track(times, gappy))
    np.testing.assert_allclose(filled.xy[5:9, 2], line[5:9, 2])
    assert not filled.scores[5:9, 2].any()
    assert np.isnan(filled.xy[20:50, 4]).all()
    assert np.isnan(filled.xy[[0, 1, -2, -1], 6]).all()


def test_savitzky_golay_keeps_polynomials_of_its_order():
    times = uneven(2)
    cubic = made_tracks.REST + np.polyval((20, -30, 10, 5), times)[:, None, None]
    cubic[30:34, 5] = np.nan
    smooth = SavitzkyGolay(window=9, order=3)(track(times, cubic))
    known = np.isfinite(cubic)
    known[:, 5] = False
    np.testing.assert_allclose(smooth.xy[known], cubic[known], atol=1e-6)
    assert np.isnan(smooth.xy[30:34, 5]).all()


@pytest.mark.parametrize(
    "filter_", [SwapRepair(), Chain([SwapRepair()], causal=True)], ids=["offline", "online"]
)
def test_exchanged_legs_are_put_back_and_their_confidence_with_them(filter_):
    times = even(3)
    truth = movement(times)
    scores = np.random.default_rng(0).uniform(0.5, 1, (90, 17))
    right, left = [16, 14], [15, 13]
    found, found_scores = truth.copy(), scores.copy()
    span = slice(30, 50)
    found[span, left], found[span, right] = truth[span, right], truth[span, left]
    found_scores[span, left], found_scores[span, right] = scores[span, right], scores[span, left]
    found[38:40] = np.nan
    repaired = filter_(track(times, found, found_scores))
    seen = repaired.known
    assert seen.sum() == 88 * 17
    np.testing.assert_array_equal(repaired.xy[seen], truth[seen])
    np.testing.assert_allclose(repaired.scores[seen], scores[seen].astype(np.float32))


def test_a_long_exchange_is_believed():
    times = even(20)
    truth = np.tile(made_tracks.REST, (len(times), 1, 1))
    turned = truth.copy()
    turned[150:450] = turned[150:450][:, made_tracks.COCO17.flip_order]
    np.testing.assert_array_equal(SwapRepair(disbelief=1.0)(track(times, turned)).xy, turned)


@pytest.mark.parametrize("fps", [20, 60])
@pytest.mark.parametrize("disbelief", [0.5, 1.0, 2.0])
def test_online_an_exchange_is_repaired_until_it_has_cost_as_much_as_the_jump(disbelief, fps):
    times, start = even(12, fps), 4 * fps
    xy = np.tile(made_tracks.REST, (len(times), 1, 1))
    xy[start:, [15, 16]] = xy[start:, [16, 15]]
    repaired = Chain([SwapRepair(disbelief)], causal=True)(track(times, xy)).xy
    jump = 2 * np.linalg.norm(np.diff(made_tracks.REST[[15, 16]], axis=0))
    cost = disbelief * usual_size(xy) * np.arange(1, len(times) - start + 1) / fps
    is_repaired = (repaired[start:, 15] == made_tracks.REST[15]).all(axis=1)
    np.testing.assert_array_equal(is_repaired, cost < jump)
    assert 0 < is_repaired.sum() < len(is_repaired)


@pytest.mark.parametrize("unknown", [15, 16])
@pytest.mark.parametrize(
    "filter_", [SwapRepair(), Chain([SwapRepair()], causal=True)], ids=["offline", "online"]
)
def test_an_exchange_right_after_a_half_known_frame_is_noticed(filter_, unknown):
    times = even(2)
    truth = np.tile(made_tracks.REST, (len(times), 1, 1))
    found = truth.copy()
    found[30:40, [15, 16]] = truth[30:40, [16, 15]]
    found[29, unknown] = found[40, unknown] = np.nan
    repaired = filter_(track(times, found)).xy
    np.testing.assert_array_equal(repaired[:29], truth[:29])
    np.testing.assert_array_equal(repaired[30:40], truth[30:40])
    np.testing.assert_array_equal(repaired[41:], truth[41:])


def test_legs_that_cross_keep_their_names():
    times = even(4)
    truth = np.tile(made_tracks.REST, (len(times), 1, 1))
    truth[:, 15, 0] -= 60 * np.sin(np.pi * times / 2) ** 2
    truth[:, 16, 0] += 60 * np.sin(np.pi * times / 2) ** 2
    np.testing.assert_array_equal(SwapRepair()(track(times, truth)).xy, truth)
