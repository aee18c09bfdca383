"""What surrounds a person: props, floor, wall and light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.appearance import Look
from fidip.synth.camera.pinhole import Camera
from fidip.synth.clothing.palette import bedding, household_floor, household_wall
from fidip.synth.clothing.texture import Material, any_material
from fidip.synth.pose.posture import POSTURES
from fidip.synth.render.light import Light
from fidip.synth.render.mesh import Mesh, bounds, top_near
from fidip.synth.render.raster import FLOOR, WALL
from fidip.synth.scene.furniture import block, cot, placed
from fidip.synth.scene.props import any_toy, blanket, faced_up, mat, moved

_MAT, _BLANKET, _TOYS = 1, 2, 3
Paints = dict[int, Material]


def surroundings(
    person: Mesh,
    joints: Floats,
    posture: str,
    look: Look,
    rng: np.random.Generator,
    style: np.random.Generator,
) -> tuple[Paints, list[Mesh]]:
    """What things are made of, by material index, and the things."""
    below = person.vertices
    middle, length = _extent(person)
    props: list[Mesh] = []
    if rng.random() < look.mat:
        extent = length * rng.uniform(0.9, 2.2, 2)
        props.append(
            mat(middle + rng.normal(0, 0.1 * length, 2), extent, rng.uniform(0, np.pi), _MAT)
        )
    if rng.random() < look.blanket and POSTURES[posture].label in ("Supine", "Prone", "Unknown"):
        # Over the feet end: blankets are not pulled over an infant's face.
        away = middle - joints[:5, :2].mean(0)
        heading = np.arctan2(away[1], away[0]) + rng.normal(0, 0.4)
        extent = length * np.array([rng.uniform(0.35, 0.6), rng.uniform(0.35, 0.8)])
        props.append(
            blanket(below, middle + away * rng.uniform(0.35, 0.9), extent, heading, _BLANKET, rng)
        )
    count = int(rng.integers(look.toys[0], look.toys[1] + 1))
    for toy in range(count):
        radius = length * rng.uniform(0.04, 0.13)
        at, away = rng.uniform(0, 2 * np.pi), length * rng.uniform(0.15, 0.75)
        place = middle + away * np.array([np.cos(at), np.sin(at)])
        height = top_near(below, place, radius) + 0.6 * radius
        props.append(moved(any_toy(radius, _TOYS + toy, rng), np.array([*place, height])))
    scale, dyes = 0.25 * length, (look.saturation, look.brightness)
    cloths = [
        any_material(rng, look.patterned, (0.06 * length, scale), *dyes)
        for _ in range(_TOYS + count)
    ]
    room = [
        any_material(rng, look.patterned, (0.1 * length, 0.6 * length), *dyes) for _ in range(2)
    ]
    flat = np.eye(3)
    floor = Material(
        room[0].base, room[0].second, room[0].pattern, room[0].scale, flat, room[0].grain
    )
    paints = {**dict(enumerate(cloths)), FLOOR: floor, WALL: room[1]}
    _household(paints, look, style)
    if look.lit_cloth:
        props = [faced_up(p) if p.material in (_MAT, _BLANKET) else p for p in props]
    return paints, props


def _extent(person: Mesh) -> tuple[Floats, float]:
    """Middle on the floor (2,) and diagonal of the body's box, metres."""
    low, high = bounds(person.vertices)
    return (high + low)[:2] / 2, float(np.linalg.norm(high - low))


def _household(paints: Paints, look: Look, style: np.random.Generator) -> None:
    """Replace colours that no home has, each with the look's chance."""
    for index, choose in (
        (FLOOR, bedding if style.random() < 0.5 else household_floor),
        (WALL, household_wall),
        (_MAT, bedding),
        (_BLANKET, bedding),
    ):
        if style.random() < look.household:
            paints[index] = choose(style)


def large_things(
    person: Mesh, joints: Floats, posture: str, look: Look, first: int,
    style: np.random.Generator,
) -> list[tuple[Mesh, Material]]:  # fmt: skip
    """A cot around the person and furniture further away; materials are numbered from ``first``."""
    out = []
    middle, length = _extent(person)
    along = joints[:5, :2].mean(0) - joints[15:, :2].mean(0)
    heading = float(np.arctan2(-along[0], along[1]))
    if POSTURES[posture].label != "All Fours" and style.random() < look.cot:
        turned = heading + style.normal(0, 0.12)
        here = placed(cot(0.75 * length, first, style), middle, turned)
        wood = household_floor(style) if style.random() < 0.5 else household_wall(style)
        out.append((here, replace(wood, pattern="plain")))
    for number in range(int(style.integers(look.furniture[0], look.furniture[1] + 1))):
        at, far = style.uniform(0, 2 * np.pi), length * style.uniform(1.4, 2.4)
        place = middle + far * np.array([np.cos(at), np.sin(at)])
        piece = block(length, first + 1 + number, style)
        paint = household_floor(style) if style.random() < 0.5 else bedding(style)
        out.append((placed(piece, place, style.uniform(0, np.pi)), paint))
    return out


def any_wall(camera: Camera, rng: np.random.Generator) -> Floats:
    """A wall behind the person, square to the camera's heading give or take."""
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
    """The wall (4,), moved away from what it would cut through."""
    reach = [float((mesh.vertices @ wall[:3]).max()) + 0.05 for mesh in meshes]
    return np.array([*wall[:3], max([wall[3], *reach])])


def any_lights(
    look: Look, camera: Camera, rng: np.random.Generator, style: np.random.Generator
) -> list[Light]:
    """The main light with the sky, then the weaker ones."""
    key = _main_light(look, rng)
    if look.headlamp:
        axis = -camera.rotation[2] + style.normal(0, 0.08, 3)
        direction = axis / np.linalg.norm(axis)
        key = replace(key, direction=direction, sky=0.3 * key.sky, bounce=0.3 * key.bounce)
    count = int(style.integers(look.lights[0], look.lights[1] + 1))
    return [key, *(_further_light(look, style) for _ in range(count - 1))]


def _further_light(look: Look, rng: np.random.Generator) -> Light:
    tint = np.clip(1 + look.tint * rng.normal(size=3), 0.5, 1.6)
    none = np.zeros(3)
    color = rng.uniform(0.12, 0.45) * tint
    return Light(_direction(rng, (15, 85)), color, none, none, float(rng.uniform(0.005, 0.08)))


def _direction(rng: np.random.Generator, elevation: tuple[float, float]) -> Floats:
    e, a = np.deg2rad(rng.uniform(*elevation)), rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])


def _main_light(look: Look, rng: np.random.Generator) -> Light:
    direction = _direction(rng, (30, 85))
    strength = rng.uniform(*look.light)
    warm = np.clip(1 + look.tint * rng.normal(size=3), 0.5, 1.6)
    cool = np.clip(1 + look.tint * rng.normal(size=3), 0.5, 1.6)
    return Light(
        direction=direction,
        color=strength * warm,
        sky=(1.05 - 0.6 * strength) * cool,
        bounce=(0.5 - 0.3 * strength) * warm,
        softness=float(rng.uniform(0.005, 0.08)),
    )
