"""Self-training on videos without labels: rounds of labels and training runs."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf

from fidip.cli.prediction_inputs import SOME_FAILED
from fidip.cli.self_adaptation import left_out_videos
from fidip.cli.self_training import (
    REPORT,
    SelfTraining,
    add_synthetic,
    identity_of_self_training,
    require_same_settings,
    round_config,
    self_train,
    teacher_of,
    write_round_labels,
)
from fidip.cli.training_run import train
from fidip.core.errors import ConfigError, DataError, RunError
from fidip.inference.output_names import name_inputs
from fidip.io.coco import annotation_file
from fidip.io.json import write_json
from fidip.io.run_directory import RunDirectory
from fidip.io.video import Video
from fidip.synth.dataset.clip_writer import TIME_BASE, encode
from tests.fuzz.stage import write_video
from tests.inference.odd_media import make_cut_video, without_pictures
from tests.inference.rendered_people import SIDE, draw_person, paste

SETTINGS = SelfTraining(
    rounds=2,
    updates=1,
    frames=12,
    trust=0,
    device="cpu",
    runtime="torch",
    overrides=("data.batch_size=4",),
)
CKPT = "bundled:movenet-infant"
WH = (SIDE + 48, SIDE + 16)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A video of a rendered infant who slides through the image; its path has a comma."""
    folder = tmp_path_factory.mktemp("day 1, home")
    person = draw_person("infant", 4)
    places = [(3 * step, step) for step in range(12)]
    images = [paste([person], [place], WH)[0] for place in places]
    ticks = np.arange(len(images)) * int(0.04 / TIME_BASE)
    encode(folder / "anna.mp4", iter(images), ticks, 25, WH)
    return name_inputs([folder / "anna.mp4"], folder / "out")


def labels_of(data):
    """The annotations of the training frames of a round."""
    file = data / "annotations" / "person_keypoints_train.json"
    return json.loads(file.read_text())["annotations"]


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_each_round_is_a_run_and_an_interrupted_one_continues(videos, tmp_path):
    out, runs = tmp_path / "out, 2", []

    def interrupted(config):
        runs.append(config)
        if len(runs) > 1:
            raise KeyboardInterrupt
        train(config)

    with pytest.raises(KeyboardInterrupt):
        self_train(videos, CKPT, out, 7, SETTINGS, interrupted)
    first, second = (RunDirectory(out / f"round{number}" / "run") for number in (1, 2))
    assert json.loads(first.results.read_text())["updates"] == 1
    assert "predicted" in (out / "round1/data/annotations/person_keypoints_train.json").read_text()
    assert [config.ckpt for config in runs] == [CKPT, str(first.root)]
    assert {config.seed for config in runs} == {7}
    kept = [
        sum(person["num_keypoints"] for person in labels_of(out / f"round{number}" / "data"))
        for number in (1, 2)
    ]
    assert 0 < kept[0] < kept[1]

    before, again = contents(out), []
    self_train(videos, CKPT, out, 7, SETTINGS, again.append)
    assert [config.run_dir for config in again] == [str(second.root)]
    assert contents(out) == before
    identity = identity_of_self_training(videos, CKPT, 7, SETTINGS)
    write_round_labels(videos, runs[0], tmp_path / "again", SETTINGS, 1, identity)
    assert contents(tmp_path / "again") == contents(out / "round1" / "data")

    seen = next((out / "round1" / "data" / "images" / "train").iterdir())
    shutil.copy(seen, next((out / "round2" / "data" / "images" / "held_out").iterdir()))
    train(runs[1])  # the frames that are held out differ between rounds
    assert json.loads(second.results.read_text())["leaked_images"] == 1

    with pytest.raises(RunError, match="was begun with another seed, updates; expected the same"):
        self_train(videos, CKPT, out, 8, replace(SETTINGS, updates=3), train)


