"""``fidip compare`` from run folders to the words that it prints, on stick figures."""

import csv
import json
import os
import resource
import shutil

import numpy as np
import pytest

from fidip.core.errors import RunError
from fidip.data import read_annotations
from fidip.io.coco import from_coco_results
from fidip.io.json import write_json
from fidip.metrics import evaluate_keypoints, evaluate_poses
from fidip.report import read_runs

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
    scores = evaluate_keypoints(people, from_coco_results(results), rounds=100)
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


@pytest.fixture
def compare(cli, monkeypatch):
    """Compare the runs of a folder: what is printed, and the rows of differences.csv."""
    monkeypatch.setenv("COLUMNS", "160")

    def run(runs, *arguments, status=0):
        out = runs.parent / "out"
        command = ("compare", f"runs={runs}/*", f"out={out}", "rounds=100", *arguments)
        printed = cli(*command, status=status).out
        with (out / "differences.csv").open(newline="") as file:
            return printed, list(csv.DictReader(file))

    return run


def line_of(text, *words):
    return next(line for line in text.splitlines() if all(word in line for word in words))


def test_a_verdict_says_what_differs_and_what_does_not(runs, data, compare):
    for seed in (1, 2):
        make_run(runs, data, "bad", 40, seed)
    printed, rows = compare(runs, "against=good")
    assert "not distinguishable" in line_of(printed, "│ alike ", " to +")
    assert "worse" in line_of(printed, "│ bad ", " to -")
    assert "AP minus that of good" in printed
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


def add_body_scaled(runs, data):
    """Add PCKsh and mKS to the results of runs."""
    people = read_annotations(data / TEST, data / IMAGES).people
    for run in runs:
        results = json.loads((run / "results.json").read_text())
        poses = from_coco_results(json.loads((run / "predictions.json").read_text()))
        found = evaluate_poses(poses, people, poses.index)
        extra = {"body_scaled": found.body_scaled, "box_source": "ground truth"}
        write_json(run / "results.json", {**results, **extra})


def test_seeds_of_both_experiments_can_be_paired(runs, compare):
    apart, rows = compare(runs, "against=good")
    together, paired_rows = compare(runs, "against=good", "pair_seeds=true")
    pairs = "The same seeds are drawn for both"
    assert (pairs in apart, pairs in together) == (False, True)
    assert "bad cannot be compared: pair_seeds needs the seeds of good, [0, 1, 2]" in together
    assert "cannot be compared" not in apart
    alike, paired = (
        next(row for row in table if (row["experiment"], row["number"]) == ("alike", "AP"))
        for table in (rows, paired_rows)
    )
    assert alike["difference"] == paired["difference"]
    assert paired["interval_over"] == "pairs of seeds and images"
    # A seed gives both experiments nearly the same errors.
    width, paired_width = (float(row["high"]) - float(row["low"]) for row in (alike, paired))
    assert paired_width < width / 2


def test_differences_of_pcksh_and_mks_are_listed_where_all_seeds_have_them(runs, data, compare):
    add_body_scaled(runs.glob("[ag]*"), data)
    printed, rows = compare(runs, "against=good")
    by_name = {(r["experiment"], r["number"]): r for r in rows}
    assert len(by_name) == 22
    values = {
        name: np.mean(
            [json.loads((runs / f"{name}_{seed}/results.json").read_text())["body_scaled"]["mks"]
             for seed in (0, 1, 2)]
        ) for name in ("alike", "good")
    }  # fmt: skip
    found = by_name["alike", "mKS"]
    assert float(found["difference"]) == pytest.approx(values["alike"] - values["good"])
    assert float(found["low"]) <= float(found["difference"]) <= float(found["high"])
    assert (found["verdict"], found["interval_over"]) == ("not distinguishable", "seeds and images")
    assert ("bad", "mKS") not in by_name
    for metric in ("AP", "PCKsh@0.1", "mKS"):
        assert f"{metric} minus that of good" in printed
        for file in ("compare.md", "compare.html"):
            assert f"{metric} minus that of good" in (runs.parent / "out" / file).read_text()
    text = (runs.parent / "out/table.tex").read_text()
    assert r"\label{tab:fidip-differences-mks}" in text
    assert r"\label{tab:fidip-differences-pcksh-0.1}" in text


