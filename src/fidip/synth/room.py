"""What surrounds a person: props, floor, wall and light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fidip.synth.camera import Camera
from fidip.synth.light import Light
from fidip.synth.look import Look
from fidip.synth.mesh import Mesh
from fidip.synth.pose import POSTURES
from fidip.synth.props import any_toy, blanket, mat, moved
from fidip.synth.texture import Material, any_material

Floats = NDArray[np.float64]

_MAT, _BLANKET, _TOYS = 1, 2, 3


def surroundings(
    person: Mesh, joints: Floats, posture: str, look: Look, rng: np.random.Generator
) -> tuple[list[Material], list[Mesh]]:
    """Props, and the materials by index; the last two are floor and wall."""
    below = person.vertices
    length = float(np.linalg.norm(np.ptp(below, axis=0)))
    middle = (below.max(0) + below.min(0))[:2] / 2
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
        near = np.linalg.norm(below[:, :2] - place, axis=1) < radius
        height = (below[near, 2].max() if near.any() else 0.0) + 0.6 * radius
        props.append(moved(any_toy(radius, _TOYS + toy, rng), np.array([*place, height])))
    scale = 0.25 * length
    cloths = [
        any_material(rng, look.patterned, (0.06 * length, scale)) for _ in range(_TOYS + count)
    ]
    room = [any_material(rng, look.patterned, (0.1 * length, 0.6 * length)) for _ in range(2)]
    flat = np.eye(3)
    floor = Material(
        room[0].base, room[0].second, room[0].pattern, room[0].scale, flat, room[0].grain
    )
    return [*cloths, floor, room[1]], props


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


def any_light(look: Look, rng: np.random.Generator) -> Light:
    e, a = np.deg2rad(rng.uniform(30, 85)), rng.uniform(0, 2 * np.pi)
    strength = rng.uniform(*look.light)
    warm = np.clip(1 + look.tint * rng.normal(size=3), 0.5, 1.6)
    cool = np.clip(1 + look.tint * rng.normal(size=3), 0.5, 1.6)
    return Light(
        direction=np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)]),
        color=strength * warm,
        sky=(1.05 - 0.6 * strength) * cool,
        bounce=(0.5 - 0.3 * strength) * warm,
        softness=float(rng.uniform(0.005, 0.08)),
    )
