"""``fidip evaluate`` of checkpoints, detections and results files, on stick figures."""

import contextlib
import io
import json
import math
import shutil
from typing import NamedTuple

import pytest
import torch
from omegaconf import OmegaConf

from fidip.cli.score_table import print_table
from fidip.core.errors import DataError, RunError
from fidip.data import SyripDataModule
from fidip.io import json as json_files
from fidip.io.coco import read_results
from fidip.metrics import Results
from tests.conftest import Ended, run_command

NAMES = ["AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)"]
TEST = "annotations/person_keypoints_validate_infant.json"


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_root):
    """The folder of a run that has seen two batches, and tested two: four of the five people."""
    return run_train(tmp_path_factory.mktemp("run"), tiny_root)


def run_train(folder, tiny_root, *settings):
    arguments = ["experiment=scratch_demo", f"data.root={tiny_root}", "debug=smoke"]
    arguments += ["data.batch_size=2", *settings]
    assert run_command("train", *arguments, f"hydra.run.dir={folder}") == 0
    return folder


class Evaluation(NamedTuple):
    """The files of an evaluation, of which there may be no predictions, and what it printed."""

    results: dict
    predictions: list | None
    printed: Ended


@pytest.fixture
def evaluate(cli):
    """Evaluate with results in a folder."""

    def run(folder, *arguments):
        printed = cli("evaluate", *arguments, f"out={folder}")
        predictions = folder / "predictions.json"
        return Evaluation(
            json.loads((folder / "results.json").read_text()),
            json.loads(predictions.read_text()) if predictions.exists() else None,
            printed,
        )

    return run


def write_json(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_run_is_scored_as_at_its_end(run, tmp_path, evaluate):
    results, predictions, _ = evaluate(tmp_path, f"ckpt={run}")
    at_the_end = json.loads((run / "results.json").read_text())
    assert results["box_source"] == "ground truth"
    assert list(results["metrics"]) == NAMES
    # the run tested four of the five people
    assert predictions[:4] == json.loads((run / "predictions.json").read_text())
    assert (results["experiment"], results["group"]) == (
        at_the_end["experiment"],
        at_the_end["group"],
    )


@pytest.mark.parametrize("name", ["results.json", "predictions.json"])
def test_a_finished_run_and_an_earlier_evaluation_are_not_overwritten(
    name, run, monkeypatch, tmp_path, cli, evaluate
):
    write_json(tmp_path / name, {"mine": 1})
    with monkeypatch.context() as patch:
        patch.setattr("fidip.evaluate.settings", pytest.fail)
        error = cli("evaluate", f"ckpt={run}", f"out={tmp_path}", status=2).error
    assert f"the first: {name}" in error
    assert "overwrite=true" in error
    assert json.loads((tmp_path / name).read_text()) == {"mine": 1}
    results, predictions, _ = evaluate(tmp_path, f"ckpt={run}", "overwrite=true")
    assert results["instances"] == len(predictions) == 5


@pytest.mark.parametrize("file", ["config.yaml", "job.json"])  # begun, or waiting in a sweep
def test_an_unfinished_run_is_not_marked_as_finished(file, run, monkeypatch, tmp_path, cli):
    shutil.copy(run / "config.yaml", tmp_path / file)
    monkeypatch.setattr("fidip.evaluate.settings", pytest.fail)
    error = cli("evaluate", f"ckpt={run}", f"out={tmp_path}", "overwrite=true", status=2).error
    assert error.startswith(f"error: out={tmp_path}: an unfinished run is there")
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_a_results_file_may_lie_where_its_scores_go(run, tmp_path, tiny_root, evaluate):
    shutil.copy(run / "predictions.json", tmp_path)
    before = (tmp_path / "predictions.json").read_bytes()
    arguments = [f"predictions={tmp_path}/predictions.json", f"data.root={tiny_root}"]
    results = evaluate(tmp_path, *arguments).results
    assert results["instances"] == 5
    assert (tmp_path / "predictions.json").read_bytes() == before


@pytest.mark.parametrize("key", ["out", "hydra.run.dir"])
@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("/dev/null", "error: out=/dev/null: /dev/null is not a folder"),
        ("/proc/x/y", "error: out=/proc/x/y: "),  # root is refused only when it makes the folder
    ],
)
def test_an_output_folder_that_cannot_be_is_one_line(key, folder, words, run, cli):
    assert cli("evaluate", f"ckpt={run}", f"{key}={folder}", status=2).error.startswith(words)