def test_predictions_that_do_not_give_pcksh_have_no_difference_of_it(runs, data, compare):
    add_body_scaled(runs.glob("[ag]*"), data)
    results = json.loads((runs / "good_1/results.json").read_text())
    results["body_scaled"]["pcksh@0.1"] += 0.01
    write_json(runs / "good_1/results.json", results)
    printed, rows = compare(runs, "against=alike")
    assert len(rows) == 20
    assert "mKS less" not in printed
    assert "mKS" in printed  # the means are shown


def test_the_same_command_prints_the_same(runs, compare):
    assert compare(runs) == compare(runs)


def test_the_first_experiment_is_compared_with_where_none_is_named(runs, compare):
    _, rows = compare(runs)
    assert {(r["experiment"], r["against"]) for r in rows} == {("bad", "alike"), ("good", "alike")}


def test_a_run_of_fidip_0_1_is_compared(data, tmp_path, compare):
    """It has former keys in ``results.json`` and in ``config.yaml``, and no version."""
    run = make_run(tmp_path / "runs", data, "old", 15, allow_contaminated=False, group="demos")
    results = json.loads((run / "results.json").read_text())
    assert "schema_version" not in results
    write_json(run / "results.json", {**results, "group": "demos", "contaminated": 0})
    make_run(tmp_path / "runs", data, "new", 15, allow_leakage=False, group="demos")
    printed, rows = compare(tmp_path / "runs")
    assert "failed" not in printed
    assert [row["experiment"] for row in rows[:1]] == ["old"]


def test_a_single_run_keeps_the_interval_of_its_evaluation(data, tmp_path, compare):
    run = make_run(tmp_path / "runs", data, "only", 15)
    results = json.loads((run / "results.json").read_text())
    people = read_annotations(data / TEST, data / IMAGES).people
    predictions = json.loads((run / "predictions.json").read_text())
    low, high = evaluate_keypoints(people, from_coco_results(predictions), 100).intervals["AP"]
    results["intervals"]["AP"] = [0, 0]
    write_json(run / "results.json", results)
    printed, rows = compare(tmp_path / "runs")
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


def test_data_that_moved_are_found_where_they_are_now(runs, data, tmp_path, compare):
    expected = compare(runs)
    hide_labels(runs, data, tmp_path)
    printed, rows = compare(runs)
    assert rows == []
    problem = "alike, bad, good cannot be compared: the test data /gone are gone"
    assert len([line for line in printed.splitlines() if line.startswith(problem)]) == 1
    assert "data.root=DIR" in printed
    assert "n/a" in line_of(printed, "good")  # an interval over seeds cannot be had
    assert compare(runs, f"data.root={data}") == expected


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
        "bad_0/config.yaml: data.colour: unknown key",
        3,
    ),
    "settings of a wrong type": (
        lambda runs, data, tmp_path: edit(
            runs / "bad_0/config.yaml", lambda c: c["data"].update(input_wh=5)
        ),
        "bad_0/config.yaml: data.input_wh=5: expected a list",
        3,
    ),
    "data that are no data module": (
        lambda runs, data, tmp_path: edit(
            runs / "bad_0/config.yaml",
            lambda c: c.update(data={"_target_": "fidip.core.people.People"}),
        ),
        "bad_0/config.yaml: data._target_=fidip.core.people.People: expected",
        3,
    ),
    "no settings of data": (
        lambda runs, data, tmp_path: (runs / "bad_0/config.yaml").write_text("name: bad"),
        "bad_0/config.yaml: data is not set",
        3,
    ),
    "text for data": (
        lambda runs, data, tmp_path: (runs / "bad_0/config.yaml").write_text("data: text"),
        "bad_0/config.yaml: data=text: expected a mapping",
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
def test_what_cannot_be_compared_is_named_and_the_rest_is(name, runs, data, tmp_path, compare):
    damage, words, status = PROBLEMS[name]
    damage(runs, data, tmp_path)
    printed, rows = compare(runs, "against=good", status=status)
    assert {r["experiment"] for r in rows} == {"alike"}
    line = line_of(printed, "bad cannot be compared: ")
    assert words in line
    assert line.startswith("failed: ") == bool(status)
    assert len(printed.split("cannot be compared: ")[1].splitlines()) == 2  # its line, the page's
    assert words in (runs.parent / "out" / "compare.md").read_text()
    assert words in (runs.parent / "out" / "compare.html").read_text()
    assert line_of(printed, "│ bad ", "│ 1 ")  # still in the table


def test_a_reference_of_one_run_with_other_labels_is_named(runs, data, tmp_path, compare):
    other_labels(runs, data, tmp_path)
    printed, rows = compare(runs, "against=bad")
    assert rows == []
    for name in ("alike", "good"):
        line = line_of(printed, f"{name} cannot be compared: ")
        assert f"{name}_0 was tested on other people" in line
        assert f"bad_0 ({tmp_path}/other" in line


def test_seeds_of_one_experiment_on_different_labels_are_named(runs, data, tmp_path, compare):
    other_labels(runs, data, tmp_path)
    make_run(runs, data, "bad", 40, seed=1)
    printed, _ = compare(runs)
    assert "bad_1 was tested on other people" in line_of(printed, "bad cannot be compared: ")


def test_what_is_compared_with_must_be_comparable_itself(runs, compare):
    (runs / "bad_0/predictions.json").unlink()
    printed, rows = compare(runs, "against=bad", status=3)
    assert rows == []
    assert "alike, good cannot be compared: bad cannot; choose another: against=NAME" in printed


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("against=god", "no run of that name; there are alike, bad, good"),
        ("rounds=19", "expected at least 20"),
        ("rounds=many", "expected an integer"),
    ],
)
def test_mistakes_are_one_line(argument, words, runs, cli):
    out = runs.parent / "out"
    ended = cli("compare", f"runs={runs}/*", f"out={out}", argument, status=2)
    assert ended.error == f"error: {argument}: {words}"


