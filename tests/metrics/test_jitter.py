"""Figures of motion against motions whose figures are known."""

import numpy as np
import pytest

from fidip.metrics import track_quality as motion

RNG = np.random.default_rng(0)
EVEN = np.arange(90) / 30
UNEVEN = np.cumsum(RNG.uniform(0.6, 1.4, 90)) / 30


def moving(times, wobble=0.0):
    """(T, 17, 2) a body with a torso 40 px long that sways; its left ankle swings at 2 Hz."""
    rest = RNG.uniform(0, 100, (17, 2))
    rest[motion.SHOULDERS], rest[motion.HIPS] = [(40, 20), (60, 20)], [(44, 60), (56, 60)]
    xy = rest + 3 * np.sin(2 * np.pi * 0.3 * times)[:, None, None]
    xy[:, 15, 0] += 20 * np.sin(2 * np.pi * 2 * times)
    return xy + RNG.normal(0, wobble, xy.shape) if wobble else xy


@pytest.mark.parametrize("times", [EVEN, UNEVEN])
def test_a_parabola_has_its_own_velocity_and_acceleration(times):
    start, speed, bend = RNG.normal(size=(3, 17, 2))
    t = times[:, None, None]
    xy = start + speed * t + bend * t**2 / 2
    np.testing.assert_allclose(motion.velocity(times, xy)[1:-1], (speed + bend * t)[1:-1])
    constant = np.broadcast_to(bend, xy[1:-1].shape)
    np.testing.assert_allclose(motion.acceleration(times, xy)[1:-1], constant, atol=1e-8)


def test_frames_next_to_an_unknown_keypoint_have_no_velocity():
    xy = moving(EVEN)
    xy[10, 3] = np.nan
    unknown = np.isnan(motion.velocity(EVEN, xy)[:, 3, 0])
    assert np.flatnonzero(unknown).tolist() == [0, 9, 10, 11, 89]


def test_the_torso_is_measured_from_shoulders_to_hips():
    assert motion.torso_length(moving(EVEN)) == pytest.approx(40)
    assert np.isnan(motion.torso_length(np.full((3, 17, 2), np.nan)))


def test_jitter_of_white_noise_is_root_six_of_it_by_the_frame_squared():
    """Var(a - 2b + c) = 6 sigma², in both coordinates."""
    times = np.arange(4000) / 30
    truth = moving(times)
    noise = RNG.normal(0, 2, truth.shape)
    expected = np.sqrt(2 * 6) * 2 * 30**2 / 40
    assert motion.jitter(times, truth + noise, truth) == pytest.approx(expected, rel=0.02)
    assert motion.jitter(times, truth + 5, truth) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("times", [EVEN, UNEVEN])
@pytest.mark.parametrize("lag", [-1.5, 0, 0.4, 3])
def test_a_lag_is_found_in_frames(times, lag):
    frame = np.median(np.diff(times))
    rng_state = RNG.bit_generator.state
    truth = moving(times)
    RNG.bit_generator.state = rng_state
    late = moving(times - lag * frame)
    assert motion.lag_frames(times, late, truth) == pytest.approx(lag, abs=0.1)


def test_a_few_frames_have_no_lag():
    with pytest.raises(ValueError, match="expected more than 20"):
        motion.lag_frames(EVEN[:15], moving(EVEN[:15]), moving(EVEN[:15]))


def test_the_error_where_it_is_rapid():
    truth = moving(EVEN)
    fast = motion.rapid(EVEN, truth, faster_than=3)
    assert fast[:, 15].any()
    assert not np.delete(fast, 15, axis=1).any()
    late = truth.copy()
    late[:, 15] += (8, 6)
    assert motion.position_error(late, truth, fast) == pytest.approx(10 / 40)
    assert motion.position_error(late, truth) == pytest.approx(10 / 40 / 17)
    assert np.isnan(motion.position_error(late, truth, np.zeros_like(fast)))
