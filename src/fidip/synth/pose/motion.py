"""Movement of a body: every joint angle as a smooth, non-periodic function of time.

A motion is determined by its seed and can be evaluated at any time, so every frame rate samples the
same movement. Each angle wanders within its posture's range, each limb starts, stops and changes
speed on its own, and legs kick sometimes. The movement resembles an infant's but models no clinical
pattern.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body
from fidip.synth.pose.joint_angles import penetration, pose_rotations, trunk_rotation
from fidip.synth.pose.posture import POSTURES, AngleRanges, JointAngles

LONGEST_CLIP = 60.0
"""Length of the movement for which kicks are drawn, seconds."""
_ANGLES = tuple(f.name for f in fields(AngleRanges))
_ARM = ("raise_", "reach", "roll", "elbow", "pronate")
_LEG = ("flex", "spread", "rotate", "knee", "ankle")
_HEAD = ("nod", "tilt", "turn")
_TRUNK = [i for i, name in enumerate(_ANGLES) if name not in _ARM + _LEG]
_LIMBS = 6  # trunk, head, left and right arm, left and right leg
_WAVES = 7
_TRIES = 6


@dataclass(frozen=True, eq=False)
class SmoothCurves:
    """N smooth curves of about unit variance: sums of sines without a common period.

    Attributes:
        frequency, phase: (N, W) Hz and radians.
    """

    frequency: Floats
    phase: Floats

    @classmethod
    def draw(cls, count: int, hertz: tuple[float, float], rng: np.random.Generator) -> SmoothCurves:
        """Draw curves whose frequencies are spread evenly over octaves."""
        shape = (count, _WAVES)
        return cls(
            np.exp(rng.uniform(np.log(hertz[0]), np.log(hertz[1]), shape)),
            rng.uniform(0, 2 * np.pi, shape),
        )

    def __call__(self, time: Floats | float) -> Floats:
        """Return the values (N,) at each curve's own time (N,), or at one time, seconds."""
        turn = 2 * np.pi * self.frequency * np.reshape(time, (-1, 1)) + self.phase
        values: Floats = np.sqrt(2 / _WAVES) * np.sin(turn).sum(1)
        return values


@dataclass(frozen=True, eq=False)
class Motion:
    """A movement within one posture, see ``draw_motion``.

    Attributes:
        posture: name of the posture.
        vigour: fraction of the ranges that the movement uses, 0 to 1.
        rest: (A, 2) resting positions of the angles, left and right, -1 to 1 within the range.
        wander: 2A curves of the angles, left then right.
        activity: a curve per limb: how much it moves.
        haste: a curve per limb: how far its clock is ahead.
        sway: two curves of the trunk as a whole.
        opening: two curves, of the left and the right hand: how far it opens.
        widest: largest opening of the hands, 0 to 1.
        kicks: (K, 4) start and length in seconds, side (0 left, 1 right), depth 0 to 1.
    """

    posture: str
    vigour: float
    rest: Floats
    wander: SmoothCurves
    activity: SmoothCurves
    haste: SmoothCurves
    sway: SmoothCurves
    opening: SmoothCurves
    widest: float
    kicks: Floats

    def activities(self, time: float) -> Floats:
        """Return activity (6,), 0 to 1: trunk, head, left arm, right arm, left leg, right leg."""
        level: Floats = 1 / (1 + np.exp(-3.5 * (self.activity(time) + 0.4)))
        return level

    def angles(self, time: float) -> JointAngles:
        """Return the joint angles at ``time`` seconds, degrees, within the posture's ranges."""
        low, high = np.array([getattr(POSTURES[self.posture].angles, a) for a in _ANGLES], float).T
        sides = self._position(time)
        values = (low + high) / 2 + (high - low) / 2 * sides
        for start, length, side, depth in self.kicks:
            values[int(side)] = self._kicked(
                values[int(side)], (time - start) / length, depth, low, high
            )
        values[1, _TRUNK] = values[0, _TRUNK]
        left, right = (dict(zip(_ANGLES, side.tolist(), strict=True)) for side in values)
        return JointAngles(left, right)

    def rotations(self, body: Body, heads: Floats, time: float) -> Floats:
        """Return bone rotations (J, 3, 3) at ``time`` seconds for rest bone heads (J, 3)."""
        kind = POSTURES[self.posture]
        position = 0.5 + 0.35 * self.vigour * np.tanh(self.sway(time))
        side, pitch = (
            low + (high - low) * s
            for (low, high), s in zip((kind.side, kind.pitch), position, strict=True)
        )
        return pose_rotations(body, heads, trunk_rotation(side, pitch), self.angles(time))

    def hands(self, time: float) -> tuple[float, float]:
        """Return the opening of both hands at ``time`` seconds, 0 to ``widest``."""
        left, right = self.widest / (1 + np.exp(-2 * self.opening(time)))
        return float(left), float(right)

    def with_still_trunk(self) -> Motion:
        """Return the movement of head and limbs only, as of somebody who is held."""
        hertz, active = self.wander.frequency.copy(), self.activity.frequency.copy()
        spine = [i for i in _TRUNK if _ANGLES[i] not in _HEAD]
        hertz[spine] = hertz[[len(_ANGLES) + i for i in spine]] = 0  # left and right
        active[0] = 0  # of the trunk
        sway = replace(self.sway, frequency=np.zeros_like(self.sway.frequency))
        return replace(
            self,
            wander=replace(self.wander, frequency=hertz),
            activity=replace(self.activity, frequency=active),
            sway=sway,
        )

    def _position(self, time: float) -> Floats:
        """Return the position (2, A) of each angle within its range, -1 to 1; left and right."""
        limb = np.array([[_limb(a, side) for a in _ANGLES] for side in (0, 1)])
        clock = time + 0.35 * self.haste(time)
        moved = self.wander(clock[limb].ravel()).reshape(2, -1)
        swing = self.vigour * self.activities(time)[limb]
        position: Floats = np.tanh(self.rest.T + swing * moved)
        return position

    @staticmethod
    def _kicked(angles: Floats, phase: float, depth: float, low: Floats, high: Floats) -> Floats:
        """Return one side's angles (A,) in a kick: the leg bends, extends and relaxes."""
        if not 0 < phase < 1:
            return angles
        out = angles.copy()
        inward = depth * np.sin(np.pi * min(phase / 0.6, 1)) ** 2
        outward = depth * np.sin(np.pi * max((phase - 0.3) / 0.7, 0)) ** 2
        for name, bent, straight in (("flex", high, low), ("knee", high, low)):
            i = _ANGLES.index(name)
            out[i] += 0.6 * inward * (bent[i] - out[i])
            out[i] += 0.9 * outward * (straight[i] - out[i])
        return out


