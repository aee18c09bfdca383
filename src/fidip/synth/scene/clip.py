"""Clips of one moving person: frames at any instants, with 2D and 3D labels of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from fidip.core.arrays import Floats
from fidip.synth.appearance import Look
from fidip.synth.body.body_model import Body
from fidip.synth.body.hands import Grip, open_hands
from fidip.synth.camera.pinhole import Camera
from fidip.synth.pose.motion import Motion, draw_motion
from fidip.synth.render.mesh import Mesh
from fidip.synth.scene.stage import Figure, Picture, Stage, capture, ground, set_stage

_APART = 0.015  # metres between what is moved and what lies around
_FLAT = 0.01  # metres; what is no higher lies beneath the person


@dataclass(frozen=True, eq=False)
class Frame:
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
    """A stage whose person moves; the camera, the room and the light stand still.

    Attributes:
        stage: the scene at time 0.
        motion: the movement.
        look: without what differs from frame to frame.
        grain: standard deviation of the sensor's noise, 0 to 255.
        seed: of the noise and of the camera's constant traits.
    """

    stage: Stage
    motion: Motion
    look: Look
    grain: float
    seed: int

    def frames(self, body: Body, times: Floats) -> Iterator[Frame]:
        """The frames at ``times`` (N,), seconds; a frame does not depend on the others."""
        for number, time in enumerate(times):
            stage = pose_stage(body, self.stage, self.motion, float(time))
            # The same stream for every frame: exposure and white balance do not flicker.
            picture = capture(stage, self.look, np.random.default_rng((self.seed, 1)))
            noise = np.random.default_rng((self.seed, 2, number)).standard_normal(
                picture.image.shape, dtype=np.float32
            )
            image = np.clip(np.rint(picture.image + np.float32(self.grain) * noise), 0, 255)
            camera = stage.camera
            local = (stage.joints - camera.position) @ camera.rotation.T
            yield Frame(float(time), replace(picture, image=image.astype(np.uint8)), local)


def draw_scene(
    body: Body, group: str, posture: str, look: Look, size_wh: tuple[int, int], seed: int,
    seconds: float,
) -> Scene:  # fmt: skip
    """The moving scene of a seed.

    Blankets, sleep sacks and other people are left out, as they would have to give way, and so is
    what the person would touch. The camera steps back until all of the movement of ``seconds`` is seen.
    """
    rng = np.random.default_rng((seed, 0))
    still = replace(look, blanket=0.0, sack=0.0, caregiver=0.0, noise=0.0, motion=0.0)
    stage = set_stage(body, group, still, size_wh, rng, posture)
    motion = draw_motion(body, stage.figure.heads, posture, seed, look.hands)
    swept = np.concatenate(
        [
            pose_stage(body, stage, motion, t).worn[0].vertices[::5]
            for t in np.linspace(0, seconds, 12)
        ]
    )
    stage = replace(
        stage,
        camera=_stepped_back(stage.camera, swept),
        props=[prop for prop in stage.props if _clear(prop, swept)],
    )
    grain = 255 * 0.6 * float(rng.uniform(0, look.noise))
    return Scene(pose_stage(body, stage, motion, 0.0), motion, still, grain, seed)


def pose_stage(body: Body, stage: Stage, motion: Motion, time: float) -> Stage:
    """The stage with its person where the motion has them at ``time`` seconds."""
    old = stage.figure
    rotations = motion.rotations(body, old.heads, time)
    grip = Grip(stage.group, *motion.hands(time))
    opened = open_hands(body, old.rest, old.heads, grip)
    height = ground(body.pose(opened, old.heads, rotations))[2]
    offset = np.array([*old.offset[:2], height])
    figure = Figure(old.rest, old.heads, old.outfit, grip, rotations, offset)
    bare = figure.bare(body)
    joints = body.keypoints(bare.vertices)
    return replace(stage, figure=figure, joints=joints, worn=[figure.clothed(bare)])


def _clear(prop: Mesh, swept: Floats) -> bool:
    if prop.vertices[:, 2].max() < _FLAT:
        return True
    return bool(KDTree(swept).query(prop.vertices)[0].min() > _APART)


def _stepped_back(camera: Camera, points: Floats, fill: float = 0.92) -> Camera:
    """The camera moved back, and aside, until points (N, 3) fill at most ``fill`` of the image."""
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
