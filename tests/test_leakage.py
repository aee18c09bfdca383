"""Runs are scored on training images only on request, and the result records it."""

import hashlib
import json
import shutil

import pytest
import torch

from fidip.core.errors import DataError
from fidip.data import image_hashes, trained_on
from fidip.nn.weights.checkpoint_files import read_weights, training_images
from tests.conftest import run_command

SMOKE = ("debug=smoke", "data.val_fraction=0.5")


def hashes(root, *splits):
    """By another road than the code's."""
    files = [f for split in splits for f in (root / "images" / split).iterdir()]
    return {hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in files}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_root):
    """Folders of a run on adults, and of a FiDIP run on infants from its weights."""
    folder = tmp_path_factory.mktemp("runs")
    adults = (
        "data.balanced=false",
        "data.train_split=train_adult",
        "data.test_split=validate_adult",
    )
    start = f"ckpt={folder}/pretrain/checkpoints/last.ckpt"
    for name, options in {
        "pretrain": ("experiment=finetune_demo", *adults),
        "fidip": ("experiment=fidip_demo", start),
    }.items():
        arguments = (*options, "callbacks.checkpoints.monitor=val/OKS", f"data.root={tiny_root}")
        assert run_command("train", *arguments, *SMOKE, f"hydra.run.dir={folder / name}") == 0
    return folder


@pytest.fixture
def overlapping(tiny_copy):
    """A data set whose second test image is also a training image, under another name."""
    move_into_test(tiny_copy, tiny_copy / "images/train_infant/train00007.jpg", "train_infant", 6)
    return tiny_copy


def move_into_test(root, image, split, position):
    """Replace the second test image by a copy of one of another split."""
    shutil.copy(image, root / "images/validate_infant/test1.jpg")
    annotations = root / "annotations"
    source = json.loads((annotations / f"person_keypoints_{split}.json").read_text())
    size = {key: source["images"][position][key] for key in ("width", "height")}
    test = annotations / "person_keypoints_validate_infant.json"
    content = json.loads(test.read_text())
    content["images"][1].update(size)
    test.write_text(json.dumps(content))


def test_checkpoints_know_all_images_they_come_from(runs, tiny_root):
    adults = hashes(tiny_root, "train_adult")
    seen = hashes(tiny_root, "train_infant", "train_pre_infant")
    for name in ("best", "last"):
        assert training_images(runs / f"pretrain/checkpoints/{name}.ckpt") == adults
        assert training_images(runs / f"fidip/checkpoints/{name}.ckpt") == adults | seen


def test_the_record_is_plain_and_is_no_weight(runs):
    path = runs / "fidip/checkpoints/last.ckpt"
    content = torch.load(path, weights_only=True)
    assert len(content["SyripDataModule"]["training_images"]) == 12 + 6 + 6
    assert not any("training_images" in name for name in read_weights(path).others)


@pytest.mark.parametrize("content", [{"data": {"training_images": 5}}, [1], {"epoch": 3}])
def test_external_files_have_no_record_of_training_images(content, tmp_path):
    torch.save(content, tmp_path / "a.pth")
    assert training_images(tmp_path / "a.pth") is None


def test_a_test_without_leakage_has_no_warning(runs, cli, tmp_path):
    assert json.loads((runs / "fidip/results.json").read_text())["leaked_images"] == 0
    out = cli("evaluate", f"ckpt={runs}/fidip", f"out={tmp_path}").out
    assert "LEAKAGE" not in out
    assert json.loads((tmp_path / "results.json").read_text())["leaked_images"] == 0


def test_validation_may_be_asked_for(runs, cli, tmp_path):
    arguments = [f"ckpt={runs}/fidip", "split=val", f"out={tmp_path}"]
    cli("evaluate", *arguments)
    assert json.loads((tmp_path / "results.json").read_text())["leaked_images"] is None


