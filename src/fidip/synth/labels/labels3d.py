"""3D labels, masks and depth: one npz per image, in a folder that COCO readers ignore."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fidip.io.atomic import write_atomic
from fidip.synth.body.body_model import Body
from fidip.synth.clothing.garments import Outfit
from fidip.synth.render.raster import draw, silhouette
from fidip.synth.scene.picture import Picture
from fidip.synth.scene.stage import Stage

OCCLUDERS = ("nothing", "self", "object", "person", "frame")
"""What hides a keypoint, by its number in ``occluder``."""


def occluders(stage: Stage, picture: Picture) -> NDArray[np.uint8]:
    """Return what hides each keypoint, (17,) indices into ``OCCLUDERS``.

    A hidden keypoint is hidden by what its pixel shows: the person or their clothes, another
    person, or an object.
    """
    shown, own = picture.shown, [mesh.material for mesh in stage.worn]
    others = [i for i, paint in stage.paints.items() if isinstance(paint, Outfit) and i not in own]
    hidden = np.where(np.isin(shown, own), 1, np.where(np.isin(shown, others), 3, 2))
    by_v = {2: np.zeros_like(hidden), 1: hidden, 0: np.full_like(hidden, 4)}
    return np.choose(picture.keypoints[:, 2].astype(int), [by_v[0], by_v[1], by_v[2]]).astype(
        np.uint8
    )


def joint_labels(body: Body, stage: Stage, picture: Picture) -> dict[str, NDArray[np.generic]]:
    """Return 3D keypoints, camera, body and occluders.

    Returns:
        Arrays by name:

        - ``joints_world``, ``joints_camera`` (x right, y down, z away), ``joints_body`` (x to the
          body's left, y backwards, z up the trunk, from the root bone): (17, 3) metres.
        - ``occluder``: (17,) indices into ``OCCLUDERS``.
        - ``camera_rotation``: (3, 3) world to camera; ``camera_position``: (3,) metres;
          ``camera_matrix``: (3, 3) px.
        - ``body_shape``: (C,) nearest shape coefficients; ``body_height``: from sole to vertex in
          the rest pose, metres; ``hands_open``: (2,) left and right, 0 closed to 1 flat.
        - ``bones``: (J,) names; ``bone_heads``: (J, 3) rest metres; ``bone_rotations``: (J, 3, 3)
          world rotations away from rest.
        - ``posture`` and ``group``: names.
    """
    camera, figure = stage.camera, stage.figure
    root = figure.rotations[0]
    shape = np.concatenate([figure.rest, figure.heads])
    matrix = np.diag([camera.focal, camera.focal, 1.0])
    matrix[:2, 2] = camera.center
    return {
        "joints_world": stage.joints,
        "joints_camera": camera.local(stage.joints),
        "joints_body": (stage.joints + figure.offset - figure.heads[0]) @ root,
        "occluder": occluders(stage, picture),
        "camera_rotation": camera.rotation,
        "camera_position": camera.position,
        "camera_matrix": matrix,
        "body_shape": body.shapes[stage.group].fit(shape),
        "body_height": np.array(np.ptp(figure.rest[:, 2])),
        "bones": np.array(body.bones),
        "hands_open": np.array([figure.opening.left, figure.opening.right]),
        "bone_heads": figure.heads,
        "bone_rotations": figure.rotations,
        "posture": np.array(stage.posture),
        "group": np.array(stage.group),
    }


def pixel_labels(stage: Stage) -> dict[str, NDArray[np.generic]]:
    """Return masks and depth, (H, W) of the image.

    Returns:
        Arrays by name: ``mask`` of the whole person, hidden parts included, whose pixels are the
        annotation's area; ``mask_visible`` of the visible parts; ``depth_mm``, uint16 along the
        optical axis, 65535 for everything farther.
    """
    surface = draw([*stage.worn, *stage.props], stage.camera, stage.wall)
    own = [mesh.material for mesh in stage.worn]
    return {
        "mask": silhouette(stage.worn, stage.camera),
        "mask_visible": np.isin(surface.material, own),
        "depth_mm": np.rint(np.clip(1000 * surface.depth, 0, 65535)).astype(np.uint16),
    }


def write_labels3d(path: Path, body: Body, stage: Stage, picture: Picture, dense: bool) -> None:
    """Write 3D labels, and with ``dense`` masks and depth, as npz.

    Raises:
        DiskError: the file cannot be written.
    """
    labels = joint_labels(body, stage, picture) | (pixel_labels(stage) if dense else {})
    write_atomic(path, lambda file: np.savez_compressed(file, **labels), is_synced=False)  # type: ignore[arg-type]