def test_the_dashboard_is_kept_without_a_login(runs, monkeypatch, cli, compare):
    monkeypatch.setenv("HOME", str(runs.parent))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    printed, _ = compare(runs, "to=wandb")
    assert "W&B: not sent" in line_of(printed, "dashboard.json")
    assert set(json.loads((runs.parent / "out/dashboard.json").read_text())) == {
        "workspace", "report",
    }  # fmt: skip
    out = runs.parent / "out"
    error = cli("compare", f"runs={runs}/*", f"out={out}", "to=paper", status=2).error
    assert "to=paper: expected one of html or wandb" in error


def written(runs, *names):
    """Texts of the outputs by name, but for the CSV of single runs."""
    names = names or ("compare.md", "compare.html", "table.tex", "differences.csv")
    return {name: (runs.parent / "out" / name).read_text() for name in names}


@pytest.mark.parametrize(("seeds", "words"), [(1, "one seed"), (2, "2 seeds")])
@pytest.mark.parametrize("few", ["good", "bad", "both"])
def test_with_fewer_than_three_seeds_there_is_no_verdict(
    seeds, words, few, data, tmp_path, monkeypatch, compare
):
    for experiment, error in (("good", 10), ("bad", 40)):
        for seed in range(seeds if few in (experiment, "both") else 3):
            make_run(tmp_path / "runs", data, experiment, error, seed)
    runs = tmp_path / "runs"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    printed, rows = compare(runs, "against=good", "to=wandb")
    says = f"{words}: the difference between runs is unknown"
    assert {r["verdict"] for r in rows} == {says, ""}  # of medium people there are none
    texts = {"console": printed, **written(runs), **written(runs, "dashboard.json")}
    for name, text in texts.items():
        assert says in text, name
        assert not [word for word in ("better", "worse", "not distinguishable") if word in text]
    over = "seeds and images"
    if seeds == 1:
        over = {"good": "images, seeds of bad", "bad": "images, seeds of good", "both": "images"}[
            few
        ]
    assert {(r["interval_over"], r["p_over"]) for r in rows} == {(over, "images")}
    cells = line_of(texts["compare.md"], says).split(" | ")
    assert cells[3] == over
    assert line_of(texts["compare.md"], "interval over").split(" | ")[3:] == [
        "interval over", "p over images", "verdict |"
    ]  # fmt: skip
    if few == "both" and seeds == 1:
        assert "intervals are over test images only" in texts["compare.html"]


