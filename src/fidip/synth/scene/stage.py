"""From a random seed to one labelled image: a stage (person, room, camera, light), then its picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Pixels
from fidip.synth.appearance import Look
from fidip.synth.body.body_model import Body
from fidip.synth.body.growth import infant_shape
from fidip.synth.body.hands import Grip, open_hands
from fidip.synth.camera.lens import any_sensor, infrared, photograph
from fidip.synth.camera.pinhole import Camera
from fidip.synth.camera.placement import clear_view, frame_person
from fidip.synth.clothing.garments import Outfit, dress
from fidip.synth.clothing.palette import bedding
from fidip.synth.clothing.texture import Material, put_rows
from fidip.synth.labels.projection import FLESH, flesh, label, pixels
from fidip.synth.pose.collision import deepest_cut
from fidip.synth.pose.joint_angles import UP, sample_pose
from fidip.synth.pose.posture import POSTURES, any_posture
from fidip.synth.render.light import Light, shade
from fidip.synth.render.mesh import Mesh, from_origin
from fidip.synth.render.raster import FLOOR, WALL, Surface, draw, silhouette, visible_share
from fidip.synth.scene.collage import collage
from fidip.synth.scene.companion import holding_adult, reaching_adult
from fidip.synth.scene.furniture import sleep_sack
from fidip.synth.scene.room import any_lights, any_wall, large_things, surroundings, wall_behind

_BODY, _HOLDER = 0, 100  # materials; those of things around lie between
_DEEPEST_CUT = 0.01  # metres
_LEAST_VISIBLE = 0.6  # of the person, behind furniture


Paint = Material | Outfit


@dataclass(frozen=True, eq=False)
class Figure:
    """A person's body, dressed, and how it is posed.

    Attributes:
        rest, heads: (V, 3) vertices and (J, 3) bone heads of the rest pose, metres.
        outfit: what is worn.
        grip: how open the hands are; ``rest`` has them closed.
        rotations: (J, 3, 3) world rotation of every bone away from rest.
        offset: (3,) metres; what posed vertices are moved back by to stand in the room.
    """

    rest: Floats
    heads: Floats
    outfit: Outfit
    grip: Grip
    rotations: Floats
    offset: Floats

    def bare(self, body: Body, posed: Floats | None = None) -> Mesh:
        """The naked body in the room, pressed flat where it would sink into the floor; ``posed`` (V, 3) where it is known."""
        if posed is None:
            rest = open_hands(body, self.rest, self.heads, self.grip)
            posed = body.pose(rest, self.heads, self.rotations)
        return Mesh(
            _on_floor(from_origin(posed, self.offset)),
            body.faces,
            self.rest,
            _BODY,
            self.outfit.cover,
        )

    def clothed(self, bare: Mesh) -> Mesh:
        """The body with its clothes on."""
        worn = self.outfit.worn(bare)
        return replace(worn, vertices=_on_floor(worn.vertices))


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything that is there before the picture is taken.

    Attributes:
        group, posture: "infant" or "adult", and the name of the posture.
        figure: the person's body and pose.
        joints: (17, 3) world metres.
        worn: the clothed body, and a sleep sack where there is one; all that counts as the person.
        props: things around, other people included.
        paints: what everything is made of, by material index.
        camera, lights: the view and the lights, the main one first.
        wall: (4,) the plane n . x = d behind the person.
    """

    group: str
    posture: str
    figure: Figure
    joints: Floats
    worn: list[Mesh]
    props: list[Mesh]
    paints: dict[int, Paint]
    camera: Camera
    wall: Floats
    lights: list[Light]


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
        shown: (17,) index of the material that the pixel of each joint shows; the nearest pixel's for those outside.
    """

    image: NDArray[np.uint8]
    keypoints: Floats
    box_xywh: tuple[int, int, int, int]
    area: int
    posture: str
    quality: int
    shown: NDArray[np.int32]


def render_person(
    body: Body, group: str, look: Look, size_wh: tuple[int, int], rng: np.random.Generator
) -> Picture:
    """Draw one person of a group ("infant" or "adult") in a look. Everything follows from ``rng``."""
    return capture(set_stage(body, group, look, size_wh, rng), look, rng)


def set_stage(
    body: Body,
    group: str,
    look: Look,
    size_wh: tuple[int, int],
    rng: np.random.Generator,
    posture: str | None = None,
) -> Stage:
    """Draw a person, what they wear, what surrounds them, the camera and the light.

    ``posture`` names one of ``POSTURES``; None draws one by weight.
    """
    wear, around, view, lamps, others, limbs = rng.spawn(6)
    posture = posture or any_posture(group, look.held, look.lap, rng, others.spawn(1)[0])
    way = POSTURES[posture].held
    if way:
        # They would be in the way, and straight from above there would be two heads.
        look = replace(look, cot=0.0, sack=0.0, caregiver=0.0, overhead=0.0)
    shape = rng.normal(size=8).clip(-1.6, 1.6)
    if group == "infant" and look.months is not None and body.has_ages:
        rest, heads = infant_shape(body, shape, limbs.uniform(*look.months), limbs)
    else:
        rest, heads = body.rest(group, shape)
    outfit = dress(body, rest, heads, group, look, rng, wear)
    rotations = sample_pose(body, heads, posture, rng)
    grip = Grip.draw(group, look.hands, limbs.spawn(1)[0])
    opened = open_hands(body, rest, heads, grip)
    rotations = untangled(body, opened, heads, rotations, posture, look, limbs)
    posed = body.pose(opened, heads, rotations)
    figure = Figure(rest, heads, outfit, grip, rotations, ground(posed))
    person, holders, upholstery = figure.bare(body, posed), [], {}
    if way:
        holder = holding_adult(body, figure.clothed(person), way, look, _HOLDER, others)
        figure = replace(figure, offset=figure.offset - holder.lift * UP)
        person, holders, upholstery = figure.bare(body, posed), holder.meshes, holder.paints
    joints = body.keypoints(person.vertices)
    below = replace(person, vertices=person.vertices * [1, 1, 0]) if way else person
    cloths, props = surroundings(below, joints, posture, look, rng, around)
    views = partial(
        frame_person, person.vertices, group, posture, size_wh=size_wh, rng=rng, style=view
    )
    camera = clear_view(person, holders, look, views)
    paints: dict[int, Paint] = {**cloths, **upholstery, _BODY: outfit}
    props += holders
    worn = [figure.clothed(person)]
    if group == "infant" and _lies(posture) and wear.random() < look.sack:
        index = max(paints) + 1
        worn.append(_sleep_sack(body, worn[0], joints, index))
        paints[index] = bedding(wear)
    for mesh, paint in large_things(person, joints, posture, look, max(paints) + 1, around):
        if visible_share(person.vertices[::7], mesh, camera) >= _LEAST_VISIBLE:
            props.append(mesh)
            paints[mesh.material] = paint
    if group == "infant" and others.random() < look.caregiver:
        index = max(paints) + 1
        adult = reaching_adult(body, worn[0], joints, camera, look, index, others)
        if adult is not None:
            props.append(adult.mesh)
            paints[index] = adult.outfit
    return Stage(
        group=group,
        posture=posture,
        figure=figure,
        joints=joints,
        worn=worn,
        props=props,
        paints=paints,
        camera=camera,
        wall=wall_behind(any_wall(camera, rng), holders),
        lights=any_lights(look, camera, rng, lamps),
    )


def capture(stage: Stage, look: Look, rng: np.random.Generator) -> Picture:
    """Take the picture of a stage and label it."""
    film, beyond = rng.spawn(2)
    sensor = any_sensor(look, film)
    meshes, camera = [*stage.worn, *stage.props], stage.camera
    fine = camera.scaled(max(1.0, look.samples * sensor))
    surface = draw(meshes, fine, stage.wall)
    albedo = _albedo(surface, stage.paints)
    if beyond.random() < look.collage:
        room = np.isin(surface.material, (FLOOR, WALL))
        albedo[room] = collage(room.shape[::-1], beyond)[room]
    if look.infrared:
        albedo = infrared(albedo)
    radiance = shade(surface, albedo, meshes, *stage.lights)
    focus = float(np.median(camera.project(stage.joints)[:, 2]))
    mask = silhouette(stage.worn, camera)
    column, row = pixels(stage.joints, fine)
    return Picture(
        image=photograph(radiance, surface.depth, focus, camera.size_wh, sensor, look, rng, film),
        keypoints=label(stage.joints, camera, fine, surface, FLESH * flesh(stage.group)),
        box_xywh=cv2.boundingRect(mask.astype(np.uint8)),
        area=int(mask.sum()),
        posture=POSTURES[stage.posture].label,
        quality=int(rng.integers(look.jpeg[0], look.jpeg[1] + 1)),
        shown=surface.material[row, column],
    )


def ground(posed: Floats) -> Floats:
    """(3,) metres: the middle of a posed body (V, 3) and the height that its lowest parts lie at, the 0.5th percentile."""
    rank = int(0.005 * (len(posed) - 1))
    # To the bit what NumPy's mean and percentile are, which take ten times as long.
    low, high = np.partition(posed[:, 2], (rank, rank + 1))[rank : rank + 2]
    above = 0.005 * (len(posed) - 1) - rank
    height = low + (high - low) * above if above < 0.5 else high - (high - low) * (1 - above)
    return np.array([*_middle(posed), height])


@njit(cache=True)
def _middle(points):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Mean x and y of points (N, 3)."""
    x = y = 0.0
    for n in range(len(points)):
        x += points[n, 0]
        y += points[n, 1]
    return x / len(points), y / len(points)


