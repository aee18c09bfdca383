"""``fidip compare`` from run folders to the words that it prints, on stick figures."""

import csv
import json
import sys
from contextlib import nullcontext

import numpy as np
import pytest

from fidip import compare
from fidip.data import read_annotations
from fidip.metrics import annotations_to_coco, evaluate_keypoints
from fidip.run_folder import write_json

TEST = "annotations/person_keypoints_validate_infant.json"
IMAGES = "images/validate_infant"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A test split of 24 people in SyRIP's layout, whose images are never opened."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("data")
    (root / IMAGES).mkdir(parents=True)
    images, annotations = [], []
    for i in range(24):
        (root / IMAGES / f"{i}.jpg").touch()
        images.append({"id": i, "file_name": f"{i}.jpg", "width": 220, "height": 220})
        keypoints = np.column_stack([rng.uniform(20, 200, (17, 2)), np.full(17, 2)])
        annotations.append(
            {
                "id": i + 1, "image_id": i, "category_id": 1, "iscrowd": 0, "area": 20000.0,
                "bbox": [10, 10, 200, 200], "keypoints": keypoints.ravel().tolist(),
            }
        )  # fmt: skip
    write_json(root / TEST, {"images": images, "annotations": annotations})
    return root


def make_run(folder, data, experiment, error, seed=0, name=None, **settings):
    """The directory of a run whose predictions are wrong by up to so many px."""
    rng = np.random.default_rng(seed)
    people = read_annotations(data / TEST, data / IMAGES).people
    results = []
    for person in people:
        keypoints = person.keypoints.copy()
        keypoints[:, :2] += rng.normal(0, 1, (17, 2)) * rng.uniform(0, error)
        results.append(
            {"image_id": person.image_id, "category_id": 1, "score": float(rng.uniform()),
             "keypoints": keypoints.ravel().tolist()}
        )  # fmt: skip
    scores = evaluate_keypoints(annotations_to_coco(people), [*map(dict, results)], rounds=100)
    run = folder / (name or f"{experiment}_{seed}")
    write_json(run / "predictions.json", results)
    write_json(
        run / "results.json",
        {
            "experiment": experiment, "seed": seed, "instances": len(people), "box_source": "toy",
            "area_source": "toy", "metrics": scores.metrics, "intervals": scores.intervals,
            "per_joint": {"nose": {"pck@0.1": 0.5}},
        },
    )  # fmt: skip
    places = {"data_root": data, "test_json": data / TEST, "test_images": data / IMAGES}
    write_json(run / "environment.json", {key: str(path) for key, path in places.items()})
    module = {"_target_": "fidip.data.SyripDataModule", "root": "gone", "input_wh": [96, 96]}
    write_json(run / "config.yaml", {"data": module, **settings})  # JSON is YAML, too
    (run / "metrics.csv").write_text("epoch,step,val/AP\n0,1,0.1\n1,2,nan\n")
    return run


@pytest.fixture
def runs(tmp_path, data):
    """Three seeds of a good experiment and of one that is nearly the same, one of a bad one."""
    for seed in (0, 1, 2):
        make_run(tmp_path / "runs", data, "alike", 10.0, seed)
        make_run(tmp_path / "runs", data, "good", 10.2, seed)
    make_run(tmp_path / "runs", data, "bad", 40)
    return tmp_path / "runs"


def run_compare(monkeypatch, capsys, runs, *arguments, status=0):
    """What is printed, and the rows of differences.csv."""
    monkeypatch.setenv("COLUMNS", "160")
    out = runs.parent / "out"
    monkeypatch.setattr(
        sys, "argv", ["fidip compare", f"runs={runs}/*", f"out={out}", "rounds=100", *arguments]
    )
    with pytest.raises(SystemExit) if status else nullcontext() as ended:
        compare.main()
    assert not status or ended.value.code == status
    with (out / "differences.csv").open(newline="") as file:
        return capsys.readouterr().out, list(csv.DictReader(file))


def line_of(text, *words):
    return next(line for line in text.splitlines() if all(word in line for word in words))


