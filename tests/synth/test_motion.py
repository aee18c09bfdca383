"""Motion: smooth, within limits, the same movement at any frame rate."""

from dataclasses import fields, replace

import numpy as np
import pytest

from fidip.synth.body.body_model import default_body
from fidip.synth.pose.joint_angles import trunk_rotation
from fidip.synth.pose.motion import draw_motion
from fidip.synth.pose.posture import LIMITS, POSTURES, AngleRanges

NAMES = [f.name for f in fields(AngleRanges)]


@pytest.fixture(scope="module")
def heads():
    return default_body().rest("infant", np.zeros(8))[1]


@pytest.fixture(scope="module")
def motion(heads):
    return draw_motion(default_body(), heads, "supine", 3)


def angles(motion, times):
    """(T, 2, A) degrees."""
    drawn = [motion.angles(t) for t in times]
    return np.array([[[d[n] for n in NAMES] for d in (a.left, a.right)] for a in drawn])


def test_angles_stay_within_the_limits_of_joints(heads):
    for seed, posture in enumerate(p for p, kind in POSTURES.items() if kind.group == "infant"):
        values = angles(draw_motion(default_body(), heads, posture, seed), np.arange(0, 60, 0.37))
        low, high = np.array([getattr(LIMITS, n) for n in NAMES]).T
        assert (values >= low - 1e-9).all()
        assert (values <= high + 1e-9).all()


def test_it_is_smooth_even_where_a_leg_kicks(motion):
    """Halving the step halves the largest change and quarters the second difference."""
    coarse, fine = (angles(motion, np.arange(0, 20, step)) for step in (0.01, 0.005))
    assert abs(np.diff(coarse, axis=0)).max() < 30  # degrees in 10 ms
    assert abs(np.diff(fine, axis=0)).max() < 0.6 * abs(np.diff(coarse, axis=0)).max()
    assert abs(np.diff(fine, 2, axis=0)).max() < 0.35 * abs(np.diff(coarse, 2, axis=0)).max()


def test_the_frame_rate_samples_the_same_movement(motion, heads):
    body = default_body()
    again = draw_motion(body, heads, "supine", 3)
    np.testing.assert_array_equal(
        angles(motion, np.arange(0, 10, 0.2)), angles(again, np.arange(0, 10, 0.1))[::2]
    )
    np.testing.assert_array_equal(
        motion.rotations(body, heads, 4.2), again.rotations(body, heads, 4.2)
    )


def test_it_does_not_repeat(motion):
    """No lag from 1 to 30 s at which the movement correlates with itself as with no lag."""
    values = angles(motion, np.arange(0, 60, 0.1))[:, 0]
    values = (values - values.mean(0)) / values.std(0)
    for lag in range(10, 300, 5):
        assert (values[:-lag] * values[lag:]).mean() < 0.8


def test_limbs_start_and_stop_by_themselves(motion):
    activity = np.array([motion.activities(t) for t in np.arange(0, 60, 0.1)])
    assert (activity.min(0) < 0.4).all()
    assert (activity.max(0) > 0.8).all()
    assert abs(np.corrcoef(activity.T)[~np.eye(6, dtype=bool)]).max() < 0.95


def test_kicks_are_the_fastest_there_is(motion):
    times = np.arange(0, 60, 1 / 60)
    speed = abs(np.diff(angles(motion, times)[..., NAMES.index("knee")], axis=0)) * 60
    start, length, side, _ = motion.kicks[motion.kicks[:, 3].argmax()]
    inside = (times[:-1] > start) & (times[:-1] < start + length)
    assert speed[inside, int(side)].max() > 2 * np.percentile(speed, 95)


def test_another_seed_moves_otherwise(motion, heads):
    other = draw_motion(default_body(), heads, "supine", 4)
    times = np.arange(0, 10, 0.5)
    assert abs(angles(motion, times) - angles(other, times)).mean() > 5


@pytest.mark.parametrize(("sway", "part"), [(9.0, 0.5 + 0.35), (0.0, 0.5), (-9.0, 0.5 - 0.35)])
def test_the_trunk_sways_around_the_middle_of_its_range(motion, heads, sway, part):
    """The first curve moves the side angle, the second one the pitch, each in its direction."""
    body, posture = default_body(), POSTURES["supine"]
    (low_side, high_side), (low_pitch, high_pitch) = posture.side, posture.pitch
    swaying = replace(motion, vigour=1.0, sway=lambda time: np.array([sway, -sway / 3]))
    turned = swaying.rotations(body, heads, 0.0)[body.bones.index("root")]
    side = low_side + part * (high_side - low_side)
    pitch_part = 0.5 - 0.35 * np.tanh(sway / 3)
    pitch = low_pitch + pitch_part * (high_pitch - low_pitch)
    np.testing.assert_allclose(turned, trunk_rotation(side, pitch), atol=1e-6)
