"""From a random seed to one labelled image: body, pose, clothes, props, camera, light, lens."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.synth.body import Body
from fidip.synth.dress import Outfit, dress
from fidip.synth.pose import POSTURES, choose_posture, sample_pose
from fidip.synth.props import any_toy, blanket, mat, moved
from fidip.synth.render import (
    FLOOR,
    WALL,
    Camera,
    Light,
    Mesh,
    Surface,
    draw,
    look_at,
    shade,
    silhouette,
)
from fidip.synth.texture import Material, any_material

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]
Range = tuple[float, float]

_SUPERSAMPLING = 1.5
_BODY, _MAT, _BLANKET, _TOYS = 0, 1, 2, 3


@dataclass(frozen=True)
class Look:
    """Statistics of images: what surrounds the person, the light and the camera.

    Attributes:
        patterned: chance that a cloth, floor or wall is not plain.
        mat, blanket: chance of a mat beneath and of a blanket over a lying person.
        toys: fewest and most toys around.
        light: strength of the main light against the sky; contrast grows with it.
        tint: standard deviation of the colour of light and of the white balance, relative.
        exposure: standard deviation of the exposure in stops.
        defocus, motion: largest radius of the lens blur and length of the motion blur, px.
        noise: largest standard deviation of sensor noise at middle grey, 0 to 1.
        jpeg: quality range of the file.
        fill: longest side of the person as a share of the image; over 1 is cut off.
    """

    patterned: float = 0.0
    mat: float = 0.0
    blanket: float = 0.0
    toys: tuple[int, int] = (0, 0)
    light: Range = (0.5, 0.8)
    tint: float = 0.0
    exposure: float = 0.0
    defocus: float = 0.0
    motion: float = 0.0
    noise: float = 0.0
    jpeg: tuple[int, int] = (92, 96)
    fill: Range = (0.6, 0.92)


@dataclass(frozen=True, eq=False)
class Picture:
    """One rendered and labelled person.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        keypoints: (17, 3) x, y in image px and v: 2 seen, 1 hidden, 0 outside (then x = y = 0).
        box_xywh: box of the person's silhouette within the image, hidden parts included, px.
        area: px² of that silhouette.
        posture: SyRIP's label.
        quality: JPEG quality of the look.
    """

    image: NDArray[np.uint8]
    keypoints: Floats
    box_xywh: tuple[int, int, int, int]
    area: int
    posture: str
    quality: int


def render_person(
    body: Body, group: str, look: Look, size_wh: tuple[int, int], rng: np.random.Generator
) -> Picture:
    """Draw one person of a group ("infant" or "adult") in a look. Everything follows from ``rng``."""
    posture = choose_posture(group, rng)
    rest, heads = body.rest(group, rng.normal(size=8).clip(-1.6, 1.6))
    outfit = dress(body, rest, heads, group, look.patterned, rng)
    rotations = sample_pose(body, heads, posture, rng)
    bare = body.pose(rest, heads, rotations)
    offset = np.array([*bare[:, :2].mean(0), np.percentile(bare[:, 2], 0.5)])
    person = Mesh(_on_floor(bare - offset), body.faces, rest, _BODY, outfit.cover)
    joints = body.keypoints(person.vertices)
    clothed = _inflated(person, outfit)
    materials, props = _surroundings(person, joints, posture, look, rng)
    camera = _camera(person.vertices, group, posture, look, size_wh, rng)
    meshes = [clothed, *props]
    surface = draw(meshes, camera.scaled(_SUPERSAMPLING), _wall(camera, rng))
    light = _light(look, rng)
    radiance = shade(surface, _albedo(surface, outfit, materials), meshes, light)
    mask = silhouette(clothed, camera)
    return Picture(
        image=_photograph(cv2.resize(radiance, size_wh, interpolation=cv2.INTER_AREA), look, rng),
        keypoints=_label(joints, camera, surface, group),
        box_xywh=cv2.boundingRect(mask.astype(np.uint8)),
        area=int(mask.sum()),
        posture=POSTURES[posture].label,
        quality=int(rng.integers(look.jpeg[0], look.jpeg[1] + 1)),
    )


def _on_floor(vertices: Floats) -> Floats:
    """What would sink into the floor is pressed flat on it, as soft tissue is."""
    vertices = vertices.copy()
    vertices[:, 2] = np.maximum(vertices[:, 2], 0.003)
    return vertices


def _inflated(person: Mesh, outfit: Outfit) -> Mesh:
    lifted = person.vertices + person.normals() * outfit.thickness[:, None]
    return Mesh(_on_floor(lifted), person.faces, person.texture, _BODY, person.layers)


def _surroundings(
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


def _camera(
    vertices: Floats,
    group: str,
    posture: str,
    look: Look,
    size_wh: tuple[int, int],
    rng: np.random.Generator,
) -> Camera:
    """A view in which the person fills the wanted share of the image, somewhere near its middle."""
    lying = POSTURES[posture].label in ("Supine", "Prone", "Unknown")
    elevation, facing = POSTURES[posture].elevation, POSTURES[posture].facing
    roll = rng.uniform(-180, 180) if group == "infant" and lying else rng.normal(0, 14)
    focal = size_wh[0] * np.exp(rng.uniform(np.log(0.85), np.log(2.2)))
    vertices = vertices[::6]  # enough to frame a body
    low, high = vertices.min(0), vertices.max(0)
    target, reach = (low + high) / 2, float(np.linalg.norm(high - low))
    height = max(rng.uniform(*elevation), 3.0)
    azimuth = rng.uniform(-180, 180) if facing is None else rng.normal(0, facing)
    view = (height, azimuth, roll, focal, size_wh)
    fill, drift = rng.uniform(*look.fill), rng.normal(0, 0.35, 2)
    distance = reach * focal / size_wh[0]
    for _ in range(3):
        seen = look_at(target, distance, *view).project(vertices)[:, :2]
        share = float((np.ptp(seen, axis=0) / size_wh).max())
        distance = max(distance * share / fill, 0.8 * reach)
    camera = look_at(target, distance, *view)
    seen = camera.project(vertices)[:, :2]
    free = np.clip(1 - np.ptp(seen, axis=0) / size_wh, 0, None) * size_wh / 2
    wanted = (np.array(size_wh) - 1) / 2 + np.clip(drift, -1, 1) * free
    pixels = (seen.max(0) + seen.min(0)) / 2 - wanted
    slide = camera.rotation.T @ np.array([*(pixels * distance / focal), 0.0])
    return Camera(camera.rotation, camera.position + slide, focal, size_wh)


def _wall(camera: Camera, rng: np.random.Generator) -> Floats:
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


def _light(look: Look, rng: np.random.Generator) -> Light:
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


def _albedo(surface: Surface, outfit: Outfit, materials: list[Material]) -> Pixels:
    """(H, W, 3) linear RGB of every pixel's material."""
    names = {FLOOR: len(materials) - 2, WALL: len(materials) - 1}
    material, texture = surface.material.ravel(), surface.texture.reshape(-1, 3)
    layers = surface.layers.reshape(-1, 4)
    out = np.empty((len(material), 3), np.float32)
    for index in range(WALL, len(materials) - 2):
        here = np.flatnonzero(material == index)
        if index == _BODY:
            out[here] = outfit.albedo(texture[here], layers[here])
        elif len(here):
            chosen = materials[names.get(index, index)]
            out[here] = chosen.albedo(texture[here])
    return out.reshape(*surface.material.shape, 3)


