"""Surroundings of a person: props, floor, wall and lights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.appearance import Appearance
from fidip.synth.camera.pinhole import Camera
from fidip.synth.clothing.palette import bedding, household_floor, household_wall
from fidip.synth.clothing.texture import Material, draw_material
from fidip.synth.pose.posture import POSTURES
from fidip.synth.random_streams import RandomStreams
from fidip.synth.render.light import Light
from fidip.synth.render.mesh import Mesh, top_near
from fidip.synth.render.raster import FLOOR, WALL
from fidip.synth.scene.furniture import block, cot, placed
from fidip.synth.scene.props import Rectangle, blanket, draw_toy, faced_up, mat, moved
from fidip.synth.scene.subject import Subject

_MAT, _BLANKET, _TOYS = 1, 2, 3
Paints = dict[int, Material]


def draw_surroundings(
    subject: Subject, appearance: Appearance, streams: RandomStreams
) -> tuple[Paints, list[Mesh]]:
    """Draw a mat, a blanket, toys, floor and wall.

    Returns:
        Materials by material index, and the things.
    """
    rng = streams.rng
    _, length = subject.extent()
    props = [*_mats(subject, appearance, rng), *_blankets(subject, appearance, rng)]
    toys = _toys(subject, appearance, rng)
    props += toys
    dyes = (appearance.saturation, appearance.brightness)
    cloths = [
        draw_material(rng, appearance.patterned, (0.06 * length, 0.25 * length), *dyes)
        for _ in range(_TOYS + len(toys))
    ]
    floor, wall = (
        draw_material(rng, appearance.patterned, (0.1 * length, 0.6 * length), *dyes)
        for _ in range(2)
    )
    floor = replace(floor, frame=np.eye(3))
    paints = {**dict(enumerate(cloths)), FLOOR: floor, WALL: wall}
    _replace_by_household(paints, appearance, streams.style)
    if appearance.lit_cloth:
        props = [faced_up(p) if p.material in (_MAT, _BLANKET) else p for p in props]
    return paints, props


def _mats(subject: Subject, appearance: Appearance, rng: np.random.Generator) -> list[Mesh]:
    """Draw no mat or one, beneath the person."""
    if rng.random() >= appearance.mat:
        return []
    middle, length = subject.extent()
    size = length * rng.uniform(0.9, 2.2, 2)
    return [mat(middle + rng.normal(0, 0.1 * length, 2), size, rng.uniform(0, np.pi), _MAT)]


def _blankets(subject: Subject, appearance: Appearance, rng: np.random.Generator) -> list[Mesh]:
    """Draw no blanket or one, over the feet of a lying person: it never covers the face."""
    if rng.random() >= appearance.blanket or not POSTURES[subject.posture].is_lying:
        return []
    middle, length = subject.extent()
    away = middle - subject.joints[:5, :2].mean(0)
    heading = np.arctan2(away[1], away[0]) + rng.normal(0, 0.4)
    size = length * np.array([rng.uniform(0.35, 0.6), rng.uniform(0.35, 0.8)])
    place = Rectangle(middle + away * rng.uniform(0.35, 0.9), size, heading)
    return [blanket(subject.mesh.vertices, place, _BLANKET, rng)]


def _toys(subject: Subject, appearance: Appearance, rng: np.random.Generator) -> list[Mesh]:
    """Draw toys around the person, or on top where they meet."""
    middle, length = subject.extent()
    toys = []
    for toy in range(int(rng.integers(appearance.toys[0], appearance.toys[1] + 1))):
        radius = length * rng.uniform(0.04, 0.13)
        at, away = rng.uniform(0, 2 * np.pi), length * rng.uniform(0.15, 0.75)
        place = middle + away * np.array([np.cos(at), np.sin(at)])
        height = top_near(subject.mesh.vertices, place, radius) + 0.6 * radius
        toys.append(moved(draw_toy(radius, _TOYS + toy, rng), np.array([*place, height])))
    return toys


def _replace_by_household(
    paints: Paints, appearance: Appearance, style: np.random.Generator
) -> None:
    """Replace random colours by household materials, each with the appearance's chance."""
    for index, choose in (
        (FLOOR, bedding if style.random() < 0.5 else household_floor),
        (WALL, household_wall),
        (_MAT, bedding),
        (_BLANKET, bedding),
    ):
        if style.random() < appearance.household:
            paints[index] = choose(style)


