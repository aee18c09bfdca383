"""Clips of one moving person: labelled frames at any times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from fidip.core.arrays import Floats
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import Body
from fidip.synth.body.hands import HandOpening, open_hands
from fidip.synth.camera.pinhole import Camera
from fidip.synth.labels.labels3d import occluders
from fidip.synth.pose.motion import Motion, draw_motion
from fidip.synth.pose.posture import POSTURES
from fidip.synth.render.mesh import Mesh
from fidip.synth.scene.figure import Figure, ground
from fidip.synth.scene.lights_out import Dimming
from fidip.synth.scene.picture import Picture, capture
from fidip.synth.scene.shutter import Shutter, travel
from fidip.synth.scene.stage import HOLDER, Stage, set_stage

_APART = 0.015  # smallest distance between the person and the things around, metres
_FLAT = 0.01  # metres; lower things lie beneath the person


@dataclass(frozen=True, eq=False)
class ClipFrame:
    """One frame of a clip.

    Attributes:
        time: seconds from the start.
        picture: the image and its 2D labels.
        joints: (17, 3) metres in camera space: x right, y down, z along the optical axis.
        camera: the view.
        occluder: (17,) what hides each keypoint, see ``fidip.synth.labels.labels3d.OCCLUDERS``.
    """

    time: float
    picture: Picture
    joints: Floats
    camera: Camera
    occluder: NDArray[np.uint8]


class Effect(Protocol):
    """Something that happens on a stage in the course of a clip."""

    def apply(self, stage: Stage, time: float) -> Stage:
        """Return the stage as it is at ``time`` seconds."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A stage whose person moves; camera, room and light do not, unless an effect moves them.

    Attributes:
        stage: the scene at time 0.
        motion: the movement.
        appearance: statistics without those that would differ from frame to frame.
        grain: standard deviation of the sensor noise, 0 to 255.
        seed: seed of the noise and of exposure and white balance.
        effects: what else changes, in this order.
        shutter: motion blur, or None for frames of an instant.
        exposure: time for which the shutter is open, s.
        dimming: lights that go out, or None. As the exposure rises, so does the noise.
    """

    stage: Stage
    motion: Motion
    appearance: Appearance
    grain: float
    seed: int
    effects: tuple[Effect, ...] = ()
    shutter: Shutter | None = None
    exposure: float = 0.0
    dimming: Dimming | None = None

    def at(self, body: Body, time: float) -> Stage:
        """Return the stage at ``time`` seconds."""
        stage = pose_stage(body, self.stage, self.motion, time)
        for effect in self.effects:
            stage = effect.apply(stage, time)
        return stage

    def frames(self, body: Body, times: Floats) -> Iterator[ClipFrame]:
        """Render the frames at ``times`` (N,), seconds; each is independent of the others.

        ``times`` are the middles of the exposures. Labels are those of these instants.
        """
        for number, time in enumerate(times):
            stage = self.at(body, float(time))
            others = self._blurring(body, float(time))
            # The same stream for every frame: exposure and white balance do not flicker.
            stream = np.random.default_rng((self.seed, 1))
            picture = capture(stage, self.appearance, stream, others)
            noise = np.random.default_rng((self.seed, 2, number)).standard_normal(
                picture.image.shape, dtype=np.float32
            )
            grain = np.float32(self.grain * self._gain(float(time)))
            image = np.clip(np.rint(picture.image + grain * noise), 0, 255)
            yield ClipFrame(
                time=float(time),
                picture=replace(picture, image=image.astype(np.uint8)),
                joints=stage.camera.local(stage.joints),
                camera=stage.camera,
                occluder=occluders(stage, picture),
            )

    def _blurring(self, body: Body, time: float) -> list[Stage]:
        """Return the stages of an exposure without the one in its middle."""
        if self.shutter is None:
            return []
        start, end = (self.at(body, time + half * self.exposure) for half in (-0.5, 0.5))
        _, *others = self.shutter.instants(travel(start, end))
        return [self.at(body, time + fraction * self.exposure) for fraction in others]

    def _gain(self, time: float) -> float:
        """Return the factor of the noise's standard deviation: shot noise grows by its root."""
        return 1.0 if self.dimming is None else float(2 ** (self.dimming.gained(time) / 2))


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
    scene = seen_whole(body, Scene(stage, motion, still, 0.0, seed), seconds)
    grain = 255 * 0.6 * float(rng.uniform(0, appearance.noise))
    return replace(scene, stage=pose_stage(body, scene.stage, motion, 0.0), grain=grain)


def seen_whole(body: Body, scene: Scene, seconds: float) -> Scene:
    """Step back until the camera sees the whole movement; remove what the person would touch.

    Args:
        body: the body.
        scene: the scene.
        seconds: length of the movement.
    """
    posed = [scene.at(body, t) for t in np.linspace(0, seconds, 12)]
    swept = np.concatenate([moment.worn[0].vertices[::5] for moment in posed])
    stage = scene.stage
    kept = [p for p in stage.props if p.material >= HOLDER or _clear(p, swept)]
    return replace(
        scene, stage=replace(stage, camera=_stepped_back(stage.camera, swept), props=kept)
    )


def pose_stage(body: Body, stage: Stage, motion: Motion, time: float) -> Stage:
    """Return the stage with the person as the motion poses them at ``time`` seconds."""
    old = stage.figure
    rotations = motion.rotations(body, old.heads, time)
    opening = HandOpening(stage.group, *motion.hands(time))
    opened = open_hands(body, old.rest, old.heads, opening)
    offset = old.offset
    if POSTURES[stage.posture].held is None:
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
