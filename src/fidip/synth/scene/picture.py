"""The labelled picture of a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Pixels
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import Body
from fidip.synth.camera.lens import LinearView, draw_sensor, infrared, photograph
from fidip.synth.clothing.garments import Outfit
from fidip.synth.clothing.texture import put_rows
from fidip.synth.labels.projection import FLESH, flesh, nearest_pixels, project_keypoints
from fidip.synth.pose.posture import POSTURES
from fidip.synth.random_streams import RandomStreams
from fidip.synth.render.light import shade
from fidip.synth.render.raster import FLOOR, WALL, Surface, draw, silhouette
from fidip.synth.scene.collage import collage
from fidip.synth.scene.stage import Paint, Stage, set_stage


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of one person and its labels.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        keypoints: (17, 3) x, y in image px and v: 2 visible, 1 hidden, 0 outside (then x = y = 0).
        box_xywh: box of the person's silhouette, hidden parts included, px.
        area: number of pixels of that silhouette.
        posture: SyRIP's posture label.
        quality: JPEG quality to save the image with.
        shown: (17,) material index of the pixel nearest to each keypoint.
    """

    image: NDArray[np.uint8]
    keypoints: Floats
    box_xywh: tuple[int, int, int, int]
    area: int
    posture: str
    quality: int
    shown: NDArray[np.int32]


def render_person(
    body: Body,
    group: str,
    appearance: Appearance,
    size_wh: tuple[int, int],
    rng: np.random.Generator,
) -> Picture:
    """Render a random person.

    Args:
        body: the body.
        group: "infant" or "adult".
        appearance: statistics of the image.
        size_wh: image (width, height), px.
        rng: random stream; it determines the whole picture.
    """
    return capture(set_stage(body, group, appearance, size_wh, rng), appearance, rng)


def capture(
    stage: Stage,
    appearance: Appearance,
    rng: np.random.Generator,
    others: Sequence[Stage] = (),
) -> Picture:
    """Take a labelled picture of a stage.

    Args:
        stage: the stage in the middle of the exposure; it is labelled.
        appearance: statistics of the image.
        rng: random stream.
        others: the stage at other instants while the shutter is open. The picture is the mean of
            all instants in linear light, which blurs what moves.
    """
    film, beyond = rng.spawn(2)
    sensor = draw_sensor(appearance, film)
    camera, scale = stage.camera, max(1.0, appearance.samples * sensor)
    fine = camera.scaled(scale)
    surface, radiance = _render(stage, scale, appearance, beyond)
    for other in others:
        radiance += _render(other, scale, appearance, beyond)[1]
    if others:
        radiance /= np.float32(1 + len(others))
    focus = float(np.median(camera.project(stage.joints)[:, 2]))
    view, streams = LinearView(radiance, surface.depth, focus), RandomStreams(rng, film)
    mask = silhouette(stage.worn, camera)
    column, row = nearest_pixels(stage.joints, fine)
    depth = FLESH * flesh(stage.group)
    return Picture(
        image=photograph(view, camera.size_wh, sensor, appearance, streams),
        keypoints=project_keypoints(stage.joints, camera, fine, surface, depth),
        box_xywh=cv2.boundingRect(mask.astype(np.uint8)),
        area=int(mask.sum()),
        posture=POSTURES[stage.posture].label,
        quality=int(rng.integers(appearance.jpeg[0], appearance.jpeg[1] + 1)),
        shown=surface.material[row, column],
    )


def _render(
    stage: Stage, scale: float, appearance: Appearance, rng: np.random.Generator
) -> tuple[Surface, Pixels]:
    """Return what each pixel shows and its radiance (H, W, 3), in ``scale`` times the pixels."""
    meshes = [*stage.worn, *stage.props]
    surface = draw(meshes, stage.camera.scaled(scale), stage.wall)
    albedo = _albedo(surface, stage.paints)
    if rng.random() < appearance.collage:
        room = np.isin(surface.material, (FLOOR, WALL))
        albedo[room] = collage(room.shape[::-1], rng)[room]
    if appearance.infrared:
        albedo = infrared(albedo)
    return surface, shade(surface, albedo, meshes, *stage.lights)


def _albedo(surface: Surface, paints: dict[int, Paint]) -> Pixels:
    """Return the (H, W, 3) linear RGB of every pixel's material."""
    material, layers = surface.material.ravel(), surface.layers.reshape(-1, 4)
    position, texture = surface.position.reshape(-1, 3), surface.texture.reshape(-1, 3)
    out = np.empty((len(material), 3), np.float32)
    rows, starts = _by_material(material, min(paints), max(paints))
    for index, paint in paints.items():
        here = rows[starts[index - min(paints)] : starts[index - min(paints) + 1]]
        if not len(here):
            continue
        if isinstance(paint, Outfit):
            color = paint.albedo(texture.take(here, axis=0), layers.take(here, axis=0))
        elif paint.is_plain:
            color = paint.base[None].astype(np.float32)
        else:
            color = paint.albedo((position if index < 0 else texture).take(here, axis=0))
        put_rows(out, here, color)
    return out.reshape(*surface.material.shape, 3)


@njit(cache=True)
def _by_material(material, low, high):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Sort pixels (N,) by material.

    Returns the sorted pixels, and where those of each material from ``low`` to ``high`` start.
    """
    starts = np.zeros(high - low + 2, np.int64)
    for index in material:
        starts[index - low + 1] += 1
    starts = np.cumsum(starts)
    following, rows = starts.copy(), np.empty(len(material), np.int64)
    for n in range(len(material)):
        rows[following[material[n] - low]] = n
        following[material[n] - low] += 1
    return rows, starts
