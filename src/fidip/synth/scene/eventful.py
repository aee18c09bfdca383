"""Scenes of a given person in which something happens, see ``ClipEvents``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import Body
from fidip.synth.body.hands import HandOpening, open_hands
from fidip.synth.pose.motion import LONGEST_CLIP, Motion, draw_motion
from fidip.synth.pose.posture import POSTURES
from fidip.synth.render.raster import visible_fraction
from fidip.synth.scene.clip import Effect, Scene, seen_whole
from fidip.synth.scene.events import ClipEvents
from fidip.synth.scene.figure import Figure, ground
from fidip.synth.scene.identity import Identity
from fidip.synth.scene.stage import HOLDER, Stage, around_holder, place_person, stage_around

_HOLDS = 8  # draws of how an adult holds the infant
_GOOD_ENOUGH = 0.6  # visible fraction of a held infant at which no further draw is made


@dataclass(frozen=True)
class ClipPlan:
    """What is given of a clip; the rest is drawn.

    Attributes:
        posture: name of the posture.
        appearance: statistics of the images.
        size_wh: image (width, height), px.
        seconds: length of the clip.
        events: what happens.
    """

    posture: str
    appearance: Appearance
    size_wh: tuple[int, int]
    seconds: float
    events: ClipEvents


def draw_eventful_scene(body: Body, person: Identity, plan: ClipPlan, seed: int) -> Scene:
    """Draw a scene in which a given person moves and something happens.

    Args:
        body: the body.
        person: shape and clothes.
        plan: posture, length and events.
        seed: determines everything else.
    """
    around, happening, film = np.random.default_rng((seed, 0)).spawn(3)
    still = _without_stills(plan)
    motion = _draw_movement(body, person, plan, seed)
    shutter, lights = plan.events.shutter, plan.events.lights
    scene = _draw_start(body, person, motion, replace(plan, appearance=still), around)
    effects = [*scene.effects, *_draw_effects(body, scene, plan, happening)]
    dimming = None if lights is None else lights.draw(plan.seconds, happening)
    return replace(
        scene,
        seed=seed,
        grain=255 * 0.6 * float(film.uniform(0, plan.appearance.noise)),
        effects=(*effects, *([] if dimming is None else [dimming])),
        shutter=shutter,
        exposure=0.0 if shutter is None else float(film.uniform(*shutter.seconds)),
        dimming=dimming,
    )


def _without_stills(plan: ClipPlan) -> Appearance:
    """Return the appearance without what only stills have, and what would be in the way."""
    still = replace(
        plan.appearance, blanket=0.0, sack=0.0, caregiver=0.0, noise=0.0, motion=0.0, collage=0.0
    )
    if plan.events.cover is not None:
        still = replace(still, toys=(0, 0), cot=0.0)
    if plan.events.handling is not None:
        still = replace(still, cot=0.0)
    return still if POSTURES[plan.posture].held is None else around_holder(still)


def _draw_movement(body: Body, person: Identity, plan: ClipPlan, seed: int) -> Motion:
    motion = draw_motion(body, person.heads, plan.posture, seed, plan.appearance.hands)
    if POSTURES[plan.posture].held is not None:
        motion = motion.with_still_trunk()
    if plan.events.kicks is not None:
        kicks = plan.events.kicks.draw(LONGEST_CLIP, np.random.default_rng((seed, 8)))
        motion = replace(motion, kicks=kicks)
    return motion


def _draw_start(
    body: Body, person: Identity, motion: Motion, plan: ClipPlan, rng: np.random.Generator
) -> Scene:
    """Draw the room, and for held infants the adult, whose arms must not hide too much."""
    best, most = None, -1.0
    for _ in range(1 if plan.events.carrying is None else _HOLDS):
        stage = _draw_stage(body, person, motion, plan, rng)
        carrying = plan.events.carrying
        carried = () if carrying is None else (carrying.draw(stage, rng),)
        scene = Scene(stage, motion, plan.appearance, 0.0, 0, carried)
        scene = seen_whole(body, scene, plan.seconds)
        seen = _least_visible(body, scene, plan.seconds)
        if seen > most:
            best, most = scene, seen
        if most >= _GOOD_ENOUGH:
            break
    assert best is not None
    return best


def _least_visible(body: Body, scene: Scene, seconds: float) -> float:
    """Return the smallest fraction of the person that their holder leaves visible."""
    least = 1.0
    for time in np.linspace(0, seconds, 7):
        stage = scene.at(body, float(time))
        for holder in (mesh for mesh in stage.props if mesh.material == HOLDER):
            skin = stage.worn[0].vertices[::7]
            least = min(least, visible_fraction(skin, holder, stage.camera))
    return least


def _draw_stage(
    body: Body, person: Identity, motion: Motion, plan: ClipPlan, rng: np.random.Generator
) -> Stage:
    """Draw the room around the person as the motion poses them at first."""
    group = POSTURES[plan.posture].group
    opening = HandOpening(group, *motion.hands(0.0))
    rotations = motion.rotations(body, person.heads, 0.0)
    opened = open_hands(body, person.rest, person.heads, opening)
    posed = body.pose(opened, person.heads, rotations)
    figure = Figure(person.rest, person.heads, person.outfit, opening, rotations, ground(posed))
    others = rng.spawn(1)[0]
    placed = place_person(body, figure, plan.posture, plan.appearance, others, posed)
    return stage_around(placed, plan.posture, plan.appearance, plan.size_wh, rng)


def _draw_effects(
    body: Body, scene: Scene, plan: ClipPlan, rng: np.random.Generator
) -> list[Effect]:
    """Draw blanket, hands and camera around the person of a scene."""
    events, effects = plan.events, list[Effect]()
    start = scene.at(body, 0.0)
    if events.cover is not None:
        effects.append(events.cover.draw(start, plan.seconds, rng))
    if events.handling is not None:
        effects.append(events.handling.draw(body, start, plan.appearance, plan.seconds, rng))
    if events.camera is not None:
        effects.append(events.camera.draw(start.camera, rng))
    return effects