def test_an_evaluation_that_fails_leaves_no_folder(run, tmp_path, cli):
    arguments = [f"ckpt={run}", "data.root=/nope", f"out={tmp_path}/a/b"]
    assert "/nope" in cli("evaluate", *arguments, status=2).error
    assert not list(tmp_path.iterdir())


def test_averaged_weights_are_tested_as_they_are_kept(tmp_path, tiny_root, evaluate):
    run = run_train(tmp_path / "run", tiny_root, "callbacks=ema", "trainer.max_epochs=2")
    predictions = evaluate(tmp_path, f"ckpt={run}").predictions
    at_the_end = json.loads((run / "predictions.json").read_text())
    assert predictions[:4] == at_the_end


def test_the_command_line_overrides_the_settings_of_the_run(run, tmp_path, evaluate):
    ckpt = f"ckpt={run}/checkpoints/last.ckpt"
    flipped = evaluate(tmp_path / "a", ckpt).predictions
    plain = evaluate(tmp_path / "b", ckpt, "task.flip_test=false").predictions
    assert flipped != plain


def test_the_codec_of_the_command_line_replaces_the_one_of_the_run(run, tmp_path, evaluate):
    larger = ["codec.input_wh=[96,128]", "codec.heatmap_wh=[24,32]"]
    other = evaluate(tmp_path / "a", f"ckpt={run}", *larger).predictions
    same = evaluate(tmp_path / "b", f"ckpt={run}").predictions
    assert other != same


def test_the_validation_split_is_a_part_of_train(run, tmp_path, tiny_root, evaluate):
    arguments = [f"ckpt={run}", "split=val", "data.val_fraction=0.5"]
    results, predictions, _ = evaluate(tmp_path, *arguments)
    truth = tiny_root / "annotations" / "person_keypoints_train_infant.json"
    images = {image["id"] for image in json.loads(truth.read_text())["images"]}
    assert results["split"] == "val"
    assert {p["image_id"] for p in predictions} < images


def test_a_perfect_results_file_has_ap_one(tmp_path, tiny_root, evaluate):
    truth = json.loads((tiny_root / TEST).read_text())
    perfect = [
        {
            "image_id": a["image_id"],
            "category_id": 1,
            "keypoints": a["keypoints"],
            "score": 1.0,
        }
        for a in truth["annotations"]
    ]
    file = write_json(tmp_path / "perfect.json", perfect)
    arguments = [f"predictions={file}", "experiment=scratch_demo", f"data.root={tiny_root}"]
    results, predictions, _ = evaluate(tmp_path, *arguments)
    assert results["metrics"]["AP"] == pytest.approx(1.0)
    assert predictions is None
    assert results["kinds"]["good"] == 1
    assert min(joint["ap"] for joint in results["per_joint"].values()) == pytest.approx(1.0)


def perfect_results(tiny_root, tmp_path):
    truth = json.loads((tiny_root / TEST).read_text())["annotations"]
    found = [
        {"image_id": a["image_id"], "category_id": 1, "keypoints": a["keypoints"], "score": 1.0}
        for a in truth
    ]
    return write_json(tmp_path / "perfect.json", found)


def test_a_results_file_needs_no_experiment(tmp_path, tiny_root, evaluate):
    file = perfect_results(tiny_root, tmp_path)
    arguments = [f"predictions={file}", f"data.root={tiny_root}"]
    results, _, printed = evaluate(tmp_path, *arguments)
    assert results["metrics"]["AP"] == pytest.approx(1.0)
    assert "5 of 5 people found by 5 predictions" in printed.out


