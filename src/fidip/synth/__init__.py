"""Free synthetic people: an anny body, posed, dressed, rendered and labelled as SyRIP is."""

from fidip.synth.look import Look
from fidip.synth.scene import render_person
from fidip.synth.writer import Group, write_split

__all__ = ["Group", "Look", "render_person", "write_split"]
