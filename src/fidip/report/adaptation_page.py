"""Report of ``fidip adapt``: an HTML page, and a section of the model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fidip.core.arrays import Image
from fidip.report.formatting import markdown_table, show_interval, show_number, show_signed
from fidip.report.html_templates import image_uri, render_html
from fidip.report.learning_curve import HEADER, LearningCurve, plot_curve

SPLIT_HEADER = ("subject", "video", "used for", "labelled frames")
SAME_INFANT = (
    "Videos of one subject are on both sides. The numbers hold for new videos of these infants, "
    "and say nothing about other infants."
)
OTHER_INFANT = "No subject is on both sides: the numbers hold for infants that were not trained on."


@dataclass(frozen=True)
class Adaptation:
    """What an adaptation was trained and tested on, and what came out.

    Attributes:
        start: name of the start weights.
        method: name of the adaptation method.
        updates: number of updates of each run.
        by: ``subject`` or ``video``, which are on one side only.
        videos: subject, video, side and number of labelled frames.
        unlabelled: number of unlabelled training frames.
        synthetic: number of synthetic training images.
        curve: AP over the number of labelled frames.
        problems: a line for each video that failed in whole or in part.
    """

    start: str
    method: str
    updates: int
    by: str
    videos: Sequence[Sequence[str]]
    unlabelled: int
    synthetic: int
    curve: LearningCurve
    problems: Sequence[str] = ()

    @property
    def summary(self) -> str:
        """AP before and after in one sentence."""
        start, last = self.curve.points[0], self.curve.points[-1]
        gain = "n/a" if last.difference is None else show_signed(last.difference)
        return (
            f"AP on the test frames is {show_number(start.ap)} with the start weights and "
            f"{show_number(last.ap)} after training with {last.labels} labelled frames: {gain} "
            f"(95 % interval over {self.curve.over} {show_interval(last.between)})."
        )

    @property
    def scope(self) -> str:
        """What the numbers hold for."""
        return OTHER_INFANT if self.by == "subject" else SAME_INFANT

    @property
    def training(self) -> str:
        """What each run was trained on, in one sentence."""
        return (
            f"Each run starts from {self.start} and makes {self.updates} updates ({self.method}) "
            f"with its labelled frames, {self.unlabelled} unlabelled frames of the training "
            f"videos, and {self.synthetic} synthetic images. One run of each, so other seeds give "
            "other numbers."
        )


def adaptation_html(found: Adaptation, pictures: Sequence[tuple[str, Image]]) -> str:
    """Return a self-contained HTML page.

    Args:
        found: the adaptation.
        pictures: captions and RGB images.
    """
    return render_html(
        "adaptation.html",
        found=found,
        header=HEADER,
        rows=found.curve.rows(),
        split_header=SPLIT_HEADER,
        figure=plot_curve(found.curve),
        pictures=[(caption, image_uri(image)) for caption, image in pictures],
    )


def card_section(found: Adaptation) -> str:
    """Return the section of the model card about the videos, as Markdown.

    Args:
        found: the adaptation.
    """
    tables = [(HEADER, found.curve.rows()), (SPLIT_HEADER, found.videos)]
    curve, videos = (
        markdown_table(_escaped(header), map(_escaped, rows)) for header, rows in tables
    )
    return (
        f"\n## Adaptation to videos\n{found.summary} {found.scope}\n\n{found.training}\n\n{curve}"
        f"\n\nDivided by {found.by}:\n\n{videos}\n"
    )


def _escaped(cells: Sequence[str]) -> list[str]:
    """Return cells without characters of HTML and Markdown, which names of files may have."""
    return [escape(cell).replace("|", "&#124;") for cell in cells]