def test_detections_are_counted_by_video(tmp_path, tiny_copy, evaluate):
    truth = json.loads((tiny_copy / TEST).read_text())
    truth["videos"] = [{"id": i, "file_name": f"{name}.mp4"} for i, name in enumerate("ab")]
    for number, image in enumerate(truth["images"]):
        image["video_id"] = int(number >= 3)
    write_json(tiny_copy / TEST, truth)
    first, *others = json.loads(perfect_results(tiny_copy, tmp_path).read_text())
    file = write_json(tmp_path / "found.json", [first, first, first, *others[:-1]])
    arguments = [f"predictions={file}", f"data.root={tiny_copy}"]
    results, _, printed = evaluate(tmp_path / "out", *arguments)
    assert results["videos"] == {
        "a.mp4": {"frames": 3, "people": 3, "predictions": 5, "missed": 0, "redundant": 2},
        "b.mp4": {"frames": 2, "people": 2, "predictions": 1, "missed": 1, "redundant": 0},
    }
    lines = [line.split() for line in printed.out.splitlines()]
    assert ["all", "5", "5", "6", "1", "2"] in lines
    assert ["b.mp4", "2", "2", "1", "1", "0"] in lines


@pytest.fixture
def clips(tiny_copy):
    """A data set whose test images are frames of two videos, which have no image files."""
    shutil.rmtree(tiny_copy / "images/validate_infant")
    truth = json.loads((tiny_copy / TEST).read_text())
    names = ["day 1/a.mp4", "b.mp4"]
    truth["videos"] = [{"id": i, "file_name": name} for i, name in enumerate(names)]
    for number, image in enumerate(truth["images"]):
        video, frame = divmod(number, 3)
        image.update(video_id=video, frame_index=10 * frame, file_name=names[video])
    write_json(tiny_copy / TEST, truth)
    return tiny_copy


def predict_clips(clips, folder):
    """The files of ``fidip predict``, which predicts frames without labels, too, and misses one."""
    truth = json.loads((clips / TEST).read_text())
    people = {person["image_id"]: person for person in truth["annotations"]}
    (folder / "day 1").mkdir(parents=True)
    found = {0: [], 1: []}
    for image in truth["images"][:-1]:
        for frame in (image["frame_index"], image["frame_index"] + 1):
            found[image["video_id"]].append(
                {"image_id": frame, "category_id": 1, "score": 0.9,
                 "keypoints": people[image["id"]]["keypoints"]}
            )  # fmt: skip
    write_json(folder / "day 1/a.json", found[0])
    write_json(folder / "b.mp4.json", found[1])
    return folder


def test_a_folder_of_predicted_videos_is_scored(clips, tmp_path, evaluate):
    folder = predict_clips(clips, tmp_path / "found")
    arguments = [f"predictions={folder}", f"data.root={clips}"]
    results = evaluate(tmp_path / "out", *arguments).results
    assert (results["instances"], results["matched"]) == (5, 4)
    assert results["kinds"]["good"] == 1
    assert results["videos"] == {
        "day 1/a.mp4": {"frames": 3, "people": 3, "predictions": 3, "missed": 0, "redundant": 0},
        "b.mp4": {"frames": 2, "people": 2, "predictions": 1, "missed": 1, "redundant": 0},
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: (f / "b.mp4.json").unlink(), "no results of 1 of 2 videos (the first: b.mp4)"),
        (lambda f: shutil.rmtree(f / "day 1"), "(the first: day 1/a.mp4)"),
        (lambda f: (f / "b.mp4.json").write_text("{"), "b.mp4.json: not valid JSON"),
        (lambda f: (f / "b.mp4.json").write_text("[5]"), "b.mp4.json: result at position 0"),
    ],
    ids=["a file", "a folder", "cut", "no object"],
)
def test_a_folder_without_a_video_is_one_line(change, words, clips, tmp_path, cli):
    folder = predict_clips(clips, tmp_path / "found")
    change(folder)
    out = tmp_path / "out"
    arguments = [f"predictions={folder}", f"data.root={clips}", f"out={out}"]
    assert words in cli("evaluate", *arguments, status=2).error
    assert not out.exists()


def same_stem(clips):
    """Two videos that differ in the suffix only."""
    text = (clips / TEST).read_text()
    (clips / TEST).write_text(text.replace("day 1/a.mp4", "b.mov"))