def test_weights_without_a_record_are_scored_and_nothing_is_claimed(tiny_root, cli, tmp_path):
    assert training_images("bundled:movenet-lightning") is None
    arguments = ["ckpt=bundled:movenet-lightning", "experiment=finetune_demo", f"out={tmp_path}"]
    out = cli("evaluate", *arguments, f"data.root={tiny_root}").out
    assert "LEAKAGE" not in out
    assert json.loads((tmp_path / "results.json").read_text())["leaked_images"] is None


def test_training_refuses_to_start(overlapping, monkeypatch, cli, tmp_path):
    monkeypatch.chdir(tmp_path)
    arguments = ["experiment=scratch_demo", f"data.root={overlapping}", *SMOKE]
    errors = cli("train", *arguments, status=2).errors
    assert len(errors) == 1
    assert "1 of 5 test images are among the training images" in errors[0]
    assert "validate_infant/test1.jpg" in errors[0]
    assert "allow_leakage=true" in errors[0]
    assert not list(tmp_path.rglob("*.ckpt"))


def test_training_that_is_allowed_marks_its_result(overlapping, monkeypatch, cli, tmp_path):
    monkeypatch.chdir(tmp_path)
    arguments = ["experiment=scratch_demo", f"data.root={overlapping}", *SMOKE]
    out = cli("train", *arguments, "allow_leakage=true").out
    assert "LEAKAGE: trained on 1 of the images" in out
    (results,) = tmp_path.rglob("results.json")
    assert json.loads(results.read_text())["leaked_images"] == 1


def test_evaluation_refuses_what_the_weights_have_seen(runs, tiny_copy, cli, tmp_path):
    """The image was one of the adults', two runs ago; and of the domain head's."""
    for split, file in (("train_adult", "train30003.jpg"), ("train_pre_infant", "train20001.jpg")):
        position = 2 if split == "train_adult" else 0
        move_into_test(tiny_copy, tiny_copy / "images" / split / file, split, position)
        arguments = [f"ckpt={runs}/fidip", f"data.root={tiny_copy}", f"out={tmp_path}"]
        errors = cli("evaluate", *arguments, status=2).errors
        assert len(errors) == 1
        assert "1 of 5 test images are among the training images" in errors[0]
        assert "test1.jpg" in errors[0]
    out = cli("evaluate", *arguments, "allow_leakage=true").out
    assert "LEAKAGE: trained on 1 of the images" in out
    assert json.loads((tmp_path / "results.json").read_text())["leaked_images"] == 1


def test_fine_tuning_refuses_what_its_start_has_seen(runs, tiny_copy, monkeypatch, cli, tmp_path):
    monkeypatch.chdir(tmp_path)
    move_into_test(tiny_copy, tiny_copy / "images/train_adult/train30001.jpg", "train_adult", 0)
    arguments = ["experiment=finetune_demo", f"data.root={tiny_copy}", *SMOKE]
    start = f"ckpt={runs}/pretrain/checkpoints/best.ckpt"
    errors = cli("train", *arguments, start, status=2).errors
    assert len(errors) == 1
    assert "1 of 5 test images" in errors[0]


def test_files_are_the_same_by_content_only(tmp_path):
    files = [tmp_path / name for name in ("a.jpg", "b.png", "c.jpg")]
    for file, content in zip(files, (b"one", b"one", b"other"), strict=True):
        file.write_bytes(content)
    a, b, c = image_hashes(files).values()
    assert a == b != c


def test_the_first_files_are_named_and_the_others_counted(tmp_path):
    test = {tmp_path / f"{n}.jpg": str(n) for n in range(9)}
    with pytest.raises(DataError) as error:
        trained_on(test, {"1", "3", "5", "7", "99"}, allowed=False)
    assert "4 of 9 test images" in str(error.value)
    for n, named in {1: True, 3: True, 5: True, 7: False}.items():
        assert (f"{n}.jpg" in str(error.value)) == named
    assert len(trained_on(test, {"1", "3"}, allowed=True)) == 2