def draw_motion(
    body: Body, heads: Floats, posture: str, seed: int, widest_hands: float = 0.0
) -> Motion:
    """Draw a movement: of a few, the one whose limbs stay clearest of the body.

    Args:
        body: the body.
        heads: (J, 3) rest bone heads, metres.
        posture: name of the posture.
        seed: determines the movement.
        widest_hands: largest opening of the hands, 0 to 1.
    """
    rng = np.random.default_rng((seed, 7))
    tried = [_draw(posture, widest_hands, rng) for _ in range(_TRIES)]
    instants = np.linspace(0, LONGEST_CLIP, 31)
    cuts = [
        sum(penetration(body, heads, motion.rotations(body, heads, t)) for t in instants)
        for motion in tried
    ]
    return tried[int(np.argmin(cuts))]


def _draw(posture: str, widest_hands: float, rng: np.random.Generator) -> Motion:
    count = len(_ANGLES)
    gaps = 0.6 + rng.exponential(5.0, 80)
    starts = np.cumsum(gaps)
    starts = starts[starts < LONGEST_CLIP]
    kicks = np.stack(
        [
            starts,
            rng.uniform(0.3, 0.6, len(starts)),
            rng.integers(0, 2, len(starts)),
            rng.uniform(0.4, 1.0, len(starts)),
        ],
        axis=1,
    )
    kicks_here = POSTURES[posture].label in ("Supine", "Unknown")
    return Motion(
        posture=posture,
        vigour=float(rng.uniform(0.4, 1.0)),
        rest=rng.normal(0, 0.4, (count, 2)),
        wander=SmoothCurves.draw(2 * count, (0.08, 0.9), rng),
        activity=SmoothCurves.draw(_LIMBS, (0.02, 0.25), rng),
        haste=SmoothCurves.draw(_LIMBS, (0.05, 0.3), rng),
        sway=SmoothCurves.draw(2, (0.03, 0.25), rng),
        opening=SmoothCurves.draw(2, (0.03, 0.3), rng.spawn(1)[0]),
        widest=widest_hands,
        kicks=kicks[: len(starts) if kicks_here else 0],
    )


def _limb(angle: str, side: int) -> int:
    if angle in _ARM:
        return 2 + side
    if angle in _LEG:
        return 4 + side
    return 1 if angle in _HEAD else 0
