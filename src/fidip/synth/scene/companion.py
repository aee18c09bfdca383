"""A second body: an adult who holds the infant or has a hand at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from fidip.core.arrays import Floats
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import Body, RestShape, default_body
from fidip.synth.body.hands import HandOpening, open_hands
from fidip.synth.camera.pinhole import Camera
from fidip.synth.clothing.garments import Outfit, draw_outfit
from fidip.synth.clothing.palette import bedding
from fidip.synth.clothing.texture import Material
from fidip.synth.pose.holding import Infant, fit_adult
from fidip.synth.pose.joint_angles import UP, pose_rotations
from fidip.synth.pose.posture import AngleRanges, draw_angles
from fidip.synth.random_streams import RandomStreams
from fidip.synth.render.mesh import Mesh, top_near
from fidip.synth.render.raster import visible_fraction
from fidip.synth.scene.furniture import boxes, placed
from fidip.synth.scene.subject import Subject

KNEELING = AngleRanges(
    bend=(10, 40), lean=(-10, 10), twist=(-15, 15), nod=(0, 25), turn=(-20, 20),
    raise_=(48, 80), reach=(68, 98), roll=(-30, 30), elbow=(5, 45), pronate=(-70, 70),
    flex=(70, 110), spread=(0, 20), knee=(90, 135),
)  # fmt: skip
_ATTEMPTS = 5
_LEAST_VISIBLE = 0.6  # smallest visible fraction of the infant's vertices


@dataclass(frozen=True, eq=False)
class Companion:
    """Another person: the clothed body and its materials."""

    mesh: Mesh
    outfit: Outfit


@dataclass(frozen=True, eq=False)
class Holder:
    """An adult who holds the infant.

    Attributes:
        meshes: the adult, and the seat if there is one.
        paints: their materials, by material index.
        lift: height of the infant above the place where it was posed, metres.
    """

    meshes: list[Mesh]
    paints: dict[int, Material | Outfit]
    lift: float


def draw_holder(
    body: Body,
    person: Mesh,
    way: str,
    appearance: Appearance,
    material: int,
    rng: np.random.Generator,
) -> Holder:
    """Draw an adult who holds a posed infant.

    Args:
        body: the infant's body.
        person: the clothed infant.
        way: one of ``fidip.synth.pose.holding.WAYS``.
        appearance: statistics of the adult's clothes.
        material: material index of the adult; the seat has the next one.
        rng: random stream.
    """
    infant = Infant.from_vertices(body, person.vertices)
    grown = body if "adult" in body.shapes else default_body()
    rest, outfit = draw_adult(grown, appearance, rng)
    opening = HandOpening("adult", *rng.uniform(0.2, 0.8, 2))
    opened = open_hands(grown, rest.vertices, rest.heads, opening)
    pose = fit_adult(way, infant, RestShape(grown, opened, rest.heads), rng)
    floor = float(pose.vertices[:, 2].min()) * UP
    adult = Mesh(pose.vertices - floor, grown.faces, rest.vertices, material, outfit.cover)
    meshes = [outfit.worn(adult)]
    paints: dict[int, Material | Outfit] = {material: outfit}
    if pose.seat is not None:
        meshes.append(_chair(pose.seat - floor, pose.forward, material + 1, rng))
        paints[material + 1] = bedding(rng)
    return Holder(meshes, paints, -float(floor[2]))


def draw_adult(
    body: Body, appearance: Appearance, rng: np.random.Generator
) -> tuple[RestShape, Outfit]:
    """Draw the shape and the clothes of an adult."""
    rest = RestShape(body, *body.rest("adult", rng.normal(size=8).clip(-1.6, 1.6)))
    return rest, draw_outfit(rest, "adult", appearance, RandomStreams(rng, rng))


def _chair(top: Floats, forward: Floats, material: int, rng: np.random.Generator) -> Mesh:
    """Draw a seat under the point ``top`` (3,), metres, its back opposite to ``forward``."""
    wide, deep, back = rng.uniform(0.24, 0.5), rng.uniform(0.24, 0.3), rng.uniform(0.0, 0.4)
    half = np.array([(wide, deep, top[2] / 2), (wide, 0.06, top[2] / 2 + back)])
    center = np.array([(0.0, 0.0, half[0, 2]), (0.0, deep + 0.06, half[1, 2])])
    heading = float(np.arctan2(forward[0], -forward[1]))
    return placed(boxes(center, half, material), top[:2], heading)


def draw_caregiver(
    body: Body,
    subject: Subject,
    camera: Camera,
    appearance: Appearance,
    material: int,
    rng: np.random.Generator,
) -> Companion | None:
    """Draw an adult who kneels beside an infant with a hand at it.

    Args:
        body: the infant's body.
        subject: the clothed infant.
        camera: the view.
        appearance: statistics of the adult's clothes and hands.
        material: material index of the adult.
        rng: random stream.

    Returns:
        The adult, or None if all draws hide too much of the infant.
    """
    body = body if "adult" in body.shapes else default_body()
    rest, outfit = draw_adult(body, appearance, rng)
    opening = HandOpening.draw("adult", appearance.hands, rng.spawn(1)[0])
    opened = RestShape(body, open_hands(body, rest.vertices, rest.heads, opening), rest.heads)
    for _ in range(_ATTEMPTS):
        posed, palm = _kneeling(opened, rng)
        target = _touch_point(subject, rng)
        heading = _heading(palm, target, camera, rng)
        turn = Rotation.from_euler("z", heading).as_matrix()
        vertices = (posed - palm) @ turn.T + target
        adult = Mesh(vertices, body.faces, rest.vertices, material, outfit.cover)
        mesh = outfit.worn(above_floor(adult))
        if visible_fraction(subject.mesh.vertices[::7], mesh, camera) >= _LEAST_VISIBLE:
            return Companion(mesh, outfit)
    return None


def _kneeling(rest: RestShape, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw a kneeling pose; return its vertices (V, 3) and the palm (3,) of one hand, metres."""
    body = rest.body
    root = Rotation.from_euler("x", rng.uniform(15, 55), degrees=True).as_matrix()
    posed = rest.pose(pose_rotations(body, rest.heads, root, draw_angles(KNEELING, rng)))
    side = str(rng.choice(["L", "R"]))
    hand = posed[body.weight_of(f"wrist.{side}") > 0.9]
    return posed, np.array([*hand[:, :2].mean(0), hand[:, 2].min()])


def _touch_point(subject: Subject, rng: np.random.Generator) -> Floats:
    """Draw a point (3,) slightly above the body, near a shoulder, wrist, hip or ankle, metres."""
    joint = subject.joints[rng.choice([5, 6, 9, 10, 11, 12, 15, 16])]
    place = joint[:2] + rng.normal(0, 0.03, 2)
    return np.array([*place, top_near(subject.mesh.vertices, place, 0.06) + 0.005])


def _heading(palm: Floats, target: Floats, camera: Camera, rng: np.random.Generator) -> float:
    """Draw a turn about z, radians, in which the adult is not between camera and infant."""
    toward = camera.position[:2] - target[:2]
    wanted = np.arctan2(toward[1], toward[0]) + rng.choice([-1, 1]) * rng.uniform(0.9, np.pi)
    root = np.arctan2(-palm[1], -palm[0])  # direction from the palm to the root at the origin
    return float(wanted - root)


def above_floor(mesh: Mesh) -> Mesh:
    """Remove the faces below the floor, through which kneeling legs would show."""
    above = (mesh.vertices[:, 2] > 0.0)[mesh.faces].all(1)
    return Mesh(mesh.vertices, mesh.faces[above], mesh.texture, mesh.material, mesh.layers)