def test_what_differs_is_told_and_what_does_not(runs, data, monkeypatch, capsys):
    for seed in (1, 2):
        make_run(runs, data, "bad", 40, seed)
    printed, rows = run_compare(monkeypatch, capsys, runs, "against=good")
    assert "not distinguishable" in line_of(printed, "│ alike ", " to +")
    assert "worse" in line_of(printed, "│ bad ", " to -")
    assert "AP less that of good" in printed
    by_name = {(r["experiment"], r["number"]): r for r in rows}
    assert len(by_name) == 20
    results = [json.loads((runs / f"{name}/results.json").read_text()) for name in
               ("bad_0", "bad_1", "bad_2", "good_0", "good_1", "good_2")]  # fmt: skip
    aps = [r["metrics"]["AP"] for r in results]
    found = by_name["bad", "AP"]
    assert float(found["difference"]) == pytest.approx(np.mean(aps[:3]) - np.mean(aps[3:]))
    assert (found["interval_over"], found["p_over"]) == ("seeds and images", "images")
    assert float(found["low"]) < float(found["difference"]) < float(found["high"]) < 0
    assert (float(found["p"]), found["verdict"]) == (pytest.approx(1 / 101), "worse")
    assert by_name["bad", "AP(M)"]["difference"] == ""  # everybody is large
    for file in ("compare.md", "compare.html"):
        text = (runs.parent / "out" / file).read_text()
        assert "not distinguishable" in text
        assert "unknown" not in text


def test_the_same_command_says_the_same(runs, monkeypatch, capsys):
    assert run_compare(monkeypatch, capsys, runs) == run_compare(monkeypatch, capsys, runs)


def test_the_first_experiment_is_compared_with_where_none_is_named(runs, monkeypatch, capsys):
    _, rows = run_compare(monkeypatch, capsys, runs)
    assert {(r["experiment"], r["against"]) for r in rows} == {("bad", "alike"), ("good", "alike")}


def test_a_single_run_keeps_the_interval_of_its_evaluation(data, tmp_path, monkeypatch, capsys):
    run = make_run(tmp_path / "runs", data, "only", 15)
    results = json.loads((run / "results.json").read_text())
    people = read_annotations(data / TEST, data / IMAGES).people
    predictions = json.loads((run / "predictions.json").read_text())
    low, high = evaluate_keypoints(annotations_to_coco(people), predictions, 100).intervals["AP"]
    results["intervals"]["AP"] = [0, 0]
    write_json(run / "results.json", results)
    printed, rows = run_compare(monkeypatch, capsys, tmp_path / "runs")
    assert f"{low:.3f} to {high:.3f}" in printed
    assert rows == []


def hide_labels(runs, data, tmp_path):
    for file in runs.glob("*/environment.json"):
        gone = {
            "data_root": "/gone",
            "test_json": f"/gone/{TEST}",
            "test_images": f"/gone/{IMAGES}",
        }
        write_json(file, gone)


def test_data_that_moved_are_found_where_they_are_now(runs, data, tmp_path, monkeypatch, capsys):
    expected = run_compare(monkeypatch, capsys, runs)
    hide_labels(runs, data, tmp_path)
    printed, rows = run_compare(monkeypatch, capsys, runs)
    assert rows == []
    problem = "alike, bad, good cannot be compared: the test data /gone are gone"
    assert len([line for line in printed.splitlines() if line.startswith(problem)]) == 1
    assert "data.root=DIR" in printed
    assert "n/a" in line_of(printed, "good")  # an interval over seeds cannot be had
    assert run_compare(monkeypatch, capsys, runs, f"data.root={data}") == expected


def edit(file, change):
    content = json.loads(file.read_text())
    change(content)
    write_json(file, content)


def other_labels(runs, data, tmp_path):
    other = tmp_path / "other"
    (other / IMAGES).mkdir(parents=True)
    for image in (data / IMAGES).iterdir():
        (other / IMAGES / image.name).touch()
    content = json.loads((data / TEST).read_text())
    content["annotations"][0]["area"] += 1
    write_json(other / TEST, content)
    make_run(runs, other, "bad", 40)


