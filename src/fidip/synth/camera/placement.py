"""Where the camera stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.appearance import Look
from fidip.synth.camera.pinhole import Camera, look_at
from fidip.synth.pose.posture import POSTURES
from fidip.synth.render.mesh import Mesh, bounds
from fidip.synth.render.raster import inverse_depth

_FILM_DIAGONAL_MM = 43.27
_VIEWS = 12  # tried
_LEAST_VISIBLE = 0.65  # of a person, behind who holds them


def clear_view(
    person: Mesh, before: list[Mesh], look: Look, view: Callable[[Look], Camera]
) -> Camera:
    """A view of the person in which the meshes hide no more pixels of them than is allowed.

    The look's views are tried first, then the posture's own; of these the best is taken where all hide too much.
    """
    if not before:
        return view(look)
    best, most = None, -1.0
    for number in range(2 * _VIEWS):
        if number == _VIEWS:
            look = replace(look, overhead=0.0, free_view=0.0)
        camera = view(look)
        seen = _pixels_seen(person, before, camera)
        if seen > most:
            best, most = camera, seen
        if most >= _LEAST_VISIBLE:
            break
    assert best is not None
    return best


def _pixels_seen(person: Mesh, before: list[Mesh], camera: Camera) -> float:
    """Share of the person's pixels that are theirs with the other meshes there, on a grid of 64 px."""
    small = camera.scaled(64 / max(camera.size_wh))
    mine = inverse_depth([person], small)
    seen = mine >= inverse_depth(before, small)
    return float((seen & (mine > 0)).sum() / max((mine > 0).sum(), 1))


def frame_person(
    vertices: Floats,
    group: str,
    posture: str,
    look: Look,
    size_wh: tuple[int, int],
    rng: np.random.Generator,
    style: np.random.Generator,
) -> Camera:
    """A view in which the person fills the wanted share of the image, somewhere near its middle."""
    lying = POSTURES[posture].label in ("Supine", "Prone", "Unknown")
    elevation, facing = POSTURES[posture].elevation, POSTURES[posture].facing
    roll = rng.uniform(-180, 180) if group == "infant" and lying else rng.normal(0, 14)
    focal = size_wh[0] * np.exp(rng.uniform(np.log(0.85), np.log(2.2)))
    vertices = vertices[::6]  # enough to frame a body
    low, high = bounds(vertices)
    target, reach = (low + high) / 2, float(np.linalg.norm(high - low))
    height = max(rng.uniform(*elevation), 3.0)
    azimuth = rng.uniform(-180, 180) if facing is None else rng.normal(0, facing)
    angles = _restyled((height, azimuth, roll), look, style)
    if look.focal_mm is not None:
        millimetres = np.exp(style.uniform(*np.log(look.focal_mm)))
        focal = float(millimetres / _FILM_DIAGONAL_MM * np.hypot(*size_wh))
    view = (*angles, focal, size_wh)
    fill, drift = rng.uniform(*look.fill), rng.normal(0, 0.35, 2)
    distance = reach * focal / size_wh[0]
    for _ in range(3):
        first, last = bounds(look_at(target, distance, *view).project(vertices))
        share = float(((last - first)[:2] / size_wh).max())
        distance = max(distance * share / fill, 0.8 * reach)
    camera = look_at(target, distance, *view)
    first, last = (bound[:2] for bound in bounds(camera.project(vertices)))
    free = np.clip(1 - (last - first) / size_wh, 0, None) * size_wh / 2
    wanted = (np.array(size_wh) - 1) / 2 + np.clip(drift, -1, 1) * free
    pixels = (last + first) / 2 - wanted
    slide = camera.rotation.T @ np.array([*(pixels * distance / focal), 0.0])
    return Camera(camera.rotation, camera.position + slide, focal, size_wh)


def _restyled(
    angles: tuple[float, float, float], look: Look, style: np.random.Generator
) -> tuple[float, float, float]:
    """Elevation, azimuth and roll of the posture's habit, or of the look's; degrees."""
    elevation, azimuth, roll = angles
    choice = style.random()
    if choice < look.overhead:
        elevation, azimuth = style.uniform(72, 90), style.uniform(-180, 180)
    elif choice < look.overhead + look.free_view:
        # uniform over the half sphere, but for the lowest views, in which limbs hide each other
        elevation = float(np.rad2deg(np.arcsin(style.uniform(0.08, 1))))
        azimuth = style.uniform(-180, 180)
    if look.roll is not None:
        roll = style.uniform(-look.roll, look.roll)
    return elevation, azimuth, roll
