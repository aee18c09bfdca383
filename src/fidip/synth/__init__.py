"""Free synthetic people: an anny body, posed, dressed, rendered and labelled as SyRIP is."""

from fidip.synth.appearance import Look
from fidip.synth.dataset.split_writer import Group, write_split
from fidip.synth.scene.stage import render_person

__all__ = ["Group", "Look", "render_person", "write_split"]
