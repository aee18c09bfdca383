"""The page and the tables of runs, from run folders written by hand."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from fidip.core.errors import RunError
from fidip.core.skeleton import COCO17
from fidip.metrics import NAMES, Difference
from fidip.report import (
    Comparison,
    difference_rows,
    html_page,
    markdown,
    read_runs,
    results_csv,
)

NOTHING = Comparison("finetune_demo", {}, {}, ["the labels are gone"])
"""What is known of runs without their test labels."""


def test_zero_has_no_sign(runs):
    about_zero = {"AP": Difference(-0.0001, (-0.0004, 0.015), 0.5)}
    comparison = Comparison("scratch_demo", {}, {"finetune_demo": about_zero}, [])
    ((_, value, interval, *_),) = difference_rows(runs, comparison)
    assert (value, interval) == ("0.000", "0.000 to +0.015")


def make_run(root, experiment, seed, ap):
    folder = root / f"{experiment}_{seed}"
    folder.mkdir(parents=True)
    joint = {"count": 4, "oks": ap, "pck@0.1": ap}
    results = {
        "experiment": experiment, "group": "demo", "seed": seed, "box_source": "ground truth",
        "area_source": "segment area", "images": 4, "instances": 4, "minutes": 2.0,
        "metrics": {name: None if "(" in name else ap for name in NAMES},
        "intervals": {name: None if "(" in name else [ap - 0.1, ap + 0.1] for name in NAMES},
        "per_joint": dict.fromkeys(COCO17.joints, joint),
    }  # fmt: skip
    (folder / "config.yaml").write_text("name: toy\n")
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "environment.json").write_text(
        json.dumps({"commit": "toy", "device": "cpu", "command": "toy"})
    )
    (folder / "predictions.json").write_text("[]")
    (folder / "metrics.csv").write_text(
        "epoch,step,val/AP,train/pose_loss\n0,1,,0.5\n0,1,0.1,\n1,2,,0.4\n1,2,0.2,\n"
    )
    return folder


@pytest.fixture
def runs(tmp_path):
    for seed, ap in enumerate((0.30, 0.40)):
        make_run(tmp_path, "finetune_demo", seed, ap)
    make_run(tmp_path, "scratch_demo", 0, 0.1)
    return read_runs(str(tmp_path / "*")).runs


def test_seeds_are_put_together(runs):
    lines = markdown(runs, NOTHING, NOTHING.problems).splitlines()
    assert lines[2].startswith("| finetune_demo | 2 | 0.350 ± 0.071 |")
    assert lines[3].startswith("| scratch_demo | 1 | 0.100 |")
    assert lines[2].endswith("| n/a | 2.0 |")
    assert lines[3].endswith("| 0.000 to 0.200 | 2.0 |")  # of one seed, the run's own
    assert "ground truth boxes" in lines[-3]
    assert lines[-1] == "the labels are gone"


@pytest.mark.parametrize(("scratch", "shown"), [(0.01, "0.010"), (None, "n/a")])
def test_what_is_left_of_pretraining_is_a_column(runs, scratch, shown):
    for i, (ap, before) in enumerate([(0.2, 0.5), (0.3, 0.5), (scratch, None)]):
        source = {"split": "validate_adult", "AP": ap, "AP_before": before}
        runs[i] = replace(runs[i], results=replace(runs[i].results, source=source))
    text = markdown(runs, NOTHING)
    assert "| AP, source | kept | minutes |" in text.splitlines()[0]
    assert "| 0.250 | 50% | 2.0 |" in text.splitlines()[2]
    assert f"| {shown} | n/a | 2.0 |" in text.splitlines()[3]
    assert "on validate_adult" in text


def test_the_interval_of_several_seeds_is_theirs_together(runs):
    known = replace(NOTHING, intervals={"finetune_demo": {"AP": (0.21, 0.52)}})
    assert "| 0.210 to 0.520 |" in markdown(runs, known).splitlines()[2]


def test_the_csv_has_every_run_and_leaves_out_what_is_not_available(runs):
    rows = list(csv.DictReader(io.StringIO(results_csv(runs), newline="")))
    assert [(r["experiment"], r["seed"], float(r["AP"])) for r in rows] == [
        ("finetune_demo", "0", 0.3), ("finetune_demo", "1", 0.4), ("scratch_demo", "0", 0.1),
    ]  # fmt: skip
    assert rows[0]["AP(M)"] == ""


def test_curves_skip_rows_without_a_value(runs):
    assert runs[0].curves["val/AP"] == [(0.0, 0.1), (1.0, 0.2)]


def test_the_page_needs_nothing_beside_it(runs):
    html = html_page(runs, NOTHING)
    links = re.findall(r'(?:src|href)="([^"#][^"]*)"', html)
    assert all(link.startswith("data:") for link in links)
    assert "finetune_demo" in html
    assert "scratch_demo" in html
    assert "<svg" in html


@pytest.mark.parametrize("missing", ["results.json", "environment.json"])
def test_an_unfinished_run_is_named_and_the_others_are_compared(runs, tmp_path, missing):
    (tmp_path / "scratch_demo_0" / missing).unlink()
    (tmp_path / "scratch_demo_0" / "config.yaml").write_text("name: scratch_demo\nseed: 0\n")
    found = read_runs(str(tmp_path / "*"))
    assert {run.experiment for run in found.runs} == {"finetune_demo"}
    (gap,) = found.gaps
    assert re.match(rf"scratch_demo, seed 0: not finished, .*scratch_demo_0 has no {missing}", gap)


def test_nothing_to_compare_is_an_error(tmp_path):
    with pytest.raises(RunError, match="no run directory matches"):
        read_runs(str(tmp_path / "nothing*"))
