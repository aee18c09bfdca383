"""The comparison as one HTML page that needs nothing beside it."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader

from fidip.report import figures
from fidip.report.diagnosis import diagnosis
from fidip.report.overlay import side_by_side
from fidip.report.runs import Run
from fidip.report.tables import HEADER, footnote, summary_rows


def write_page(path: Path, runs: list[Run]) -> None:
    """Table, AP with intervals, joints, learning curves, domain accuracy, overlays."""
    template = Environment(loader=PackageLoader("fidip.report"), autoescape=True)
    first = [
        run for i, run in enumerate(runs) if run.experiment not in {r.experiment for r in runs[:i]}
    ]
    html = template.get_template("compare.html").render(
        header=HEADER,
        rows=summary_rows(runs),
        footnote=footnote(runs),
        forest=figures.forest(runs),
        joints=figures.per_joint(runs),
        curves=[
            figures.curve(runs, "val/AP", "AP on validation images"),
            figures.curve(runs, "train/pose_loss", "training loss"),
            figures.curve(runs, "train/domain_accuracy", "domain accuracy", line=0.5),
        ],
        overlays=side_by_side(first),
        diagnosis=diagnosis(runs),
        runs=runs,
    )
    path.write_text(html, encoding="utf-8")