def test_results_with_the_suffix_of_the_video_come_first(clips, tmp_path, evaluate):
    same_stem(clips)
    folder = predict_clips(clips, tmp_path / "found")
    shutil.move(folder / "day 1/a.json", folder / "b.mov.json")
    write_json(folder / "b.json", [])  # of an earlier prediction
    results = evaluate(tmp_path / "out", f"predictions={folder}", f"data.root={clips}").results
    assert [video["predictions"] for video in results["videos"].values()] == [3, 1]


def test_one_file_is_not_the_results_of_two_videos(clips, tmp_path, cli):
    same_stem(clips)
    folder = predict_clips(clips, tmp_path / "found")
    shutil.move(folder / "b.mp4.json", folder / "b.json")
    arguments = [f"predictions={folder}", f"data.root={clips}", f"out={tmp_path / 'out'}"]
    assert (
        "b.json: is the only file for b.mov and b.mp4; expected b.mp4.json"
        in cli("evaluate", *arguments, status=2).error
    )


def test_videos_of_another_folder_are_not_read(clips, tmp_path, cli):
    folder = predict_clips(clips, tmp_path / "x" / "found")
    shutil.move(folder / "b.mp4.json", tmp_path / "x" / "b.json")
    truth = json.loads((clips / TEST).read_text())
    truth["videos"][1]["file_name"] = "../b.mp4"
    write_json(clips / TEST, truth)
    (clips / "images").mkdir(exist_ok=True)
    for image in truth["images"]:
        (clips / "images" / image["file_name"]).parent.mkdir(exist_ok=True)
        (clips / "images" / image["file_name"]).touch()
    arguments = [f"predictions={folder}", f"data.root={clips}", f"out={tmp_path / 'out'}"]
    assert "(the first: ../b.mp4)" in cli("evaluate", *arguments, status=2).error


def test_frames_without_image_files_cannot_be_predicted_here(clips, run, tmp_path, cli):
    arguments = [f"ckpt={run}", f"data.root={clips}", f"out={tmp_path / 'out'}"]
    error = cli("evaluate", *arguments, status=2).error
    assert "5 of 5 images are frames in the files of videos (the first: day 1/a.mp4)" in error
    with pytest.raises(DataError, match="5 of 5 images are frames"):
        SyripDataModule(root=clips, input_wh=(64, 64)).setup("fit")


def test_pcksh_and_mks_are_printed_with_how_many_are_left_out(tmp_path, tiny_copy, evaluate):
    truth = json.loads((tiny_copy / TEST).read_text())
    for person in truth["annotations"]:
        person["keypoints"][2::3] = [2] * 17
    truth["annotations"][0]["keypoints"][3 * 5 + 2] = 0  # a shoulder
    write_json(tiny_copy / TEST, truth)
    file = perfect_results(tiny_copy, tmp_path)
    arguments = [f"predictions={file}", f"data.root={tiny_copy}"]
    results, _, printed = evaluate(tmp_path / "out", *arguments)
    found = results["body_scaled"]
    assert (found["pcksh@0.1"], found["mks"], found["people"], found["left_out"]) == (1, 1, 4, 1)
    left_out = "PCKsh, mKS: 4 of 5 people; 1 left out (shoulders, hips or face unlabelled)"
    assert left_out in printed.out
    lines = printed.out.splitlines()
    assert any(line.startswith("│ mKS       │ 1.000 │ 1.000 to") for line in lines)


def test_a_results_file_of_a_run_takes_the_run_s_data_and_not_its_network(run, tmp_path, evaluate):
    copy = shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(copy / "checkpoints")
    config = OmegaConf.load(copy / "config.yaml")
    config.net = {"_target_": "not.there"}
    config.data.test_split = "train_adult"
    OmegaConf.save(config, copy / "config.yaml")
    found = json.loads((copy / "predictions.json").read_text())
    write_json(copy / "predictions.json", [{**entry, "image_id": 30001} for entry in found[:1]])
    results = evaluate(tmp_path, f"predictions={copy}/predictions.json").results
    assert (results["instances"], results["predictions"], results["seed"]) == (6, 1, config.seed)
    assert results["experiment"] == config.name