def large_things(
    subject: Subject, appearance: Appearance, first: int, style: np.random.Generator
) -> list[tuple[Mesh, Material]]:
    """Draw a cot around the person and furniture farther away.

    Args:
        subject: the person.
        appearance: chances and numbers.
        first: material index of the cot; furniture has the following ones.
        style: random stream.
    """
    out = []
    middle, length = subject.extent()
    along = subject.joints[:5, :2].mean(0) - subject.joints[15:, :2].mean(0)
    heading = float(np.arctan2(-along[0], along[1]))
    if POSTURES[subject.posture].label != "All Fours" and style.random() < appearance.cot:
        turned = heading + style.normal(0, 0.12)
        here = placed(cot(0.75 * length, first, style), middle, turned)
        wood = household_floor(style) if style.random() < 0.5 else household_wall(style)
        out.append((here, replace(wood, pattern="plain")))
    pieces = appearance.furniture
    for number in range(int(style.integers(pieces[0], pieces[1] + 1))):
        at, far = style.uniform(0, 2 * np.pi), length * style.uniform(1.4, 2.4)
        place = middle + far * np.array([np.cos(at), np.sin(at)])
        piece = block(length, first + 1 + number, style)
        paint = household_floor(style) if style.random() < 0.5 else bedding(style)
        out.append((placed(piece, place, style.uniform(0, np.pi)), paint))
    return out


def draw_wall(camera: Camera, rng: np.random.Generator) -> Floats:
    """Draw a wall behind the person, about square to the camera's heading.

    Returns:
        (4,) a unit normal n and an offset d, metres, of the plane n . x = d.
    """
    heading = camera.rotation[2, :2] / (np.linalg.norm(camera.rotation[2, :2]) + 1e-9)
    turn = rng.normal(0, 0.4)
    normal = np.array(
        [
            heading[0] * np.cos(turn) - heading[1] * np.sin(turn),
            heading[0] * np.sin(turn) + heading[1] * np.cos(turn),
        ]
    )
    return np.array([*normal, 0.0, rng.uniform(0.8, 4.0)])


def wall_behind(wall: Floats, meshes: list[Mesh]) -> Floats:
    """Move a wall (4,) back until it cuts through none of the meshes."""
    needed = [float((mesh.vertices @ wall[:3]).max()) + 0.05 for mesh in meshes]
    return np.array([*wall[:3], max([wall[3], *needed])])


def draw_lights(appearance: Appearance, camera: Camera, streams: RandomStreams) -> list[Light]:
    """Draw the main light, which includes the sky, and the weaker ones."""
    style = streams.style
    key = _main_light(appearance, streams.rng)
    if appearance.headlamp:
        axis = -camera.rotation[2] + style.normal(0, 0.08, 3)
        direction = axis / np.linalg.norm(axis)
        key = replace(key, direction=direction, sky=0.3 * key.sky, bounce=0.3 * key.bounce)
    count = int(style.integers(appearance.lights[0], appearance.lights[1] + 1))
    return [key, *(_further_light(appearance, style) for _ in range(count - 1))]


def _further_light(appearance: Appearance, rng: np.random.Generator) -> Light:
    tint = np.clip(1 + appearance.tint * rng.normal(size=3), 0.5, 1.6)
    none = np.zeros(3)
    color = rng.uniform(0.12, 0.45) * tint
    return Light(_direction(rng, (15, 85)), color, none, none, float(rng.uniform(0.005, 0.08)))


def _direction(rng: np.random.Generator, elevation: tuple[float, float]) -> Floats:
    e, a = np.deg2rad(rng.uniform(*elevation)), rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])


def _main_light(appearance: Appearance, rng: np.random.Generator) -> Light:
    direction = _direction(rng, (30, 85))
    strength = rng.uniform(*appearance.light)
    warm = np.clip(1 + appearance.tint * rng.normal(size=3), 0.5, 1.6)
    cool = np.clip(1 + appearance.tint * rng.normal(size=3), 0.5, 1.6)
    return Light(
        direction=direction,
        color=strength * warm,
        sky=(1.05 - 0.6 * strength) * cool,
        bounce=(0.5 - 0.3 * strength) * warm,
        softness=float(rng.uniform(0.005, 0.08)),
    )
