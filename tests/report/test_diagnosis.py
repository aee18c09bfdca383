"""The diagnosis of a page, from results made by hand."""

from pathlib import Path

import pytest
from jinja2 import Environment, PackageLoader

from fidip.core.skeleton import COCO17
from fidip.metrics import KINDS
from fidip.metrics.results import Results
from fidip.report import Run
from fidip.report.diagnosis_figures import KIND_COLORS, plot_diagnosis


def make_run(experiment, seed=0, slices=None):
    """A run whose joints are all good; ``slices`` None leaves out the diagnosis."""
    kinds = {kind: float(kind == "good") for kind in KINDS}
    results = {
        "experiment": experiment, "seed": seed, "kinds": kinds,
        "per_joint": {joint: {"kinds": kinds, "pck@0.1": 1.0} for joint in COCO17.joints},
        "reliability": {"ece": 0.1, "bins": [{"people": 2, "score": 0.8, "oks": 0.9}]},
        "metrics": {"AP": 0.5, "AP50": 0.5, "AP75": 0.5, "AR": 0.5},
        "intervals": {"AP": [0.4, 0.6]},
        "instances": 2, "box_source": "ground truth", "area_source": "segment area",
    }  # fmt: skip
    if slices is not None:
        results["slices"] = slices
    return Run(
        Path("somewhere"), Results.from_json(results), {"device": "cpu", "command": "toy"}, {}
    )


SLICES = {
    "posture": {
        "Prone": {"images": 2, "people": 2, "AP": 0.4, "interval": [0.3, 0.5]},
        "unknown": {"images": 1, "people": 1, "AP": None, "interval": None},
    }
}


def test_every_experiment_has_its_kinds_of_error_and_all_share_the_rest():
    runs = [make_run("a", 0, SLICES), make_run("a", 1, SLICES), make_run("b", 0, SLICES)]
    parts = plot_diagnosis(runs)
    assert [part["caption"].split(",")[0] for part in parts] == [
        "Kinds of error",
        "Kinds of error",
        "Reliability: mean OKS of people by score",
        "AP by slice of people",
    ]
    assert all(part["svg"].startswith("<svg") for part in parts)


def test_a_slice_that_only_some_runs_have_is_left_out_of_the_others():
    parts = plot_diagnosis([make_run("a", 0, SLICES), make_run("b", 0, {})])
    assert len(parts) == 4


def test_without_slices_there_is_no_figure_of_them():
    assert len(plot_diagnosis([make_run("a", 0, {})])) == 2


def test_kinds_of_error_have_their_colours():
    assert tuple(KIND_COLORS) == KINDS
    kinds = plot_diagnosis([make_run("a", 0, {})])[0]["svg"]
    assert kinds.count(KIND_COLORS["good"].lower()) > len(COCO17)


def test_runs_from_before_have_none():
    assert plot_diagnosis([make_run("a")]) == []


@pytest.mark.parametrize("slices", [None, SLICES])
def test_the_page_shows_it_where_there_is_one(slices):
    page = Environment(loader=PackageLoader("fidip.report")).get_template("compare.html")
    html = page.render(diagnosis=plot_diagnosis([make_run("a", 0, slices)]))
    assert ("<h2>Diagnosis</h2>" in html) == (slices is not None)