def test_a_config_of_another_program_is_no_run(tmp_path, tiny_root, evaluate):
    write_json(tmp_path / "config.yaml", {"theme": "dark"})
    file = perfect_results(tiny_root, tmp_path)
    arguments = [f"predictions={file}", f"data.root={tiny_root}"]
    results = evaluate(tmp_path, *arguments).results
    assert results["experiment"] == "unnamed"


def test_no_people_found_is_a_score_of_zero(tmp_path, tiny_root, evaluate):
    file = write_json(tmp_path / "empty.json", [])
    arguments = [f"predictions={file}", f"data.root={tiny_root}"]
    results = evaluate(tmp_path, *arguments).results
    assert (results["metrics"]["AP"], results["matched"], results["predictions"]) == (0, 0, 0)


def test_a_smoke_run_reports_how_few_people_it_predicted(run, tmp_path, tiny_root):
    results = json.loads((run / "results.json").read_text())
    assert (results["instances"], results["predictions"], results["matched"]) == (5, 4, 4)
    assert "4 of 5 people predicted" in (run / "model_card.md").read_text()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        print_table(Results.from_json(results))
    assert printed.getvalue().startswith(
        "4 of 5 people predicted (the others count as missed), ground truth boxes"
    )


def test_detected_boxes_are_clipped_or_not(run, tmp_path, tiny_root, evaluate):
    image = json.loads((tiny_root / TEST).read_text())["images"][0]
    box = [-20, 10, image["width"], 60]
    file = write_json(
        tmp_path / "boxes.json",
        [{"image_id": image["id"], "category_id": 1, "bbox": box, "score": 0.9}],
    )
    seen = {}
    for clip in ("true", "false"):
        arguments = [f"ckpt={run}", f"boxes={file}", f"clip_boxes={clip}"]
        seen[clip] = evaluate(tmp_path / clip, *arguments).predictions
    default = evaluate(tmp_path / "default", f"ckpt={run}", f"boxes={file}").predictions
    assert default == seen["true"] != seen["false"]


def test_weights_that_are_no_numbers_are_one_line(run, tmp_path, cli):
    copy = shutil.copytree(run, tmp_path / "run")
    for file in (copy / "checkpoints").glob("*.ckpt"):
        content = torch.load(file, weights_only=True)
        content["state_dict"] = {
            key: torch.full_like(value, torch.nan) if value.is_floating_point() else value
            for key, value in content["state_dict"].items()
        }
        torch.save(content, file)
    error = cli("evaluate", f"ckpt={copy}", f"out={tmp_path}", status=2).error
    assert "tensors hold NaN or infinite values" in error
    assert not (tmp_path / "results.json").exists()
    assert not (tmp_path / "predictions.json").exists()


def test_weights_that_overflow_are_an_error_and_never_a_table(run, tmp_path, cli):
    copy = shutil.copytree(run, tmp_path / "run")
    for file in (copy / "checkpoints").glob("*.ckpt"):
        content = torch.load(file, weights_only=True)
        content["state_dict"] = {
            key: torch.full_like(value, 3e38) if value.ndim > 1 else value
            for key, value in content["state_dict"].items()
        }
        torch.save(content, file)
    (error,) = cli("evaluate", f"ckpt={copy}", f"out={tmp_path / 'out'}", status=2).errors
    assert error.startswith("error: ckpt: the predictions are NaN or infinite; expected finite")
    assert "optimizer.lr" not in error  # nothing was trained
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["bundled", "zoo:fast"])
def test_a_named_model_brings_its_net_wherever_it_is_run(
    name, run, monkeypatch, tmp_path, tiny_root, evaluate
):
    """Also in a run directory, which the name of a model does not belong to."""
    monkeypatch.chdir(run)
    results = evaluate(tmp_path, f"ckpt={name}", f"data.root={tiny_root}").results
    assert results["instances"] == 5
    assert "calibration" not in results


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_nan_is_never_written(tmp_path, odd):
    content = {"metrics": {"AP": 0.5, "parts": [1.0, (2.0, odd)]}}
    for file in (tmp_path / "new.json", write_json(tmp_path / "old.json", {})):
        before = file.read_bytes() if file.exists() else None
        with pytest.raises(
            RunError, match=r"json: metrics\.parts\.1\.1 is NaN or infinite; expected"
        ):
            json_files.write_json(file, content)
        assert (file.read_bytes() if file.exists() else None) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.json"]


