"""Postures: the ranges that joint angles are drawn from, for infants and adults.

AngleRanges are degrees. A posture is a range for every angle; all ranges lie within ``LIMITS``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from fidip.core.ranges import Range


@dataclass(frozen=True)
class AngleRanges:
    """Ranges of the joint angles, degrees; left and right are drawn separately.

    Attributes:
        bend, lean, twist: spine forward, to the left, and about its axis, over its length.
        nod, tilt, turn: head against the chest, forward, to the left, and about its axis.
        raise_: upper arm from hanging (0) over level (90) to overhead (180).
        reach: azimuth of the upper arm: 0 sideways, 90 forwards.
        roll: turn of the elbow's fold about the upper arm; 0 folds forwards and up.
        elbow: flexion of the elbow.
        pronate: pronation, the turn of the hand about the forearm.
        flex: flexion of the hip; 0 is straight.
        spread: abduction of the thigh.
        rotate: outward rotation of the thigh about its axis.
        knee: flexion of the knee.
        ankle: plantar flexion, the toes away from the shin.
    """

    bend: Range = (-10, 25)
    lean: Range = (-12, 12)
    twist: Range = (-12, 12)
    nod: Range = (-15, 20)
    tilt: Range = (-15, 15)
    turn: Range = (-45, 45)
    raise_: Range = (10, 120)
    reach: Range = (0, 80)
    roll: Range = (-40, 40)
    elbow: Range = (5, 110)
    pronate: Range = (-50, 50)
    flex: Range = (0, 60)
    spread: Range = (0, 25)
    rotate: Range = (-10, 30)
    knee: Range = (5, 60)
    ankle: Range = (-10, 30)


LIMITS = AngleRanges(
    bend=(-25, 55), lean=(-30, 30), twist=(-35, 35), nod=(-55, 45), tilt=(-35, 35), turn=(-80, 80),
    raise_=(0, 178), reach=(-30, 125), roll=(-80, 80), elbow=(0, 145), pronate=(-80, 80),
    flex=(-20, 125),
    spread=(-15, 75), rotate=(-30, 70), knee=(0, 145), ankle=(-25, 50),
)  # fmt: skip


@dataclass(frozen=True)
class Posture:
    """A way of lying, sitting or standing.

    Attributes:
        label: posture label of SyRIP, or "Held".
        group: "infant" or "adult".
        pitch: trunk from upright (0) to face down (90); -90 lies on the back. Degrees.
        side: turn of the trunk about its own axis, before the pitch. Degrees.
        angles: ranges of the joint angles.
        weight: relative frequency of the posture in its group.
        elevation: range of the camera, from level (0) to overhead (90). Degrees.
        facing: standard deviation of the camera's azimuth about the person's front, degrees, as
            photographs mostly show the face; None for any azimuth.
        held: how an adult holds the infant, one of ``fidip.synth.pose.holding.WAYS``, or None.
            Appearances have chances of their own for these postures, so their weight is 0.
    """

    label: str
    group: str
    pitch: Range
    side: Range = (-8, 8)
    angles: AngleRanges = field(default_factory=AngleRanges)
    weight: float = 1.0
    elevation: Range = (-2, 40)
    facing: float | None = None
    held: str | None = None

    @property
    def is_lying(self) -> bool:
        """Whether the person lies."""
        return self.label in ("Supine", "Prone", "Unknown")


POSTURES: dict[str, Posture] = {
    "supine": Posture(
        "Supine", "infant", pitch=(-97, -83), side=(-22, 22), weight=5, elevation=(52, 90),
        angles=AngleRanges(
            bend=(-4, 18), nod=(-12, 18), turn=(-50, 50), raise_=(15, 155), reach=(0, 85),
            roll=(-70, 60),
            elbow=(15, 120), flex=(15, 110), spread=(8, 55), rotate=(0, 50), knee=(10, 115),
        ),
    ),
    "prone": Posture(
        "Prone", "infant", pitch=(78, 92), side=(-8, 8), weight=2.5, elevation=(10, 45), facing=35,
        angles=AngleRanges(
            bend=(-25, 0), nod=(-55, -25), turn=(-40, 40), raise_=(60, 165), reach=(25, 85),
            roll=(-30, 60),
            elbow=(30, 115), flex=(-5, 40), spread=(8, 50), rotate=(10, 55), knee=(5, 80),
            ankle=(5, 45),
        ),
    ),
    "side": Posture(
        "Unknown", "infant", pitch=(-98, -82), side=(60, 105), weight=2, elevation=(45, 90),
        angles=AngleRanges(
            bend=(0, 28), nod=(-20, 20), turn=(-35, 35), raise_=(35, 110), reach=(40, 110),
            roll=(-40, 40),
            elbow=(20, 120), flex=(25, 105), spread=(-8, 20), rotate=(-10, 25), knee=(25, 110),
        ),
    ),
    "sitting": Posture(
        "Sitting", "infant", pitch=(-10, 22), weight=3, elevation=(8, 45), facing=35,
        angles=AngleRanges(
            bend=(5, 32), nod=(-18, 25), turn=(-55, 55), raise_=(10, 95), reach=(20, 95),
            roll=(-30, 40),
            elbow=(10, 100), flex=(75, 100), spread=(18, 52), rotate=(5, 50), knee=(4, 35),
        ),
    ),
    "all_fours": Posture(
        "All Fours", "infant", pitch=(72, 98), weight=2, elevation=(8, 40), facing=40,
        angles=AngleRanges(
            bend=(-8, 8), lean=(-8, 8), nod=(-52, -22), turn=(-35, 35), raise_=(70, 105),
            reach=(72, 95),
            roll=(-20, 30), elbow=(2, 30), flex=(65, 105), spread=(2, 25), rotate=(-5, 20),
            knee=(70, 112),
            ankle=(15, 45),
        ),
    ),
    "held": Posture(
        "Held", "infant", pitch=(-8, 14), weight=0, elevation=(-5, 35), held="under_the_arms",
        angles=AngleRanges(
            bend=(-2, 22), lean=(-8, 8), twist=(-8, 8), nod=(-12, 28), turn=(-45, 45), raise_=(48,
            112),
            reach=(10, 75), roll=(-40, 40), elbow=(10, 95), flex=(8, 85), spread=(4, 40),
            rotate=(0, 45), knee=(15, 105),
            ankle=(0, 40),
        ),
    ),
    "cradled": Posture(
        "Held", "infant", pitch=(-72, -48), side=(-16, 16), weight=0, elevation=(10, 75),
        held="in_the_crook",
        angles=AngleRanges(
            bend=(8, 32), lean=(-8, 8), twist=(-8, 8), nod=(-5, 25), turn=(-45, 45), raise_=(15,
            65), reach=(60, 105),
            roll=(-40, 40), elbow=(30, 105), flex=(25, 88), spread=(1, 24), rotate=(0, 30),
            knee=(15, 92),
        ),
    ),
    "lap": Posture(
        "Sitting", "infant", pitch=(-16, 6), weight=0, elevation=(0, 45), facing=45,
        held="on_the_lap",
        angles=AngleRanges(
            bend=(5, 26), lean=(-8, 8), twist=(-8, 8), nod=(-15, 25), turn=(-55, 55), raise_=(15,
            90), reach=(30, 95),
            roll=(-30, 40), elbow=(15, 105), flex=(82, 100), spread=(8, 32), rotate=(0, 35),
            knee=(4, 40),
        ),
    ),
    "adult_standing": Posture(
        "Standing", "adult", pitch=(-6, 10), weight=4,
        angles=AngleRanges(
            raise_=(5, 165), reach=(-15, 95), elbow=(0, 135), flex=(-15, 50), spread=(0, 25),
            knee=(0, 70),
            turn=(-60, 60),
        ),
    ),
    "adult_moving": Posture(
        "Standing", "adult", pitch=(-15, 45), side=(-30, 30), weight=4,
        angles=AngleRanges(
            bend=(-12, 42), lean=(-22, 22), twist=(-28, 28), nod=(-35, 30), turn=(-60, 60),
            raise_=(5, 172),
            reach=(-20, 115), roll=(-70, 70), elbow=(0, 140), flex=(-15, 112), spread=(-5, 55),
            rotate=(-15, 45), knee=(0, 125), ankle=(-15, 40),
        ),
    ),
    "adult_sitting": Posture(
        "Sitting", "adult", pitch=(-20, 20), weight=2,
        angles=AngleRanges(
            bend=(-5, 35), raise_=(5, 120), reach=(0, 100), elbow=(5, 130), flex=(60, 110),
            spread=(0, 45),
            rotate=(-5, 45), knee=(10, 120), turn=(-60, 60),
        ),
    ),
    "adult_lying": Posture(
        "Unknown", "adult", pitch=(-100, -80), side=(-180, 180), weight=3, elevation=(20, 88),
        angles=AngleRanges(
            raise_=(5, 170), reach=(0, 95), roll=(-60, 60), elbow=(0, 135), flex=(-5, 100),
            spread=(0, 50),
            rotate=(-5, 50), knee=(0, 125), turn=(-65, 65),
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class JointAngles:
    """One value for every angle of ``AngleRanges``, degrees.

    Attributes:
        left: values by name of the angle, those of the trunk included.
        right: values of the right limbs.
    """

    left: dict[str, float]
    right: dict[str, float]


def draw_angles(ranges: AngleRanges, rng: np.random.Generator) -> JointAngles:
    """Draw every angle uniformly from its range, left and right independently."""
    names = [f.name for f in fields(AngleRanges)]
    low, high = np.array([getattr(ranges, name) for name in names], dtype=float).T
    left, right = rng.uniform(low, high), rng.uniform(low, high)
    return JointAngles(dict(zip(names, left, strict=True)), dict(zip(names, right, strict=True)))


def choose_posture(group: str, rng: np.random.Generator) -> str:
    """Draw a posture of a group by weight; return its name."""
    names = [name for name, posture in POSTURES.items() if posture.group == group]
    weights = np.array([POSTURES[name].weight for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))


def draw_posture(
    group: str, held: float, lap: float, rng: np.random.Generator, style: np.random.Generator
) -> str:
    """Draw a posture of a group, in which infants are held, or on a lap, with given chances."""
    usual, choice = choose_posture(group, rng), style.random()
    if group != "infant" or choice >= held + lap:
        return usual
    return "lap" if choice >= held else str(style.choice(["held", "cradled"]))