def test_a_run_in_a_relative_folder_is_continued(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = OmegaConf.to_container(round_config(Path("round1"), CKPT, 0, SETTINGS), resolve=True)
    run = RunDirectory(Path("round1/run"))
    run.root.mkdir(parents=True)
    run.write_config(config)
    run.require_settings(config)


def test_start_weights_that_were_replaced_are_not_continued(videos, tmp_path):
    ckpt, data = tmp_path / "weights.ckpt", tmp_path / "round1" / "data"
    data.mkdir(parents=True)
    for content in (b"first", b"second"):
        ckpt.write_bytes(content)
        identity = identity_of_self_training(videos, str(ckpt), 7, SETTINGS)
        if content == b"first":
            write_json(data / "self_training.json", identity)
    with pytest.raises(RunError, match="was begun with another content of ckpt; expected"):
        require_same_settings(tmp_path, identity)


def test_a_video_that_the_network_cannot_label_is_left_out_and_named(videos, tmp_path):
    frames = [frame.image for frame in Video(videos[0].path)]
    blurred = [cv2.GaussianBlur(image, (0, 0), 12) for image in frames]
    ticks = np.arange(len(frames)) * int(0.04 / TIME_BASE)
    encode(tmp_path / "blurred.mp4", iter(blurred), ticks, 25, WH)
    both = name_inputs([tmp_path / "blurred.mp4", videos[0].path], tmp_path / "out")
    settings = replace(SETTINGS, frames=10, lost=0, trust=0.1)
    config = round_config(tmp_path, CKPT, 0, settings)
    write_round_labels(both, config, tmp_path / "data", settings, 1, {})
    report = json.loads((tmp_path / "data" / REPORT).read_text())
    (used,) = report["videos"]
    assert (used["video"], used["confidence"] >= 0.1) == (both[1].name, True)
    (line,) = left_out_videos(tmp_path / "data")
    assert re.fullmatch(r".*blurred\.mp4: .* mean confidence 0\.0\d, expected at least 0\.1", line)


@pytest.mark.slow
def test_the_command_without_labels_ends_in_a_network_and_a_picture(
    videos, tmp_path, monkeypatch, cli
):
    monkeypatch.setenv("FIDIP_CACHE", "/dev/null")  # no export to ONNX, which takes long each round
    out, source = tmp_path / "out", tmp_path / "videos"
    source.mkdir()
    shutil.copy(videos[0].path, source)
    (source / "empty.mp4").write_bytes(b"")
    (source / "noise.mp4").write_bytes(without_pictures(videos[0].path.read_bytes()))
    make_cut_video(source / "cut.mp4", frames=5)  # the infant is searched in each
    words = [f"source={source}", f"out={out}", "updates=2", "device=cpu"]
    words += ["data.batch_size=4", "trainer=cpu", "trust=0"]
    printed = cli("adapt", *words, status=SOME_FAILED).out
    assert "nothing says how accurate" in printed
    assert "empty.mp4: cannot be opened as a video" in printed
    assert "noise.mp4: the video has no frame that can be decoded" in printed
    assert "failed: cut.mp4: " in printed
    assert "1 of 4 done" in printed
    assert json.loads((out / "results.json").read_text())["updates"] == 2
    assert f"ckpt: {CKPT}" in (out / "round1" / "run" / "config.yaml").read_text()
    assert "with labels that it predicted" in (out / "model_card.md").read_text()
    picture = cv2.imread(str(out / "figures" / "before_after.jpg"))
    assert picture.shape[0] >= 224
    assert picture.std() > 20
    assert (out / "checkpoints" / "last.ckpt").is_file()
    (line,) = cli("adapt", *words, "seed=3", status=2).errors
    assert "was begun with another seed" in line


def test_videos_without_an_infant_are_refused_before_anything_is_written(tmp_path):
    out, noise, broken = tmp_path / "none", tmp_path / "noise.mp4", tmp_path / "broken.mp4"
    write_video(noise, 2, (64, 48))
    broken.write_bytes(b"no video")
    small = ("codec.input_wh=[32,32]", "codec.heatmap_wh=[8,8]")
    settings = replace(SETTINGS, lost=0.99, overrides=small)
    with pytest.raises(DataError, match=r"noise\.mp4: the infant is found in 0 different frames"):
        self_train(name_inputs([noise], out), CKPT, out, 0, settings, pytest.fail)
    assert not list(tmp_path.glob("none/**/*.json"))
    with pytest.raises(DataError, match=r"broken\.mp4: cannot be opened"):
        self_train(name_inputs([broken], out), CKPT, tmp_path / "o", 0, settings, pytest.fail)


def test_synthetic_images_are_added_and_are_half_of_each_batch(tiny_root, tmp_path):
    file = annotation_file(tmp_path, "train")
    frame = {"images": [{"id": 3}], "annotations": [{"id": 5, "image_id": 3}]}
    write_json(file, {"info": {"labels_are_predicted": True}, **frame})
    add_synthetic(tmp_path, tiny_root)
    content = json.loads(file.read_text())
    assert content["info"] == {"labels_are_predicted": True}
    assert content["images"][0] == {"id": 3}
    added = content["images"][1:]
    assert len(added) == 8
    assert all(image["is_synthetic"] for image in added)
    assert all((tmp_path / "images" / image["file_name"]).is_file() for image in added)
    assert {p["image_id"] for p in content["annotations"]} == {i["id"] for i in content["images"]}
    settings = replace(SETTINGS, synthetic=str(tiny_root))
    assert round_config(tmp_path, CKPT, 0, settings).data.balanced
    with pytest.raises(DataError, match="there is no dataset"):
        add_synthetic(tmp_path, tmp_path / "none")


def test_a_synthetic_dataset_is_checked_before_anything_is_predicted(videos, tmp_path):
    settings = replace(SETTINGS, synthetic=str(tmp_path))
    with pytest.raises(DataError, match="there is no dataset"):
        self_train(videos, "no weights", tmp_path / "out", 7, settings, train)
    assert not (tmp_path / "out").exists()


def test_weights_that_cannot_be_trained_are_refused(tmp_path):
    config = round_config(tmp_path, "net.onnx", 0, SETTINGS)
    with pytest.raises(ConfigError, match=r"net\.onnx: an ONNX file cannot be trained"):
        teacher_of(config, SETTINGS)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"first": 0.0}, {"most": 1.1}, {"updates": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}="):
        SelfTraining(**wrong)
