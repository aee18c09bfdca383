"""PCKsh, mKS and detections in videos in the tables of a comparison, from runs made by hand."""

import csv
import io
from pathlib import Path

import pytest

from fidip.core.errors import DamagedRunError
from fidip.io.json import write_json
from fidip.metrics import NAMES
from fidip.metrics.body_scale import MKS, PCKSH
from fidip.metrics.results import Results
from fidip.report import Comparison, Run, html_page, latex_tables, markdown, results_csv
from fidip.report.infant_tables import (
    infant_header,
    infant_note,
    infant_rows,
    video_header,
    video_rows,
)
from fidip.report.run_files import read_scores

NOTHING = Comparison("new", {}, {}, [])
BODY = ["PCKsh@0.1", "mKS", "people with a scale", "left out"]


def body_scaled(pcksh, mks, people=9, left_out=1):
    intervals = {PCKSH: [0.5, 1.0], MKS: [0.5, 1.0]}
    return {PCKSH: pcksh, MKS: mks, "intervals": intervals, "people": people, "left_out": left_out}


def video(missed, redundant):
    counts = {"frames": 9, "people": 9, "predictions": 9}
    return {**counts, "missed": missed, "redundant": redundant}


def content_of(experiment, seed=0, **more):
    return {
        "experiment": experiment, "seed": seed, "instances": 10, "box_source": "toy",
        "area_source": "toy", "metrics": dict.fromkeys(NAMES, 0.5), "intervals": {}, **more,
    }  # fmt: skip


def make_run(experiment, seed=0, **more):
    results = Results.from_json(content_of(experiment, seed, **more))
    return Run(Path("somewhere"), results, {"device": "cpu", "command": "toy"}, {})


@pytest.fixture
def runs():
    videos = {"a.mp4": video(3, 0), "b.mp4": video(1, 5)}
    return [
        make_run("new", 0, body_scaled=body_scaled(0.8, 0.6, 9, 1), videos=videos),
        make_run("new", 1, body_scaled=body_scaled(0.9, 0.7, 8, 2), videos={"a.mp4": video(3, 1)}),
        make_run("old"),
    ]


def test_a_row_is_the_mean_over_seeds(runs):
    assert infant_header(runs) == ["experiment", "seeds", *BODY, "missed", "redundant"]
    new, old = infant_rows(runs)
    assert new[2:6] == ["0.850 ± 0.071", "0.650 ± 0.071", "8.5", "1.5"]
    assert new[6:] == ["3.5 (most 3)", "3 (most 3)"]  # 4 and 3 missed; 5 and 1 redundant
    assert old == ["old", "1", *["n/a"] * 6]
    assert "left out" in infant_note(runs)
    assert "redundant" in infant_note(runs)


def test_a_video_is_a_row_with_every_experiment(runs):
    header = ["video", "frames", "new: missed", "new: redundant", "old: missed", "old: redundant"]
    assert video_header(runs) == header
    assert video_rows(runs) == [
        ["a.mp4", "9", "3", "0.5", "n/a", "n/a"],
        ["b.mp4", "9", "n/a", "n/a", "n/a", "n/a"],  # only one of two seeds
    ]
    assert video_header(runs[2:]) == video_rows(runs[2:]) == []
    assert "<h2>Detections by video</h2>" in html_page(runs, NOTHING)
    assert "<h2>Detections by video</h2>" not in html_page(runs[2:], NOTHING)


def test_columns_that_no_run_has_are_left_out(runs):
    assert infant_header(runs[2:]) == infant_rows(runs[2:]) == []
    assert infant_note(runs[2:]) == ""
    stills = [make_run("new", body_scaled=body_scaled(0.8, None))]
    assert infant_header(stills)[2:] == BODY
    assert infant_rows(stills) == [["new", "1", "0.800", "n/a", "9", "1"]]
    found = [make_run("new", videos={"a.mp4": video(2, 1)})]
    assert infant_rows(found) == [["new", "1", "2 (most 2)", "1 (most 1)"]]


def test_every_file_of_a_comparison_has_them(runs):
    assert "| new | 2 | 0.850 ± 0.071 |" in markdown(runs, NOTHING)
    assert "PCKsh" not in markdown(runs[2:], NOTHING)
    assert "tab:fidip-infant" in latex_tables(runs, NOTHING)
    assert "tab:fidip-infant" not in latex_tables(runs[2:], NOTHING)
    html = html_page(runs, NOTHING)
    assert "<h2>Metrics of papers on infants</h2>" in html
    assert "<td>0.850 ± 0.071</td>" in html
    assert "<h2>Metrics of papers on infants</h2>" not in html_page(runs[2:], NOTHING)
    first, _, old = csv.DictReader(io.StringIO(results_csv(runs), newline=""))
    assert [first[name] for name in BODY] == ["0.8", "0.6", "9", "1"]
    assert (first["missed"], first["redundant"]) == ("4", "5")
    assert {old[name] for name in (*BODY, "missed", "redundant")} == {""}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body_scaled", 5),
        ("body_scaled", {**body_scaled(0.5, 0.5), PCKSH: "x"}),
        ("body_scaled", {**body_scaled(0.5, 0.5), MKS: 7.0}),
        ("body_scaled", {MKS: 0.5}),
        ("body_scaled", {**body_scaled(0.5, 0.5), "left_out": -1}),
        ("videos", []),
        ("videos", {"a.mp4": 5}),
        ("videos", {"a.mp4": {"frames": 9, "missed": 1}}),
        ("videos", {"a.mp4": video(1, "x")}),
    ],
)
def test_a_damaged_field_is_one_line(tmp_path, field, value):
    file = tmp_path / "results.json"
    write_json(file, content_of("a", **{field: value}))
    with pytest.raises(DamagedRunError, match=rf"results\.json: {field}.* expected") as error:
        read_scores(file)
    assert "\n" not in str(error.value)


def test_they_come_back_from_a_file(tmp_path):
    videos = {"a.mp4": video(3, 0)}
    results = make_run("new", body_scaled=body_scaled(0.8, 0.6), videos=videos).results
    write_json(tmp_path / "results.json", results.to_json())
    assert read_scores(tmp_path / "results.json") == results
