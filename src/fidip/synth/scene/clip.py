"""Clips of one moving person: labelled frames at any times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from fidip.core.arrays import Floats
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import Body
from fidip.synth.body.hands import HandOpening, open_hands
from fidip.synth.camera.pinhole import Camera
from fidip.synth.pose.motion import Motion, draw_motion
from fidip.synth.pose.posture import POSTURES
from fidip.synth.render.mesh import Mesh
from fidip.synth.scene.figure import Figure, ground
from fidip.synth.scene.picture import Picture, capture
from fidip.synth.scene.stage import Stage, set_stage

_APART = 0.015  # smallest distance between the person and the things around, metres
_FLAT = 0.01  # metres; lower things lie beneath the person


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """One frame of a clip.

    Attributes:
        time: seconds from the start.
        picture: the image and its 2D labels.
        joints: (17, 3) metres in camera space: x right, y down, z along the optical axis.
    """

    time: float
    picture: Picture
    joints: Floats


@dataclass(frozen=True, eq=False)
class Scene:
    """A stage whose person moves; camera, room and light do not.

    Attributes:
        stage: the scene at time 0.
        motion: the movement.
        appearance: statistics without those that would differ from frame to frame.
        grain: standard deviation of the sensor noise, 0 to 255.
        seed: seed of the noise and of exposure and white balance.
    """

    stage: Stage
    motion: Motion
    appearance: Appearance
    grain: float
    seed: int

    def frames(self, body: Body, times: Floats) -> Iterator[ClipFrame]:
        """Render the frames at ``times`` (N,), seconds; each is independent of the others."""
        for number, time in enumerate(times):
            stage = pose_stage(body, self.stage, self.motion, float(time))
            # The same stream for every frame: exposure and white balance do not flicker.
            picture = capture(stage, self.appearance, np.random.default_rng((self.seed, 1)))
            noise = np.random.default_rng((self.seed, 2, number)).standard_normal(
                picture.image.shape, dtype=np.float32
            )
            image = np.clip(np.rint(picture.image + np.float32(self.grain) * noise), 0, 255)
            local = stage.camera.local(stage.joints)
            yield ClipFrame(float(time), replace(picture, image=image.astype(np.uint8)), local)


def draw_scene(
    body: Body,
    posture: str,
    appearance: Appearance,
    size_wh: tuple[int, int],
    seed: int,
    seconds: float,
) -> Scene:
    """Draw a scene with a moving person.

    Blankets, sleep sacks, other people and things that the person would touch are left out. The
    camera steps back until it sees the whole movement.

    Args:
        body: the body.
        posture: name of the posture that the person moves in.
        appearance: statistics of the images.
        size_wh: image (width, height), px.
        seed: determines the scene.
        seconds: length of the movement that the camera must see.
    """
    rng = np.random.default_rng((seed, 0))
    still = replace(appearance, blanket=0.0, sack=0.0, caregiver=0.0, noise=0.0, motion=0.0)
    group = POSTURES[posture].group
    stage = set_stage(body, group, still, size_wh, rng, posture)
    motion = draw_motion(body, stage.figure.heads, posture, seed, appearance.hands)
    posed = [pose_stage(body, stage, motion, t) for t in np.linspace(0, seconds, 12)]
    swept = np.concatenate([moment.worn[0].vertices[::5] for moment in posed])
    stage = replace(
        stage,
        camera=_stepped_back(stage.camera, swept),
        props=[prop for prop in stage.props if _clear(prop, swept)],
    )
    grain = 255 * 0.6 * float(rng.uniform(0, appearance.noise))
    return Scene(pose_stage(body, stage, motion, 0.0), motion, still, grain, seed)


def pose_stage(body: Body, stage: Stage, motion: Motion, time: float) -> Stage:
    """Return the stage with the person as the motion poses them at ``time`` seconds."""
    old = stage.figure
    rotations = motion.rotations(body, old.heads, time)
    opening = HandOpening(stage.group, *motion.hands(time))
    opened = open_hands(body, old.rest, old.heads, opening)
    height = ground(body.pose(opened, old.heads, rotations))[2]
    offset = np.array([*old.offset[:2], height])
    figure = Figure(old.rest, old.heads, old.outfit, opening, rotations, offset)
    bare = figure.bare(body)
    joints = body.keypoints(bare.vertices)
    return replace(stage, figure=figure, joints=joints, worn=[figure.clothed(bare)])


def _clear(prop: Mesh, swept: Floats) -> bool:
    if prop.vertices[:, 2].max() < _FLAT:
        return True
    return bool(KDTree(swept).query(prop.vertices)[0].min() > _APART)


def _stepped_back(camera: Camera, points: Floats, fill: float = 0.92) -> Camera:
    """Move a camera until points (N, 3) fill at most the fraction ``fill`` of the image."""
    for _ in range(12):
        seen = camera.project(points)
        extent = np.ptp(seen[:, :2], axis=0) / camera.size_wh
        middle = (seen[:, :2].max(0) + seen[:, :2].min(0)) / 2
        depth = float(np.median(seen[:, 2]))
        back = max(0.0, float(extent.max()) / fill - 1) * depth
        aside = (middle - camera.center) * depth / camera.focal
        shift = camera.rotation.T @ np.array([*aside, -back])
        camera = replace(camera, position=camera.position + shift)
    return camera
