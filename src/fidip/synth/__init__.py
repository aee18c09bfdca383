"""Synthetic people: a parametric body, posed, dressed, rendered and labelled in SyRIP's layout."""

from fidip.synth.appearance import Appearance
from fidip.synth.dataset.render_settings import RenderSettings
from fidip.synth.dataset.split_writer import ImageSet, write_split
from fidip.synth.scene.picture import render_person

__all__ = ["Appearance", "ImageSet", "RenderSettings", "render_person", "write_split"]