def test_repeats_of_a_seed_count_once(runs, data, compare):
    expected = compare(runs, "against=good")[1]
    old, new = "2026-01-01_10-00-00-000000", "2026-01-02_10-00-00-000000"
    for seed in (0, 1, 2):
        run = make_run(
            runs, data, "bad", 30, seed=0, name=f"again_{seed}", sweep={"started": old},
            run_dir=f"somewhere/{seed}", overwrite=True, logger={"csv": {"save_dir": "x"}},
            callbacks={"progress": {"refresh_rate": seed}},
        )  # fmt: skip
        edit(run / "config.yaml", lambda c, workers=seed: c["data"].update(num_workers=workers))
    edit(runs / "bad_0/config.yaml", lambda c: c.update(seed=0, sweep={"started": new}))
    printed, rows = compare(runs, "against=good")
    assert rows == expected
    assert line_of(printed, "│ bad ", "│ 1 ")
    names = ", ".join(str(runs / f"again_{seed}") for seed in (0, 1, 2))
    line = (
        f"repeats of one seed, not counted: bad, seed 0: {names}; the newest counts: {runs}/bad_0"
    )
    assert line in printed.splitlines()
    for text in written(runs, "compare.md", "compare.html").values():
        assert line in text
    (row,) = (r for r in rows if (r["experiment"], r["number"]) == ("bad", "AP"))
    assert row["verdict"] == "one seed: the difference between runs is unknown"


def test_runs_on_different_annotations_are_kept_apart(data, tmp_path, compare):
    """Equal settings, but the annotation files were changed between seeds 1 and 2."""
    runs = tmp_path / "runs"
    for seed, data_sha256 in enumerate(("a" * 64, "a" * 64, "b" * 64)):
        run = make_run(runs, data, "good", 10, seed)
        edit(run / "environment.json", lambda c, sha=data_sha256: c.update(data_sha256=sha))
    printed, rows = compare(runs)
    assert line_of(printed, "│ good, data_sha256=aaaaaaaa ", "│ 2 ")
    assert line_of(printed, "│ good, data_sha256=bbbbbbbb ", "│ 1 ")
    line = (
        "different annotations, compared as 2 experiments: good: its runs have equal settings, but "
        "data_sha256 in environment.json is aaaaaaaa, bbbbbbbb"
    )
    assert line in printed.splitlines()
    for text in written(runs, "compare.md", "compare.html").values():
        assert line in text
    assert {row["experiment"] for row in rows} == {"good, data_sha256=bbbbbbbb"}


def test_seeds_on_equal_annotations_are_one_experiment(data, tmp_path, compare):
    for seed in (0, 1):
        run = make_run(tmp_path / "runs", data, "good", 10, seed)
        edit(run / "environment.json", lambda c: c.update(data_sha256="a" * 64))
    printed, _ = compare(tmp_path / "runs")
    assert line_of(printed, "│ good ", "│ 2 ")
    assert "different annotations" not in printed


def test_three_repeats_are_not_three_seeds(data, tmp_path, compare):
    for name in ("a", "b", "c"):
        make_run(tmp_path / "runs", data, "good", 10, seed=5, name=name)
    printed, _ = compare(tmp_path / "runs")
    assert line_of(printed, "│ good ", "│ 1 ")
    assert "±" not in printed


def test_without_a_start_the_run_with_the_newest_results_is_the_newest(data, tmp_path, compare):
    for day, name in enumerate(("b", "c", "a")):
        run = make_run(tmp_path / "runs", data, "good", 10, name=name)
        os.utime(run / "results.json", (86400 * day, 86400 * day))
    printed, _ = compare(tmp_path / "runs")
    assert "runs/b, " in line_of(printed, "repeats of one seed")
    assert line_of(printed, "repeats of one seed").endswith("runs/a")


@pytest.mark.parametrize(
    "settings",
    [
        {"callbacks": {"ema": {"decay": 0.9}}},
        {"optimizer": {"lr": 1e-3}},
        {"data": {"seed": 3}},
    ],
)
def test_what_changes_a_result_makes_no_repeat(settings, data, tmp_path, compare):
    make_run(tmp_path / "runs", data, "good", 10, name="a")
    run = make_run(tmp_path / "runs", data, "good", 11, name="b")
    edit(
        run / "config.yaml", lambda c: [c.setdefault(k, {}).update(v) for k, v in settings.items()]
    )
    printed, _ = compare(tmp_path / "runs")
    assert "repeats" not in printed


