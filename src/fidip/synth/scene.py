"""From a random seed to one labelled image: a stage (person, room, camera, light), then its picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.synth.body import Body
from fidip.synth.camera import Camera
from fidip.synth.dress import Outfit, dress
from fidip.synth.lens import photograph
from fidip.synth.light import Light, shade
from fidip.synth.look import Look
from fidip.synth.mesh import Mesh
from fidip.synth.pose import POSTURES, choose_posture, sample_pose
from fidip.synth.raster import FLOOR, WALL, Surface, draw, silhouette
from fidip.synth.room import any_light, any_wall, surroundings
from fidip.synth.texture import Material
from fidip.synth.view import frame_person

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]

_SUPERSAMPLING = 1.5
_BODY = 0


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything that is there before the picture is taken.

    Attributes:
        posture: name of the posture.
        joints: (17, 3) world metres.
        person: the clothed body.
        outfit: what the body's layers are made of.
        props, materials: things around, and what they are made of by index; the last two are floor and wall.
        camera, light: the view and the light.
        wall: (4,) the plane n . x = d behind the person.
    """

    group: str
    posture: str
    joints: Floats
    person: Mesh
    outfit: Outfit
    props: list[Mesh]
    materials: list[Material]
    camera: Camera
    wall: Floats
    light: Light


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
    return capture(set_stage(body, group, look, size_wh, rng), look, rng)


def set_stage(
    body: Body, group: str, look: Look, size_wh: tuple[int, int], rng: np.random.Generator
) -> Stage:
    """Draw a person, what they wear, what surrounds them, the camera and the light."""
    posture = choose_posture(group, rng)
    rest, heads = body.rest(group, rng.normal(size=8).clip(-1.6, 1.6))
    outfit = dress(body, rest, heads, group, look.patterned, rng)
    rotations = sample_pose(body, heads, posture, rng)
    bare = body.pose(rest, heads, rotations)
    offset = np.array([*bare[:, :2].mean(0), np.percentile(bare[:, 2], 0.5)])
    person = Mesh(_on_floor(bare - offset), body.faces, rest, _BODY, outfit.cover)
    joints = body.keypoints(person.vertices)
    materials, props = surroundings(person, joints, posture, look, rng)
    camera = frame_person(person.vertices, group, posture, look, size_wh, rng)
    return Stage(
        group=group,
        posture=posture,
        joints=joints,
        person=_inflated(person, outfit),
        outfit=outfit,
        props=props,
        materials=materials,
        camera=camera,
        wall=any_wall(camera, rng),
        light=any_light(look, rng),
    )


def capture(stage: Stage, look: Look, rng: np.random.Generator) -> Picture:
    """Take the picture of a stage and label it."""
    meshes, camera = [stage.person, *stage.props], stage.camera
    surface = draw(meshes, camera.scaled(_SUPERSAMPLING), stage.wall)
    radiance = shade(surface, _albedo(surface, stage.outfit, stage.materials), meshes, stage.light)
    mask = silhouette(stage.person, camera)
    return Picture(
        image=photograph(
            cv2.resize(radiance, camera.size_wh, interpolation=cv2.INTER_AREA), look, rng
        ),
        keypoints=_label(stage.joints, camera, surface, stage.group),
        box_xywh=cv2.boundingRect(mask.astype(np.uint8)),
        area=int(mask.sum()),
        posture=POSTURES[stage.posture].label,
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
