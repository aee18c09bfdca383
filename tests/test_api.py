"""The Python API: what commands do, without Hydra."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

import fidip
from fidip.cli.loading import training_config
from fidip.core.errors import ArgumentError, ConfigError
from fidip.inference import Video
from fidip.inference.smoothing import FillGaps
from fidip.io.run_directory import RunDirectory
from fidip.nn.weights.model_zoo import entry_of
from tests.inference.made_media import make_video
from tests.test_compare_runs import make_run


@pytest.fixture(scope="module")
def predictor():
    return fidip.load_predictor("bundled", runtime="torch", flip_test=False)


def test_every_public_name_is_there():
    assert {name for name in fidip.__all__ if not hasattr(fidip, name)} == set()


def test_importing_the_package_imports_neither_torch_nor_hydra():
    check = "import sys, fidip; assert not {'torch', 'hydra', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_video_pipeline_returns_the_track_and_writes_files(predictor, tmp_path):
    video = make_video(tmp_path / "v.mp4", [i / 25 for i in range(6)])
    calls = []
    pipeline = fidip.VideoPipeline(
        predictor, rotations=(0.0,), writers=["csv", "overlay"], smoother=FillGaps()
    )
    track = pipeline.run(video, tmp_path / "out", lambda *call: calls.append(call))
    assert track.xy.shape == (6, 17, 2)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["v.csv", "v.overlay.mp4"]
    assert Video(tmp_path / "out" / "v.overlay.mp4").count == 6
    assert calls[:2] == [("v.mp4", 0, 6), ("v.mp4", 1, 6)]
    assert calls[-1] == ("drawing", 6, 6)


def test_without_writers_nothing_is_written(predictor, tmp_path):
    video = make_video(tmp_path / "v.mp4", [0.0, 0.04])
    track = fidip.VideoPipeline(predictor, rotations=(0.0,)).run(video)
    assert len(track) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"]


def test_poses_of_photographs_carry_names_and_are_scored(predictor, tiny_root):
    people = fidip.read_annotations(
        tiny_root / "annotations/person_keypoints_validate_infant.json",
        tiny_root / "images/validate_infant",
    ).people
    images = fidip.ImagePipeline(predictor, rotations=(0.0,))
    boxes = [people[0].box_xywh, people[0].box_xywh]
    image = np.zeros((*people[0].image_wh[::-1], 3), np.uint8)
    assert len(images.predict(image, boxes)) == 2
    perfect = fidip.Poses.of_keypoints(
        np.stack([person.keypoints[:, :2] for person in people]),
        np.ones((len(people), 17), np.float32),
        image_ids=np.array([person.image_id for person in people]),
    )
    assert fidip.evaluate_poses(perfect, people).metrics["AP"] == pytest.approx(1)


def test_an_unknown_writer_is_refused(predictor):
    with pytest.raises(ConfigError, match="'gif' is not one of overlay, coco"):
        fidip.VideoPipeline(predictor, writers=["gif"])


def test_runs_are_compared_without_a_configuration(tmp_path, tiny_root):
    for error in (1, 9):
        make_run(tmp_path / "runs", tiny_root, f"error_{error}", error)
    calls = []
    compared = fidip.compare_runs(
        str(tmp_path / "runs/*"), rounds=50, progress=lambda *call: calls.append(call)
    )
    assert compared.notes == compared.damage == []
    assert compared.comparison.against == "error_1"
    difference = compared.comparison.differences["error_9"]["AP"]
    assert difference.value < 0
    assert calls == [("intervals", 0, 2), ("intervals", 1, 2), ("differences", 0, 1)]
    compared.write(tmp_path / "out")
    assert "error_9" in (tmp_path / "out" / "compare.html").read_text()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "compare.html", "compare.md", "differences.csv", "results.csv", "table.tex",
    ]  # fmt: skip


LOADED = """
import logging
import sys
import fidip

class Names(logging.Handler):
    def emit(self, record):
        names.append(record.name)

names = []
logging.getLogger("fidip").addHandler(Names(logging.INFO))
logging.getLogger("fidip").setLevel(logging.INFO)
fidip.load_predictor(runtime="torch")
assert names == ["fidip.cli.loading"], names
slow = {"timm", "torchvision", "pytorch_lightning"} & set(sys.modules)
assert not slow, slow
"""


def test_a_predictor_logs_its_messages_and_imports_no_slow_package(monkeypatch, tmp_path):
    """In a process of its own, because a command in this one has set up logging."""
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_a_folder_of_test_data_that_is_missing_is_an_argument(tmp_path):
    with pytest.raises(ArgumentError, match=r"^data_root=.*none: there is no such folder"):
        fidip.compare_runs(str(tmp_path), data_root=tmp_path / "none")


@pytest.mark.parametrize("is_shifted", [True, False])
def test_a_predictor_of_a_run_shifts_mirrored_maps_as_the_run_does(tmp_path, is_shifted):
    bundled = fidip.load_predictor("bundled", runtime="torch")
    chosen = OmegaConf.masked_copy(
        training_config(entry_of("zoo:bundled").choices), ["net", "codec"]
    )
    settings = OmegaConf.to_container(chosen, resolve=True)
    run = RunDirectory(tmp_path)
    run.write_config({**settings, "task": {"flip_shift": is_shifted}})
    run.last.parent.mkdir()
    torch.save({"state_dict": bundled.runtime.net.state_dict()}, run.last)
    predictor = fidip.load_predictor(str(tmp_path), runtime="torch")
    assert predictor.flip_shift is is_shifted
    assert predictor.with_averages(flip_test=False).flip_shift is is_shifted
