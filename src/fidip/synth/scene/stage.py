"""A random stage: the person, other people, the room, the camera and the light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import Body, RestShape
from fidip.synth.body.hands import HandOpening, open_hands
from fidip.synth.camera.pinhole import Camera
from fidip.synth.camera.placement import clear_view, frame_person
from fidip.synth.clothing.garments import Outfit, draw_outfit
from fidip.synth.clothing.palette import bedding
from fidip.synth.clothing.texture import Material
from fidip.synth.pose.joint_angles import UP, sample_pose
from fidip.synth.pose.posture import POSTURES, draw_posture
from fidip.synth.random_streams import RandomStreams
from fidip.synth.render.light import Light
from fidip.synth.render.mesh import Mesh
from fidip.synth.render.raster import visible_fraction
from fidip.synth.scene.companion import Holder, draw_caregiver, draw_holder
from fidip.synth.scene.figure import BODY, Figure, draw_shape, ground, least_cutting_pose
from fidip.synth.scene.furniture import sleep_sack
from fidip.synth.scene.room import (
    draw_lights,
    draw_surroundings,
    draw_wall,
    large_things,
    wall_behind,
)
from fidip.synth.scene.subject import Subject

Paint = Material | Outfit

HOLDER = 100
"""Material index of the adult who holds an infant; those of other things are smaller."""
_LEAST_VISIBLE = 0.6  # smallest visible fraction of the person behind furniture


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything that exists before the picture is taken.

    Attributes:
        group: "infant" or "adult".
        posture: name of the posture.
        figure: the person's body and pose.
        joints: (17, 3) keypoints, world metres.
        worn: the clothed body, and the sleep sack if there is one; together they are the person.
        props: things around the person, other people included.
        paints: materials of everything, by material index.
        camera: the view.
        wall: (4,) the plane n . x = d behind the person.
        lights: the lights, the main one first.
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
class _Streams:
    """Independent random streams of a stage, so that a change in one part leaves the others."""

    wear: np.random.Generator
    around: np.random.Generator
    view: np.random.Generator
    lamps: np.random.Generator
    others: np.random.Generator
    limbs: np.random.Generator


@dataclass(frozen=True, eq=False)
class Person:
    """A drawn person: figure, naked body in the room, keypoints, and who holds them."""

    figure: Figure
    bare: Mesh
    joints: Floats
    holder: Holder


def set_stage(
    body: Body,
    group: str,
    appearance: Appearance,
    size_wh: tuple[int, int],
    rng: np.random.Generator,
    posture: str | None = None,
) -> Stage:
    """Draw a person, clothes, surroundings, camera and light.

    The order of the draws is fixed: another order gives other images for the same seed.

    Args:
        body: the body.
        group: "infant" or "adult".
        appearance: statistics of the image.
        size_wh: image (width, height), px.
        rng: random stream.
        posture: one of ``POSTURES``; None draws one by weight.
    """
    streams = _Streams(*rng.spawn(6))
    if posture is None:
        chances = (appearance.held, appearance.lap)
        posture = draw_posture(group, *chances, rng, streams.others.spawn(1)[0])
    if POSTURES[posture].held is not None:
        appearance = around_holder(appearance)
    person = _draw_person(body, posture, appearance, rng, streams)
    stage = _draw_room(person, posture, appearance, size_wh, rng, streams)
    _add_sleep_sack(stage, body, appearance, streams.wear)
    _add_furniture(stage, person.bare, appearance, streams.around)
    _add_caregiver(stage, body, appearance, streams.others)
    return stage


def stage_around(
    person: Person,
    posture: str,
    appearance: Appearance,
    size_wh: tuple[int, int],
    rng: np.random.Generator,
) -> Stage:
    """Draw surroundings, camera and light around a person who is drawn already.

    Sleep sacks and adults with a hand at the infant are left out.

    Args:
        person: the person.
        posture: name of the person's posture.
        appearance: statistics of the image.
        size_wh: image (width, height), px.
        rng: random stream.
    """
    streams = _Streams(*rng.spawn(6))
    stage = _draw_room(person, posture, appearance, size_wh, rng, streams)
    _add_furniture(stage, person.bare, appearance, streams.around)
    return stage


def _draw_room(
    person: Person,
    posture: str,
    appearance: Appearance,
    size_wh: tuple[int, int],
    rng: np.random.Generator,
    streams: _Streams,
) -> Stage:
    """Draw small things, floor, wall, camera and lights around a person."""
    bare, holder = person.bare, person.holder
    # nothing lies on a held infant: what surrounds it is on the floor
    below = replace(bare, vertices=bare.vertices * [1, 1, 0]) if holder.meshes else bare
    around = RandomStreams(rng, streams.around)
    cloths, props = draw_surroundings(Subject(below, person.joints, posture), appearance, around)

    def draw_view(views: Appearance) -> Camera:
        view = RandomStreams(rng, streams.view)
        return frame_person(bare.vertices, posture, views, size_wh, view)

    camera = clear_view(bare, holder.meshes, appearance, draw_view)
    return Stage(
        group=POSTURES[posture].group,
        posture=posture,
        figure=person.figure,
        joints=person.joints,
        worn=[person.figure.clothed(bare)],
        props=props + holder.meshes,
        paints={**cloths, **holder.paints, BODY: person.figure.outfit},
        camera=camera,
        wall=wall_behind(draw_wall(camera, rng), holder.meshes),
        lights=draw_lights(appearance, camera, RandomStreams(rng, streams.lamps)),
    )


def _draw_person(
    body: Body,
    posture: str,
    appearance: Appearance,
    rng: np.random.Generator,
    streams: _Streams,
) -> Person:
    """Draw shape, clothes and pose of a person, and the adult who holds them, if any."""
    kind, limbs = POSTURES[posture], streams.limbs
    rest, heads = draw_shape(body, kind.group, appearance, rng, limbs)
    shape = RestShape(body, rest, heads)
    outfit = draw_outfit(shape, kind.group, appearance, RandomStreams(rng, streams.wear))
    rotations = sample_pose(body, heads, posture, rng)
    opening = HandOpening.draw(kind.group, appearance.hands, limbs.spawn(1)[0])
    opened = RestShape(body, open_hands(body, rest, heads, opening), heads)
    rotations = least_cutting_pose(opened, rotations, posture, appearance.redraws, limbs)
    posed = opened.pose(rotations)
    figure = Figure(rest, heads, outfit, opening, rotations, ground(posed))
    return place_person(body, figure, posture, appearance, streams.others, posed)


def place_person(
    body: Body,
    figure: Figure,
    posture: str,
    appearance: Appearance,
    rng: np.random.Generator,
    posed: Floats | None = None,
) -> Person:
    """Place a person on the floor, or draw the adult who holds them.

    Args:
        body: the body.
        figure: the person, on the floor.
        posture: name of the person's posture.
        appearance: statistics of the adult's clothes.
        rng: random stream of the adult.
        posed: (V, 3) posed vertices, metres, if they are known already.
    """
    kind, bare, holder = POSTURES[posture], figure.bare(body, posed), Holder([], {}, 0.0)
    if kind.held is not None:
        clothed = figure.clothed(bare)
        holder = draw_holder(body, clothed, kind.held, appearance, HOLDER, rng)
        figure = replace(figure, offset=figure.offset - holder.lift * UP)
        bare = figure.bare(body, posed)
    return Person(figure, bare, body.keypoints(bare.vertices), holder)


def with_prop(stage: Stage, mesh: Mesh, paint: Paint) -> Stage:
    """Return a stage with one more thing; the mesh gets a material index of its own."""
    index = max(stage.paints) + 1
    mesh = replace(mesh, material=index)
    return replace(stage, props=[*stage.props, mesh], paints={**stage.paints, index: paint})


def around_holder(appearance: Appearance) -> Appearance:
    """Return an appearance without what would be in the way of an adult who holds the infant.

    From above, the adult's head would hide the infant's.
    """
    return replace(appearance, cot=0.0, sack=0.0, caregiver=0.0, overhead=0.0)


def _add_sleep_sack(
    stage: Stage, body: Body, appearance: Appearance, rng: np.random.Generator
) -> None:
    """Put a lying infant into a sleep sack, with the appearance's chance."""
    lies = stage.group == "infant" and POSTURES[stage.posture].is_lying
    if lies and rng.random() < appearance.sack:
        index = max(stage.paints) + 1
        stage.worn.append(_sleep_sack(body, stage.worn[0], stage.joints, index))
        stage.paints[index] = bedding(rng)


