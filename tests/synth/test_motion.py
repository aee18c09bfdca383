"""Motion: smooth, within limits, the same movement at any frame rate."""

from dataclasses import fields, replace

import numpy as np
import pytest

from fidip.synth.body.body_model import default_body
from fidip.synth.pose.joint_angles import penetration, trunk_rotation
from fidip.synth.pose.motion import LONGEST_CLIP, SmoothCurves, _draw, draw_motion
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


def test_a_still_trunk_leaves_head_and_limbs_as_they_move(motion, heads):
    times, still = np.arange(0, 10, 0.5), motion.with_still_trunk()
    spine = np.isin(NAMES, ["bend", "lean", "twist"])
    moved, held = angles(motion, times), angles(still, times)
    assert np.ptp(moved[:, :, spine], axis=0).min() > 1
    assert (held[:, :, spine] == held[0][:, spine]).all()
    np.testing.assert_array_equal(held[:, :, ~spine], moved[:, :, ~spine])
    root = [still.rotations(default_body(), heads, t)[0] for t in times]
    assert (root == root[0]).all()
    assert np.ptp([motion.rotations(default_body(), heads, t)[0] for t in times], axis=0).max() > 0


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


HERTZ = {
    "wander": (0.08, 0.9), "activity": (0.02, 0.25), "haste": (0.05, 0.3), "sway": (0.03, 0.25),
    "opening": (0.03, 0.3),
}  # fmt: skip
CURVES = {"wander": 2 * len(NAMES), "activity": 6, "haste": 6, "sway": 2, "opening": 2}


def drawn(posture="supine", count=60):
    return [_draw(posture, 0.7, np.random.default_rng(seed)) for seed in range(count)]


@pytest.mark.parametrize("name", HERTZ)
def test_frequencies_are_spread_evenly_over_octaves(name):
    curves = [getattr(motion, name) for motion in drawn()]
    assert all(len(curve.frequency) == CURVES[name] for curve in curves)
    octaves = np.log(np.concatenate([curve.frequency.ravel() for curve in curves]))
    low, high = np.log(HERTZ[name])
    assert low <= octaves.min() < low + 0.05 * (high - low)
    assert high - 0.05 * (high - low) < octaves.max() <= high
    assert octaves.mean() == pytest.approx((low + high) / 2, abs=0.05 * (high - low))
    phases = np.concatenate([curve.phase.ravel() for curve in curves])
    assert 0 <= phases.min() < 0.1
    assert 2 * np.pi - 0.1 < phases.max() <= 2 * np.pi


def test_resting_positions_and_vigour_are_drawn_from_their_ranges():
    motions = drawn()
    rest = np.stack([motion.rest for motion in motions])
    assert rest.shape == (60, len(NAMES), 2)
    assert rest.mean() == pytest.approx(0, abs=0.03)
    assert rest.std() == pytest.approx(0.4, abs=0.02)
    vigour = [motion.vigour for motion in motions]
    assert 0.4 <= min(vigour) < 0.45
    assert 0.95 < max(vigour) <= 1
    assert {(motion.posture, motion.widest) for motion in motions} == {("supine", 0.7)}


def test_kicks_are_drawn_until_the_end():
    kicks = [motion.kicks for motion in drawn()]
    starts = [kick[:, 0] for kick in kicks]
    assert LONGEST_CLIP - 10 < max(start[-1] for start in starts) < LONGEST_CLIP
    gaps = np.concatenate([np.diff(start, prepend=0) for start in starts])
    assert 0.6 <= gaps.min() < 0.65
    assert gaps.mean() == pytest.approx(0.6 + 5, abs=0.7)
    _, length, side, depth = np.concatenate(kicks).T
    assert 0.3 <= length.min() < 0.31 < 0.59 < length.max() <= 0.6
    assert set(side) == {0, 1}
    assert side.mean() == pytest.approx(0.5, abs=0.1)
    assert 0.4 <= depth.min() < 0.42 < 0.98 < depth.max() <= 1


@pytest.mark.parametrize(
    ("posture", "kicks"), [("supine", True), ("side", True), ("prone", False), ("sitting", False)]
)
def test_only_people_on_their_back_or_side_kick(posture, kicks):
    assert bool(len(drawn(posture, 1)[0].kicks)) == kicks