def _label(joints: Floats, camera: Camera, surface: Surface, group: str) -> Floats:
    """(17, 3) key points; a joint is seen when nothing lies in front of it by more than the flesh around it."""
    flesh = _FLESH * (0.75 if group == "infant" else 2.0)
    xyz = camera.project(joints)
    width, height = camera.size_wh
    rounded = np.rint(xyz[:, :2])
    inside = (rounded >= 0).all(1) & (rounded < [width, height]).all(1) & (xyz[:, 2] > 0)
    fine = camera.scaled(_SUPERSAMPLING)
    limit = np.array(fine.size_wh) - 1
    pixel = np.clip(np.rint(fine.project(joints)[:, :2]), 0, limit).astype(int)
    gap = xyz[:, 2] - surface.depth[pixel[:, 1], pixel[:, 0]]
    out = np.concatenate([xyz[:, :2], np.where(gap < flesh, 2, 1)[:, None]], axis=1)
    out[~inside] = 0
    return out


# How deep each COCO joint lies under the surface that shows it, metres, for a body of 0.7 m: the face's
# points lie on the skin, a hip under a thick layer and its nappy.
_FLESH = np.array([0.012, 0.016, 0.016, 0.028, 0.028, *[0.045] * 2, *[0.032] * 2, *[0.028] * 2, *[0.075] * 2, *[0.045] * 2, *[0.035] * 2])  # fmt: skip


def _photograph(radiance: Pixels, look: Look, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a camera makes of linear light: lens, sensor, white balance and tone curve."""
    image = radiance
    defocus, motion = rng.uniform(0, look.defocus), rng.uniform(0, look.motion)
    if defocus > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), defocus)
    if motion > 1:
        image = cv2.filter2D(image, -1, _streak(motion, rng.uniform(0, np.pi)))
    gain = 2 ** rng.normal(0, look.exposure) * np.clip(1 + look.tint * rng.normal(size=3), 0.6, 1.5)
    image = np.clip(image * gain.astype(np.float32), 0, None)
    sigma = rng.uniform(0, look.noise)
    if sigma > 0:
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        image += np.float32(sigma) * grain * np.sqrt(0.1 + 0.9 * np.minimum(image, 1))
    return np.rint(255 * np.clip(image, 0, 1) ** np.float32(1 / 2.2)).astype(np.uint8)


def _streak(length: float, angle: float) -> Pixels:
    """A line as a blur kernel, px."""
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    end = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = (size - 1) / 2
    start = tuple(int(v) for v in np.rint(middle - end))
    stop = tuple(int(v) for v in np.rint(middle + end))
    cv2.line(kernel, start, stop, 1.0)
    return kernel / kernel.sum()