def _add_furniture(
    stage: Stage, bare: Mesh, appearance: Appearance, rng: np.random.Generator
) -> None:
    """Add a cot and furniture, but none that hides too much of the person."""
    subject = Subject(bare, stage.joints, stage.posture)
    things = large_things(subject, appearance, max(stage.paints) + 1, rng)
    for mesh, paint in things:
        if visible_fraction(bare.vertices[::7], mesh, stage.camera) >= _LEAST_VISIBLE:
            stage.props.append(mesh)
            stage.paints[mesh.material] = paint


def _add_caregiver(
    stage: Stage, body: Body, appearance: Appearance, rng: np.random.Generator
) -> None:
    """Add an adult with a hand at the infant, with the appearance's chance."""
    if stage.group != "infant" or rng.random() >= appearance.caregiver:
        return
    index = max(stage.paints) + 1
    subject = Subject(stage.worn[0], stage.joints, stage.posture)
    adult = draw_caregiver(body, subject, stage.camera, appearance, index, rng)
    if adult is not None:
        stage.props.append(adult.mesh)
        stage.paints[index] = adult.outfit


def _sleep_sack(body: Body, person: Mesh, joints: Floats, material: int) -> Mesh:
    """Return a bag from the armpits to beyond the feet."""
    legs = body.weight_of(
        "upperleg", "lowerleg", "foot", "pelvis", "root", "spine05", "spine04", "spine03"
    )
    neck, hips = joints[5:7].mean(0), joints[11:13].mean(0)
    inside = person.vertices[legs > 0.6]
    return sleep_sack(inside, neck + 0.25 * (hips - neck), hips, material)
