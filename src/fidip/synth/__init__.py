"""Synthetic people: a parametric body, posed, dressed, rendered and labelled in SyRIP's layout."""

from fidip.synth.appearance import Appearance
from fidip.synth.dataset.render_settings import RenderSettings
from fidip.synth.dataset.split_writer import ImageSet, write_split
from fidip.synth.scene.events import (
    CameraMoves,
    Carrying,
    ClipEvents,
    Cover,
    DroppedFrames,
    Handling,
    Kicks,
    LightsOut,
    Shutter,
)
from fidip.synth.scene.picture import render_person

__all__ = [
    "Appearance",
    "CameraMoves",
    "Carrying",
    "ClipEvents",
    "Cover",
    "DroppedFrames",
    "Handling",
    "ImageSet",
    "Kicks",
    "LightsOut",
    "RenderSettings",
    "Shutter",
    "render_person",
    "write_split",
]
