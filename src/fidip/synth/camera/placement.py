"""Placement of the camera: a random view that frames the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.appearance import Appearance
from fidip.synth.camera.pinhole import Camera, ViewAngles, look_at
from fidip.synth.pose.posture import POSTURES
from fidip.synth.random_streams import RandomStreams
from fidip.synth.render.mesh import Mesh, bounds
from fidip.synth.render.raster import inverse_depth

_FILM_DIAGONAL_MM = 43.27
_VIEWS = 12  # draws with the appearance's views, and as many with the posture's
_LEAST_VISIBLE = 0.65  # smallest visible fraction of a held person


def clear_view(
    person: Mesh,
    occluders: list[Mesh],
    appearance: Appearance,
    draw_view: Callable[[Appearance], Camera],
) -> Camera:
    """Draw a view of the person in which enough of them is visible.

    The appearance's views are tried first, then the posture's own; if all of them hide too much,
    the best one is returned.

    Args:
        person: the person.
        occluders: meshes that may hide the person.
        appearance: statistics of the views.
        draw_view: draws a random view for an appearance.
    """
    if not occluders:
        return draw_view(appearance)
    best, most = None, -1.0
    for number in range(2 * _VIEWS):
        if number == _VIEWS:
            appearance = replace(appearance, overhead=0.0, free_view=0.0)
        camera = draw_view(appearance)
        seen = _visible_fraction(person, occluders, camera)
        if seen > most:
            best, most = camera, seen
        if most >= _LEAST_VISIBLE:
            break
    assert best is not None
    return best


def _visible_fraction(person: Mesh, occluders: list[Mesh], camera: Camera) -> float:
    """Return the fraction of the person's pixels that other meshes leave visible; 64 px a side."""
    small = camera.scaled(64 / max(camera.size_wh))
    mine = inverse_depth([person], small)
    seen = mine >= inverse_depth(occluders, small)
    return float((seen & (mine > 0)).sum() / max((mine > 0).sum(), 1))


def frame_person(
    vertices: Floats,
    posture: str,
    appearance: Appearance,
    size_wh: tuple[int, int],
    streams: RandomStreams,
) -> Camera:
    """Draw a view in which the person fills a random fraction of the image, near its middle.

    Args:
        vertices: (V, 3) of the person, world metres.
        posture: name of the person's posture.
        appearance: statistics of the views.
        size_wh: image (width, height), px.
        streams: random streams.
    """
    rng, style = streams.rng, streams.style
    kind = POSTURES[posture]
    roll = rng.uniform(-180, 180) if kind.group == "infant" and kind.is_lying else rng.normal(0, 14)
    focal = size_wh[0] * np.exp(rng.uniform(np.log(0.85), np.log(2.2)))
    vertices = vertices[::6]  # enough to frame a body
    low, high = bounds(vertices)
    target, size = (low + high) / 2, float(np.linalg.norm(high - low))
    elevation = max(rng.uniform(*kind.elevation), 3.0)
    azimuth = rng.uniform(-180, 180) if kind.facing is None else rng.normal(0, kind.facing)
    angles = _restyled(ViewAngles(elevation, azimuth, roll), appearance, style)
    if appearance.focal_mm is not None:
        millimetres = np.exp(style.uniform(*np.log(appearance.focal_mm)))
        focal = float(millimetres / _FILM_DIAGONAL_MM * np.hypot(*size_wh))
    fill, drift = rng.uniform(*appearance.fill), rng.normal(0, 0.35, 2)
    distance = size * focal / size_wh[0]
    for _ in range(3):
        first, last = bounds(look_at(target, distance, angles, focal, size_wh).project(vertices))
        filled = float(((last - first)[:2] / size_wh).max())
        distance = max(distance * filled / fill, 0.8 * size)
    camera = look_at(target, distance, angles, focal, size_wh)
    return _slid(camera, vertices, drift, distance)


def _slid(camera: Camera, vertices: Floats, drift: Floats, distance: float) -> Camera:
    """Slide the camera so that the person (V, 3) is off the middle by ``drift`` (2,).

    ``drift`` is a fraction of the free margin, and ``distance`` the one to the person, metres.
    """
    first, last = (bound[:2] for bound in bounds(camera.project(vertices)))
    size = camera.size_wh
    free = np.clip(1 - (last - first) / size, 0, None) * size / 2
    wanted = camera.center + np.clip(drift, -1, 1) * free
    pixels = (last + first) / 2 - wanted
    slide = camera.rotation.T @ np.array([*(pixels * distance / camera.focal), 0.0])
    return replace(camera, position=camera.position + slide)


def _restyled(angles: ViewAngles, appearance: Appearance, style: np.random.Generator) -> ViewAngles:
    """Return the posture's usual view, or one that the appearance asks for."""
    elevation, azimuth, roll = angles.elevation, angles.azimuth, angles.roll
    choice = style.random()
    if choice < appearance.overhead:
        elevation, azimuth = style.uniform(72, 90), style.uniform(-180, 180)
    elif choice < appearance.overhead + appearance.free_view:
        # uniform over the hemisphere, except for the lowest views, in which limbs hide each other
        elevation = float(np.rad2deg(np.arcsin(style.uniform(0.08, 1))))
        azimuth = style.uniform(-180, 180)
    if appearance.roll is not None:
        roll = style.uniform(-appearance.roll, appearance.roll)
    return ViewAngles(elevation, azimuth, roll)