def test_one_directory_found_twice_is_one_run(runs, compare):
    expected = compare(runs)
    (runs / "latest").symlink_to(runs / "bad_0")
    assert compare(runs) == expected


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(f'*{old}' for _ in range(9))}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
CONFIGS = {
    "no YAML": b"a: [",
    "a list": b"- a\n- b\n",
    "empty": b"",
    "a text": b"settings",
    "a number": b"5",
    "null": b"null",
    "not UTF-8": b"\xff\xfe\x00",
    "zeros": bytes(99),
    "interpolation": b"data: ${oc.env:HOME}",
    "broken interpolation": b"data: ${oc.env:HOME",
    "alias bomb": BOMB.encode(),
    "an alias of itself": b"a: &a [*a]",
    "deep": b"a: " + b"[" * 100_000,
    "large": b"a: [" + b"1," * 500_000 + b"1]",
    "an object": b"a: !!python/object/apply:os.system [touch EXECUTED]",
    "odd tag": b"a: !!timestamp now",
    "many digits": b"a: " + b"9" * 9000,
    "a key that is a list": b"? [1, 2]\n: 5",
    "a key of two lines": b'"a\\nb": 5',
}
DELETED = object()
RESULTS = [
    ((), 5), ((), []), ((), None), ((), "text"),
    (("metrics",), DELETED), (("metrics",), []), (("metrics",), {}), (("metrics",), None),
    (("metrics", "AP"), DELETED), (("metrics", "AP"), "0.5"), (("metrics", "AP"), float("nan")),
    (("metrics", "AP"), float("inf")), (("metrics", "AP"), 10**400), (("metrics", "AP"), True),
    (("metrics", "AR75"), 5.0), (("metrics", "AR75"), -1),
    (("intervals",), 5), (("intervals", "AP"), [0.1]), (("intervals", "AP"), [0.1, "x"]),
    (("experiment",), 5), (("experiment",), ""), (("experiment",), "a\nb"),
    (("experiment",), "a\0"),
    (("experiment",), "\ud800"), (("experiment",), "x" * 9999), (("experiment",), DELETED),
    (("seed",), "x"), (("seed",), float("nan")), (("seed",), 10**400), (("seed",), -1),
    (("seed",), 1.5), (("seed",), None), (("seed",), True),
    (("instances",), "x"), (("box_source",), DELETED), (("area_source",), []),
    (("minutes",), "x"), (("minutes",), None), (("minutes",), float("nan")),
    (("minutes",), 10**400),
    (("per_joint",), 5), (("per_joint", "nose"), 5), (("per_joint", "nose", "pck@0.1"), "x"),
    (("kinds",), 5), (("reliability",), {"ece": "x", "bins": []}), (("slices",), {"a": 5}),
]  # fmt: skip
ENVIRONMENTS = [
    ((), []), (("data_root",), None), (("data_root",), 5), (("test_json",), []),
    (("test_images",), 5), (("device",), 5), (("command",), []), (("commit",), "a\nb"),
]  # fmt: skip
CURVES = {
    "text": b"epoch,val/AP\n0,zero\n",
    "a long row": b"epoch,val/AP\n0,1,2,3\n",
    "cut short": b"epoch,step,val/AP\n0,1,0.1\n1,2",
    "no epoch": b"step,val/AP\n0,1\n",
    "a long field": b"epoch,val/AP\n0," + b"1" * 200_000 + b"\n",
    "too large": b"epoch,val/AP\n0,1e300\n",
    "NUL": b"epoch,val/AP\n0,\0\n",
    "open quote": b'epoch,val/AP\n0,"1\n',
    "not UTF-8": b"epoch,val/AP\n0,\xff\n",
}


def placed(content, path, value):
    """A copy of JSON content with another value, or none, at a path."""
    if not path:
        return value
    content = dict(content)
    if len(path) == 1 and value is DELETED:
        del content[path[0]]
    else:
        content[path[0]] = placed(content.get(path[0]), path[1:], value)
    return content