def test_curves_are_sums_of_sines_of_unit_variance():
    curves = SmoothCurves(np.array([[0.5, 0.25], [1.0, 2.0]]), np.array([[0.0, 1.0], [2.0, 3.0]]))
    one = np.sqrt(2 / 7) * (np.sin(np.pi * 0.3) + np.sin(np.pi / 2 * 0.3 + 1))
    other = np.sqrt(2 / 7) * (np.sin(2 * np.pi * 0.3 + 2) + np.sin(4 * np.pi * 0.3 + 3))
    np.testing.assert_allclose(curves(0.3), [one, other])
    np.testing.assert_allclose(curves(np.array([0.3, 0.7]))[0], one)
    wander = drawn(count=1)[0].wander
    values = np.array([wander(t) for t in np.arange(0, 2000, 0.7)])
    np.testing.assert_allclose(values.std(0), 1, atol=0.1)


def test_every_limb_has_its_own_clock_and_activity(motion):
    """Angles are the resting position and a wave, at the time and with the share of their limb."""
    limbs = {n: [0, 0] for n in ("bend", "lean", "twist")}
    limbs |= {n: [1, 1] for n in ("nod", "tilt", "turn")}
    limbs |= {n: [2, 3] for n in ("raise_", "reach", "roll", "elbow", "pronate")}
    limbs |= {n: [4, 5] for n in ("flex", "spread", "rotate", "knee", "ankle")}
    level, ahead = np.linspace(-1, 1, 6), np.linspace(-2, 2, 6)
    still = replace(
        motion,
        kicks=motion.kicks[:0],
        activity=lambda time: level,
        haste=lambda time: ahead,
    )
    np.testing.assert_allclose(still.activities(1.0), 1 / (1 + np.exp(-3.5 * (level + 0.4))))
    angles_now = still.angles(9.0)
    for i, name in enumerate(NAMES):
        low, high = getattr(POSTURES["supine"].angles, name)
        for side, drawn_angles in enumerate((angles_now.left, angles_now.right)):
            limb = limbs[name][side]
            is_left = side == 0 or limb < 2  # trunk and head have no sides
            row, rest = (i, motion.rest[i, 0]) if is_left else (i + len(NAMES), motion.rest[i, 1])
            times = np.full(2 * len(NAMES), 9.0 + 0.35 * ahead[limb])
            wave = motion.wander(times)[row]
            share = motion.vigour / (1 + np.exp(-3.5 * (level[limb] + 0.4)))
            middle, half = (low + high) / 2, (high - low) / 2
            expected = middle + half * np.tanh(rest + share * wave)
            assert drawn_angles[name] == pytest.approx(expected), (name, side)


def test_hands_open_up_to_their_widest(motion):
    opening = replace(motion, widest=0.8, opening=lambda time: np.array([0.5, -1.0]))
    assert opening.hands(3.0) == pytest.approx((0.8 / (1 + np.exp(-1)), 0.8 / (1 + np.exp(2))))


@pytest.mark.parametrize(
    ("phase", "inward", "outward"),
    [(-0.1, 0, 0), (0.15, 0.5, 0), (0.3, 1, 0), (0.65, 0, 1), (0.825, 0, 0.5), (1.1, 0, 0)],
)
@pytest.mark.parametrize("side", [0, 1])
def test_a_kick_bends_the_leg_and_then_extends_it(motion, phase, inward, outward, side):
    """By 0.6 of the way to the bent end of the range and 0.9 of that to the straight one."""
    depth = 0.75
    kick = np.array([[2.0, 0.5, side, depth]])
    time = 2.0 + phase * 0.5
    plain = replace(motion, kicks=kick[:0]).angles(time)
    kicked = replace(motion, kicks=kick).angles(time)
    for number in (0, 1):
        before, after = ((a.left, a.right)[number] for a in (plain, kicked))
        for name in NAMES:
            expected = before[name]
            if number == side and name in ("flex", "knee"):
                low, high = getattr(POSTURES["supine"].angles, name)
                expected += 0.6 * depth * inward * (high - expected)
                expected += 0.9 * depth * outward * (low - expected)
            assert after[name] == pytest.approx(expected)


def test_of_six_movements_the_one_that_stays_clearest_of_the_body_is_taken(heads):
    body, rng = default_body(), np.random.default_rng((6, 7))
    tried = [_draw("supine", 0.0, rng) for _ in range(6)]
    cuts = [
        sum(
            penetration(body, heads, each.rotations(body, heads, t)) for t in np.linspace(0, 60, 31)
        )
        for each in tried
    ]
    best = int(np.argmin(cuts))
    assert min(cuts) < max(cuts)
    assert best > 0
    np.testing.assert_array_equal(draw_motion(body, heads, "supine", 6).rest, tried[best].rest)
