"""A second body: an adult who holds the infant, or whose hands reach for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from fidip.core.arrays import Floats
from fidip.synth.appearance import Look
from fidip.synth.body.body_model import Body, default_body
from fidip.synth.body.hands import Grip, open_hands
from fidip.synth.camera.pinhole import Camera
from fidip.synth.clothing.garments import Outfit, dress
from fidip.synth.clothing.palette import bedding
from fidip.synth.clothing.texture import Material
from fidip.synth.pose.holding import Infant, hold
from fidip.synth.pose.joint_angles import UP, pose_rotations
from fidip.synth.pose.posture import Angles, draw_angles
from fidip.synth.render.mesh import Mesh, top_near
from fidip.synth.render.raster import visible_share
from fidip.synth.scene.furniture import boxes, placed

_KNEELING = Angles(
    bend=(10, 40), lean=(-10, 10), twist=(-15, 15), nod=(0, 25), turn=(-20, 20), raise_=(48, 80), reach=(68, 98),
    roll=(-30, 30), elbow=(5, 45), pronate=(-70, 70), flex=(70, 110), spread=(0, 20), knee=(90, 135),
)  # fmt: skip
_ATTEMPTS = 5
_LEAST_VISIBLE = 0.6


@dataclass(frozen=True, eq=False)
class Companion:
    """Another person: the clothed body and what it is made of."""

    mesh: Mesh
    outfit: Outfit


@dataclass(frozen=True, eq=False)
class Holder:
    """An adult who holds the infant, on the floor.

    Attributes:
        meshes: the adult, and what they sit on.
        paints: what these are made of, by material index.
        lift: metres that the infant is above where it was posed.
    """

    meshes: list[Mesh]
    paints: dict[int, Material | Outfit]
    lift: float


def holding_adult(
    body: Body, person: Mesh, way: str, look: Look, material: int, rng: np.random.Generator
) -> Holder:
    """An adult built around a posed infant that they hold; ``material`` and the next are adult and seat."""
    infant = Infant.of(body, person.vertices)
    grown = body if "adult" in body.shapes else default_body()
    rest, heads = grown.rest("adult", rng.normal(size=8).clip(-1.6, 1.6))
    outfit = dress(grown, rest, heads, "adult", look, rng, rng)
    opened = open_hands(grown, rest, heads, Grip("adult", *rng.uniform(0.2, 0.8, 2)))
    held = hold(way, infant, grown, opened, heads, rng)
    floor = float(held.vertices[:, 2].min()) * UP
    adult = Mesh(held.vertices - floor, grown.faces, rest, material, outfit.cover)
    meshes = [outfit.worn(adult)]
    paints: dict[int, Material | Outfit] = {material: outfit}
    if held.seat is not None:
        meshes.append(_chair(held.seat - floor, held.forward, material + 1, rng))
        paints[material + 1] = bedding(rng)
    return Holder(meshes, paints, -float(floor[2]))


def _chair(top: Floats, forward: Floats, material: int, rng: np.random.Generator) -> Mesh:
    """A seat under (3,) ``top`` with a back, for who faces ``forward``; metres."""
    wide, deep, back = rng.uniform(0.24, 0.5), rng.uniform(0.24, 0.3), rng.uniform(0.0, 0.4)
    half = np.array([(wide, deep, top[2] / 2), (wide, 0.06, top[2] / 2 + back)])
    center = np.array([(0.0, 0.0, half[0, 2]), (0.0, deep + 0.06, half[1, 2])])
    return placed(
        boxes(center, half, material), top[:2], float(np.arctan2(forward[0], -forward[1]))
    )


def reaching_adult(
    body: Body, person: Mesh, joints: Floats, camera: Camera, look: Look, material: int,
    rng: np.random.Generator,
) -> Companion | None:  # fmt: skip
    """An adult who kneels beside an infant, a hand at it; None where they would hide too much of it.

    Args:
        person: the infant; joints: (17, 3) its key points, world metres.
    """
    body = body if "adult" in body.shapes else default_body()
    rest, heads = body.rest("adult", rng.normal(size=8).clip(-1.6, 1.6))
    outfit = dress(body, rest, heads, "adult", look, rng, rng)
    opened = open_hands(body, rest, heads, Grip.draw("adult", look.hands, rng.spawn(1)[0]))
    for _ in range(_ATTEMPTS):
        root = Rotation.from_euler("x", rng.uniform(15, 55), degrees=True).as_matrix()
        posed = body.pose(
            opened, heads, pose_rotations(body, heads, root, draw_angles(_KNEELING, rng))
        )
        side = str(rng.choice(["L", "R"]))
        hand = posed[body.share(f"wrist.{side}") > 0.9]
        palm = np.array([*hand[:, :2].mean(0), hand[:, 2].min()])
        target = _touch_point(person, joints, rng)
        heading = _heading(palm, target, camera, rng)
        turn = Rotation.from_euler("z", heading).as_matrix()
        vertices = (posed - palm) @ turn.T + target
        mesh = outfit.worn(_above_floor(Mesh(vertices, body.faces, rest, material, outfit.cover)))
        if visible_share(person.vertices[::7], mesh, camera) >= _LEAST_VISIBLE:
            return Companion(mesh, outfit)
    return None


def _touch_point(person: Mesh, joints: Floats, rng: np.random.Generator) -> Floats:
    """(3,) a spot a little above the body, near a shoulder, wrist, hip or ankle."""
    joint = joints[rng.choice([5, 6, 9, 10, 11, 12, 15, 16])]
    place = joint[:2] + rng.normal(0, 0.03, 2)
    return np.array([*place, top_near(person.vertices, place, 0.06) + 0.005])


def _heading(palm: Floats, target: Floats, camera: Camera, rng: np.random.Generator) -> float:
    """Turn about z, radians, that keeps the adult from between the camera and the infant."""
    toward = camera.position[:2] - target[:2]
    wanted = np.arctan2(toward[1], toward[0]) + rng.choice([-1, 1]) * rng.uniform(0.9, np.pi)
    return float(
        wanted - np.arctan2(-palm[1], -palm[0])
    )  # the root, at the origin, as seen from the palm


def _above_floor(mesh: Mesh) -> Mesh:
    """Without the faces below the floor: kneeling legs are not to be seen through it."""
    above = (mesh.vertices[:, 2] > 0.0)[mesh.faces].all(1)
    return Mesh(mesh.vertices, mesh.faces[above], mesh.texture, mesh.material, mesh.layers)