def damages(run):
    """A name, a file and its contents for every way to damage a run."""
    for name, content in CONFIGS.items():
        yield f"config.yaml, {name}", "config.yaml", content
    for file, changes in (("results.json", RESULTS), ("environment.json", ENVIRONMENTS)):
        good = json.loads((run / file).read_text())
        for path, value in changes:
            yield (
                f"{file}, {path} {value!r:.40}",
                file,
                json.dumps(placed(good, path, value)).encode(),
            )
        yield f"{file}, cut short", file, (run / file).read_bytes()[:-40]
        yield f"{file}, empty", file, b""
        yield f"{file}, deep", file, b"[" * 200_000
        yield f"{file}, many digits", file, b'{"seed": ' + b"9" * 9000 + b"}"
        yield f"{file}, not UTF-8", file, b'{"seed": "\xff"}'
    for name, content in CURVES.items():
        yield f"metrics.csv, {name}", "metrics.csv", content


def test_a_damaged_run_is_one_line(data, tmp_path):
    run = make_run(tmp_path / "runs", data, "only", 10)
    for name, file, content in [*damages(run)]:
        before = (run / file).read_bytes()
        (run / file).write_bytes(content)
        try:
            pytest.fail(f"{name} is accepted: {read_runs(str(run))}")
        except RunError as error:
            message = str(error)
        assert str(run / file) in message, name
        assert message.isprintable(), name
        assert len(message) < 1000, name
        (run / file).write_bytes(before)
    assert read_runs(str(run)).runs


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.yaml", BOMB.encode()),
        ("results.json", b"[" * 200_000),
        ("environment.json", b"[]"),
        ("metrics.csv", CURVES["text"]),
    ],
)
def test_a_damaged_run_ends_the_command(file, content, data, tmp_path, cli):
    run = make_run(tmp_path / "runs", data, "only", 10)
    (run / file).write_bytes(content)
    ended = cli("compare", f"runs={run}", f"out={tmp_path}/new/out", status=2)
    assert str(run / file) in ended.error
    assert ended.out == ""
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "content", [None, b"", b"[", b"5", b"{}", b"[5]", b'[{"image_id": 0}]', b"[]", b"\xff"]
)
def test_damaged_predictions_of_the_only_run_are_one_line(content, data, tmp_path, cli):
    file = make_run(tmp_path / "runs", data, "only", 10) / "predictions.json"
    file.unlink() if content is None else file.write_bytes(content)
    out = tmp_path / "out"
    ended = cli("compare", f"runs={file.parent}", f"out={out}", status=2)
    assert str(file) in ended.error
    assert ended.out == ""
    assert not out.exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.yaml", b"- a"),
        ("results.json", b"{"),
        ("environment.json", b"[]"),
        ("metrics.csv", b"a\nb"),
    ],
)
def test_the_other_runs_are_compared_without_a_damaged_one(file, content, runs, compare):
    (runs / "good_1" / file).write_bytes(content)
    printed, rows = compare(runs, status=3)
    assert {(r["experiment"], r["seeds"]) for r in rows} == {("good", "2"), ("bad", "1")}
    failed = [line for line in printed.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 1
    assert str(runs / "good_1" / file) in failed[0]
    for text in written(runs, "compare.md", "compare.html").values():
        assert failed[0].removeprefix("failed: ").split(": ")[0] in text


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b"5", b'{"error": ["a\\nb", 5]}', b"\xff"])
@pytest.mark.parametrize("file", ["failed.json", "pruned.json", "job.json"])
@pytest.mark.parametrize("has_config", [True, False])
def test_a_damaged_record_of_a_job_is_listed(content, file, has_config, data, tmp_path):
    make_run(tmp_path / "runs", data, "good", 10)
    job = tmp_path / "runs" / "job"
    write_json(job / "job.json", {"overrides": ["a=1"]})
    (job / file).write_bytes(content)
    if has_config:
        (job / "config.yaml").write_text("name: good\nseed: 3\n")
    found = read_runs(f"{tmp_path}/runs/*")
    (gap,) = (gap for gap in found.gaps if str(job) in gap)
    assert gap.isprintable()
    assert (len(found.runs), found.damaged) == (1, [])


def test_a_run_that_found_no_one_has_a_page(data, tmp_path, compare):
    for seed in (0, 1):
        run = make_run(tmp_path / "runs", data, "only", 10, seed)
        write_json(run / "predictions.json", [])
        people = read_annotations(data / TEST, data / IMAGES).people
        none = evaluate_keypoints(people, from_coco_results([]), rounds=100)
        edit(
            run / "results.json",
            lambda c, m=none.metrics: [c.update(metrics=m), c.pop("per_joint")],
        )
    printed, _ = compare(tmp_path / "runs")
    assert line_of(printed, "│ only ", "│ 2 ", "0.000")