def test_a_second_annotator_is_a_line_of_the_table(run, tmp_path, tiny_root, evaluate):
    second = json.loads((tiny_root / TEST).read_text())
    second["annotations"].pop()
    file = write_json(tmp_path / "second.json", second)
    results, _, printed = evaluate(tmp_path, f"ckpt={run}", f"second_annotator={file}")
    assert results["second_annotator"]["people"] == results["instances"] - 1
    assert results["second_annotator"]["oks"] == pytest.approx(1)
    assert results["second_annotator"]["AP"] == pytest.approx(
        81 / 101
    )  # of 101 recalls those up to 4/5
    assert (results["second_annotator"]["images"], results["second_annotator"]["of_images"]) == (
        5,
        5,
    )
    assert "AP, second annotator (5 of 5 images)" in printed.out


def test_a_second_annotator_of_some_images_is_scored_on_these(tmp_path, tiny_root, evaluate):
    second = json.loads((tiny_root / TEST).read_text())
    del second["images"][3:]
    kept = {image["id"] for image in second["images"]}
    second["annotations"] = [a for a in second["annotations"] if a["image_id"] in kept]
    file = write_json(tmp_path / "second.json", second)
    arguments = [f"predictions={perfect_results(tiny_root, tmp_path)}", f"data.root={tiny_root}"]
    results, _, printed = evaluate(tmp_path, *arguments, f"second_annotator={file}")
    assert results["second_annotator"]["AP"] == pytest.approx(1)
    assert (results["second_annotator"]["images"], results["second_annotator"]["of_images"]) == (
        3,
        5,
    )
    assert "AP, second annotator (3 of 5 images)" in printed.out


def test_scores_are_calibrated_on_validation_images_for_the_test(run, tmp_path, evaluate):
    copy = shutil.copytree(run, tmp_path / "run")
    arguments = [f"ckpt={copy}", "split=val", "data.val_fraction=0.75", "calibrate=true"]
    val = evaluate(tmp_path / "b", *arguments).results
    saved = json.loads((copy / "calibration.json").read_text())
    assert saved["people"] == val["instances"] == 3
    after, _, printed = evaluate(tmp_path / "c", f"ckpt={copy}/checkpoints/last.ckpt")
    calibrated = after["reliability"]["calibrated"]
    raw = [row["score"] for row in after["reliability"]["bins"]]
    logits = [math.log(max(s, 0.01) / (1 - max(s, 0.01))) for s in raw]
    expected = [1 / (1 + math.exp(-saved["slope"] * x - saved["bias"])) for x in logits]
    assert [row["score"] for row in calibrated["bins"]] == pytest.approx(expected, abs=1e-3)
    assert "is of other weights" not in printed.err
    other, _, printed = evaluate(tmp_path / "d", f"ckpt={copy}", "task.flip_test=false")
    assert "calibrated" not in other["reliability"]
    assert "calibration.json is of other weights or settings: not used" in printed.err


def test_a_broken_calibration_is_named(run, tmp_path, cli):
    copy = shutil.copytree(run, tmp_path / "run")
    write_json(copy / "calibration.json", {"slope": 1.0, "bias": "none"})
    error = cli("evaluate", f"ckpt={copy}", f"out={tmp_path}", status=2).error
    assert "calibration.json: bias is 'none', expected a finite number; delete it" in error


def test_detections_replace_the_boxes_and_duplicates_are_suppressed(
    run, tmp_path, tiny_root, evaluate
):
    truth = json.loads((tiny_root / TEST).read_text())["annotations"]
    boxes = [
        {"image_id": a["image_id"], "category_id": 1, "bbox": a["bbox"], "score": score}
        for a in truth
        for score in (0.9, 0.8, 0.1)
    ]
    file = write_json(tmp_path / "boxes.json", boxes)
    arguments = [f"ckpt={run}", f"boxes={file}", "box_threshold=0.5"]
    results, predictions, _ = evaluate(tmp_path, *arguments)
    assert results["box_source"] == f"detections: {file}"
    assert sorted(p["image_id"] for p in predictions) == sorted(a["image_id"] for a in truth)
    again = ["overwrite=true"]
    every = evaluate(tmp_path, *arguments[:2], "nms_threshold=1", *again).predictions
    assert len(every) == 3 * len(truth)
    soft = evaluate(tmp_path, *arguments[:2], "nms=soft", *again).predictions
    assert len(soft) == 3 * len(truth)  # no image has more than 20