PROBLEMS = {
    "other labels": (other_labels, "was tested on other people", 0),
    "other predictions": (
        lambda runs, data, tmp_path: edit(runs / "bad_0/predictions.json", lambda c: c.pop()),
        "does not give the numbers of its results.json",
        3,
    ),
    "predictions of other images": (
        lambda runs, data, tmp_path: edit(
            runs / "bad_0/predictions.json", lambda c: c[0].update(image_id=99)
        ),
        "does not give the numbers of its results.json",
        3,
    ),
    "settings of another version": (
        lambda runs, data, tmp_path: edit(
            runs / "bad_0/config.yaml", lambda c: c["data"].update(colour="red")
        ),
        "bad_0/config.yaml: its data cannot be made",
        3,
    ),
    "settings of a wrong type": (
        lambda runs, data, tmp_path: edit(
            runs / "bad_0/config.yaml", lambda c: c["data"].update(input_wh=5)
        ),
        "bad_0/config.yaml: its data cannot be made",
        3,
    ),
    "data that are no data module": (
        lambda runs, data, tmp_path: edit(
            runs / "bad_0/config.yaml", lambda c: c.update(data={"_target_": "fidip.types.People"})
        ),
        "bad_0/config.yaml: its data cannot be made",
        3,
    ),
    "no settings of data": (
        lambda runs, data, tmp_path: (runs / "bad_0/config.yaml").write_text("name: bad"),
        "bad_0/config.yaml: its data cannot be made",
        3,
    ),
    "text for data": (
        lambda runs, data, tmp_path: (runs / "bad_0/config.yaml").write_text("data: text"),
        "bad_0/config.yaml: its data cannot be made",
        3,
    ),
    "a number for the directory": (
        lambda runs, data, tmp_path: edit(
            runs / "bad_0/config.yaml", lambda c: c.update(run_dir=5, more=5)
        ),
        "bad_0/config.yaml: its data cannot be made",
        3,
    ),
    "no predictions": (
        lambda runs, data, tmp_path: (runs / "bad_0/predictions.json").unlink(),
        "bad_0/predictions.json: cannot be read",
        3,
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_cannot_be_compared_is_named_and_the_rest_is(
    name, runs, data, tmp_path, monkeypatch, capsys
):
    damage, words, status = PROBLEMS[name]
    damage(runs, data, tmp_path)
    printed, rows = run_compare(monkeypatch, capsys, runs, "against=good", status=status)
    assert {r["experiment"] for r in rows} == {"alike"}
    line = line_of(printed, "bad cannot be compared: ")
    assert words in line
    assert line.startswith("failed: ") == bool(status)
    assert len(printed.split("cannot be compared: ")[1].splitlines()) == 2  # its line, the page's
    assert words in (runs.parent / "out" / "compare.md").read_text()
    assert words in (runs.parent / "out" / "compare.html").read_text()
    assert line_of(printed, "│ bad ", "│ 1 ")  # still in the table


def test_seeds_of_one_experiment_on_different_labels_are_named(
    runs, data, tmp_path, monkeypatch, capsys
):
    other_labels(runs, data, tmp_path)
    make_run(runs, data, "bad", 40, seed=1)
    printed, _ = run_compare(monkeypatch, capsys, runs)
    assert "bad_1 was tested on other people" in line_of(printed, "bad cannot be compared: ")


def test_what_is_compared_with_must_be_comparable_itself(runs, monkeypatch, capsys):
    (runs / "bad_0/predictions.json").unlink()
    printed, rows = run_compare(monkeypatch, capsys, runs, "against=bad", status=3)
    assert rows == []
    assert "alike, good cannot be compared: bad cannot; choose another: against=NAME" in printed


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("against=god", "no run of that name; there are alike, bad, good"),
        ("rounds=19", "expected a whole number from 20"),
        ("rounds=many", "expected a whole number from 20"),
    ],
)
def test_mistakes_are_one_line(argument, words, runs, monkeypatch, capsys):
    with pytest.raises(SystemExit) as exit_:
        run_compare(monkeypatch, capsys, runs, argument)
    assert exit_.value.code == 2
    assert capsys.readouterr().err == f"error: {argument}: {words}\n"


def test_the_dashboard_is_kept_where_nobody_is_logged_in(runs, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(runs.parent))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    printed, _ = run_compare(monkeypatch, capsys, runs, "to=wandb")
    assert "W&B: not sent" in line_of(printed, "dashboard.json")
    assert set(json.loads((runs.parent / "out/dashboard.json").read_text())) == {
        "workspace", "report",
    }  # fmt: skip
    with pytest.raises(SystemExit) as exit_:
        run_compare(monkeypatch, capsys, runs, "to=paper")
    assert exit_.value.code == 2
    assert "to=paper: expected html or wandb" in capsys.readouterr().err