def _on_floor(vertices: Floats) -> Floats:
    """What would sink into the floor is pressed flat on it, as soft tissue is."""
    vertices = vertices.copy()
    vertices[:, 2] = np.maximum(vertices[:, 2], 0.003)
    return vertices


def untangled(
    body: Body,
    rest: Floats,
    heads: Floats,
    rotations: Floats,
    posture: str,
    look: Look,
    rng: np.random.Generator,
) -> Floats:
    """The bones' rotations (J, 3, 3), or of the look's redraws those with the shallowest cuts."""
    best, least = rotations, np.inf
    for _ in range(look.redraws):
        cut = deepest_cut(body, rest, body.pose(rest, heads, rotations))
        if cut < least:
            best, least = rotations, cut
        if least < _DEEPEST_CUT:
            break
        rotations = sample_pose(body, heads, posture, rng)
    return best


def _lies(posture: str) -> bool:
    return POSTURES[posture].label in ("Supine", "Prone", "Unknown")


def _sleep_sack(body: Body, person: Mesh, joints: Floats, material: int) -> Mesh:
    """A bag from the armpits over the feet."""
    legs = body.share(
        "upperleg", "lowerleg", "foot", "pelvis", "root", "spine05", "spine04", "spine03"
    )
    neck, hips = joints[5:7].mean(0), joints[11:13].mean(0)
    inside = person.vertices[legs > 0.6]
    return sleep_sack(inside, neck + 0.25 * (hips - neck), hips, material)


def _albedo(surface: Surface, paints: dict[int, Paint]) -> Pixels:
    """(H, W, 3) linear RGB of every pixel's material."""
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
    """(N,) pixels sorted by material, and where those of each from ``low`` to ``high`` start, and the end."""
    starts = np.zeros(high - low + 2, np.int64)
    for index in material:
        starts[index - low + 1] += 1
    starts = np.cumsum(starts)
    following, rows = starts.copy(), np.empty(len(material), np.int64)
    for n in range(len(material)):
        rows[following[material[n] - low]] = n
        following[material[n] - low] += 1
    return rows, starts