def test_two_processes_predict_what_one_does(run, tmp_path, evaluate, two_ranks):
    one, poses_of_one, _ = evaluate(tmp_path / "one", f"ckpt={run}")
    arguments = [f"ckpt={run}", f"out={tmp_path / 'two'}", "trainer=ddp"]
    arguments += ["trainer.accelerator=cpu", "trainer.precision=32-true"]
    two_ranks("evaluate", *arguments)
    two = json.loads((tmp_path / "two" / "results.json").read_text())
    poses_of_two = json.loads((tmp_path / "two" / "predictions.json").read_text())
    assert [p["image_id"] for p in poses_of_two] == [p["image_id"] for p in poses_of_one]
    assert two["metrics"] == one["metrics"]
    assert two["oks"] == pytest.approx(one["oks"], rel=1e-3)
    for a, b in zip(poses_of_one, poses_of_two, strict=True):
        assert a["keypoints"] == pytest.approx(b["keypoints"], abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "either ckpt=RUN_OR_CKPT or predictions=FILE"),
        (["ckpt=a", "predictions={run}/predictions.json"], "either ckpt=RUN_OR_CKPT or"),
        (["ckpt=nothing.ckpt"], "experiment=NAME"),
        (["ckpt=net.onnx", "data.root={root}"], "an ONNX file, which can only predict"),
        (["ckpt=zoo:rtmpose-s", "data.root={root}"], "zoo:rtmpose-s"),
        (["ckpt={run}", "split=train"], "split=train: expected one of test or val"),
        (["ckpt={run}", "boxes=nowhere.json"], "boxes=nowhere.json: expected gt or the name of a"),
        (["ckpt={run}", "calibrate=true"], "give ckpt=RUN split=val"),
        (["ckpt=nothing.ckpt", "calibrate=true", "split=val"], "in no run folder"),
        (
            ["ckpt={run}", "second_annotator=nowhere.json"],
            "second_annotator=nowhere.json: expected the name of a file",
        ),
        (["ckpt={run}", "split=val", "data.val_fraction=0"], "split=val: no people to score"),
        (["predictions={found}"], "data.root is not set"),
        (["predictions={found}", "boxes={found}", "data.root={root}"], "Leave out boxes="),
        (["predictions=-1", "data.root={root}"], "predictions=-1: expected the name of a file"),
        (["predictions={root}", "data.root={root}"], "expected the name of a file that exists"),
    ],
)
def test_mistakes_are_one_line(arguments, words, run, tiny_root, monkeypatch, tmp_path, cli):
    monkeypatch.chdir(tmp_path)
    found = write_json(tmp_path / "found.json", [])
    names = {"run": run, "root": tiny_root, "found": found}
    filled = [argument.format(**names) for argument in arguments]
    assert words in cli("evaluate", *filled, f"out={tmp_path}", status=2).error


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "expected a list of results"),
        ([{"image_id": 0}], "result at position 0: category_id is missing"),
        ([{"image_id": 0, "category_id": 1, "keypoints": [1.0], "score": 1}], "expected 51"),
    ],
)
def test_a_results_file_that_is_none_is_named(content, words, tmp_path):
    file = write_json(tmp_path / "r.json", content)
    with pytest.raises(DataError, match=words):
        read_results(file)


def test_results_of_unknown_images_are_one_line(tmp_path, tiny_root, cli):
    result = {"image_id": 987654, "category_id": 1, "keypoints": [1.0] * 51, "score": 1.0}
    file = write_json(tmp_path / "strange.json", [result])
    arguments = [f"predictions={file}", "experiment=scratch_demo", f"data.root={tiny_root}"]
    error = cli("evaluate", *arguments, f"out={tmp_path}", status=2).error
    assert f"{file}: 1 of 1 results are of images that" in error
    assert "image_id 987654" in error