@pytest.mark.parametrize(
    "name",
    ["[red]a", "[/b]", "$x", r"$\frac$", "a|b", "<b>", "a&b", "é ± %", "a'b", '"', "{{ 5 }}", "\\"],
)
def test_names_are_text_everywhere(name, data, tmp_path, monkeypatch, compare):
    for seed in (0, 1):
        run = make_run(tmp_path / "runs", data, "other", 12, seed)
        run = make_run(tmp_path / "runs", data, "named", 10, seed)
        edit(run / "results.json", lambda c: c.update(experiment=name))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    printed, rows = compare(tmp_path / "runs", "against=other", "to=wandb")
    assert line_of(printed, f"│ {name} ")
    assert {r["experiment"] for r in rows} == {name}
    table = written(tmp_path / "runs")["compare.md"].splitlines()
    assert {line.replace(r"\|", "").count("|") for line in table[:4]} == {9}


NO_FOLDERS = {
    "a file": lambda out: out.write_text("mine"),
    "below a file": lambda out: out.parent.write_text("mine"),
    "a dangling link": lambda out: out.symlink_to("nowhere"),
    "a folder for a file": lambda out: (out / "table.tex").mkdir(parents=True),
}


@pytest.mark.parametrize("name", NO_FOLDERS)
def test_a_bad_output_folder_is_found_before_the_work(name, runs, tmp_path, monkeypatch, cli):
    out = tmp_path / "new" / "out"
    if name != "below a file":
        out.parent.mkdir()
    NO_FOLDERS[name](out)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr("fidip.compare.compare_runs", None)
    ended = cli("compare", f"runs={runs}/*", f"out={out}", status=2)
    assert ended.error.startswith(f"error: out={out}: ")
    assert ended.out == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("out", ["/dev/null", "/dev/null/x", "/proc/x", "/sys/x"])
def test_outputs_that_cannot_be_are_one_line(out, runs, cli):
    ended = cli("compare", f"runs={runs}/*", f"out={out}", status=2)
    assert ended.error.startswith(f"error: out={out}: ")
    assert ended.out == ""


def test_a_disk_that_fills_up_leaves_what_was_there(runs, cli, compare):
    compare(runs)
    out = runs.parent / "out"
    before = {path: path.read_bytes() for path in out.iterdir()}
    shutil.rmtree(runs / "bad_0")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(map(len, before.values()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(70_000, largest // 2), limits[1]))
    try:
        error = cli("compare", f"runs={runs}/*", f"out={out}", "rounds=100", status=2).error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.startswith(f"error: cannot write {out}/compare.html: ")
    assert {path: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("nothing/*", "no run directory matches; expected"),
        ("*/results.json", "no run directory matches; it matches files; expected"),
        ("bad_0/config.yaml", "it matches files"),
        ("..", "no run directory matches; expected"),
    ],
)
def test_a_pattern_without_runs_is_one_line(pattern, words, runs, cli):
    out = runs.parent / "out"
    error = cli("compare", f"runs={runs}/{pattern}", f"out={out}", status=2).error
    assert error.startswith(f"error: runs={runs}/{pattern}: ")
    assert words in error
    assert not out.exists()


@pytest.mark.parametrize("name", ["a [b] c", "lr=0.1, é", "it's"])
def test_a_directory_may_have_any_name(name, data, tmp_path, monkeypatch, cli):
    run = make_run(tmp_path / name, data, "only", 10)
    monkeypatch.chdir(tmp_path)
    for word in (f"./{name}/only_0", str(run)):
        assert line_of(cli("compare", word, "out=out").out, "│ only ")


def test_a_name_that_is_not_utf8(runs, compare):
    os.rename(runs / "bad_0", os.fsencode(runs) + b"/bad\xff")
    os.rename(runs / "good_1", os.fsencode(runs) + b"/good\xfe")
    (runs / os.fsdecode(b"good\xfe") / "results.json").unlink()
    printed, _ = compare(runs)
    assert r"good\udcfe" in printed
    assert r"bad\udcff" in written(runs, "compare.html")["compare.html"]
