"""``fidip adapt``: from labelled frames of videos to a network, with a learning curve."""

import json
import shutil

import pytest

from fidip.cli.loading import load_predictor
from fidip.cli.prediction_inputs import SOME_FAILED
from fidip.inference.frame_candidates import FrameAnalysis
from fidip.io.video import read_photo
from tests.data.made_clips import write_labelled_clips, write_made_clips

START = "ckpt=bundled:movenet-lightning"
SMALL = (
    *("codec.input_wh=[64,64]", "codec.heatmap_wh=[16,16]", "data.batch_size=6"),
    *("data.num_workers=0", "lost=0", "rate=100", "updates=1", "counts=[8]", "unlabelled=6"),
)
CLIPS, FRAMES = 3, 6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Clips of three infants, and labels of all of their frames."""
    return write_labelled_clips(tmp_path_factory.mktemp("adapt"), CLIPS, FRAMES)


@pytest.fixture
def folder(made, own_cache, tmp_path):
    """A copy of the clips that a test may change."""
    return shutil.copytree(made, tmp_path / "made")


def words(folder, *more):
    places = (f"source={folder}/videos", f"labels={folder}/labels.json", f"out={folder}/out")
    keys = {word.partition("=")[0] for word in more}
    return (*(w for w in (START, *SMALL, *places) if w.partition("=")[0] not in keys), *more)


def split_of(out, name):
    return json.loads((out / "data" / "annotations" / f"person_keypoints_{name}.json").read_text())


def images_of(out, name):
    return {image["file_name"] for image in split_of(out, name)["images"]}


@pytest.mark.slow
def test_a_command_from_videos_and_labels_to_a_network(folder, cli, monkeypatch):
    clips = folder / "videos" / "clips"
    whole = (clips / "clip0001.mp4").read_bytes()
    for name, content in {"broken": b"no video", "empty": b"", "half": whole[:600]}.items():
        (clips / f"{name}.mp4").write_bytes(content)
    write_made_clips(folder / "more", {"new": 1}, 2)
    (folder / "more" / "videos" / "new" / "clip0001.mp4").rename(clips / "new.mp4")
    monkeypatch.chdir(folder)
    out = folder / "out"
    command = words(folder, "out=out")
    printed = cli("adapt", *command, status=SOME_FAILED).out
    for name in ("broken", "empty", "half"):
        assert f"{name}.mp4: cannot be opened as a video" in printed
    assert "4 of 7 done" in printed
    assert "8 labels took" in printed

    subjects = {
        name: {image["subject"] for image in split_of(out, name)["images"]}
        for name in ("train_8", "train_all", "test", "unlabelled")
    }
    assert len(subjects["test"]) == 1
    assert subjects["train_8"] == subjects["train_all"] == subjects["unlabelled"] - {"new"}
    assert "new" in subjects["unlabelled"]
    assert not subjects["train_all"] & subjects["test"]
    assert images_of(out, "train_8") < images_of(out, "train_all")
    assert [len(images_of(out, f"train_{name}")) for name in (8, "all")] == [8, 12]
    assert len(images_of(out, "unlabelled")) == 6
    assert all(person["is_predicted"] for person in split_of(out, "unlabelled")["annotations"])

    page = (out / "report.html").read_text()
    assert "<td>0 (start)</td>" in page
    assert "<td>12</td>" in page
    assert "No subject is on both sides" in page
    assert "broken.mp4: cannot be opened" in page
    card = (out / "model_card.md").read_text()
    assert f"| {subjects['test'].pop()} | clip" in card
    assert read_photo(out / "figures" / "changed_most.jpg").shape == (448, 6 * 224, 3)
    assert read_photo(out / "figures" / "without_labels.jpg").shape == (224, 6 * 224, 3)
    image = read_photo(out / "data" / "images" / "labelled" / "1.png")
    assert load_predictor(str(out), runtime="torch").codec.input_wh == (64, 64)
    assert len(load_predictor(str(out), runtime="torch")(image)) == 1

    evaluated = ("data.test_split=test", "data.num_workers=0", f"out={folder}/evaluated")
    cli("evaluate", START, f"data.root={out}/data", "data.source_split=null", *evaluated)
    found = [
        json.loads((place / "predictions.json").read_text())
        for place in (folder / "evaluated", out / "runs" / "start")
    ]
    assert found[0] == found[1]

    first = (out / "predictions.json").read_bytes()
    (out / "results.json").unlink()
    (out / "runs" / "8" / "results.json").unlink()  # as if one run had not been tested,
    shutil.rmtree(out / "runs" / "all")  # and another one not been begun
    monkeypatch.setattr(FrameAnalysis, "__call__", pytest.fail)
    again = cli("adapt", *command, status=SOME_FAILED).out
    assert "finished before" not in again
    assert (out / "predictions.json").read_bytes() == first
    ended = cli("adapt", *command, "seed=1", "updates=2", status=2)
    (line,) = ended.errors
    assert "was begun with another seed, updates; expected the same command" in line


def test_one_infant_from_a_run_without_unlabelled_frames(folder, cli):
    more = ("method=finetune", "subject=clip", "split=video", "counts=[]", "updates=2")
    cli("adapt", *words(folder, *more))
    out = folder / "out"
    assert not (out / "data" / "annotations" / "person_keypoints_unlabelled.json").exists()
    assert {path.name for path in (out / "runs").iterdir()} == {"start", "all"}
    assert "Videos of one subject are on both sides" in (out / "report.html").read_text()
    environment = json.loads((out / "environment.json").read_text())
    assert environment["command"].startswith("fidip adapt ckpt=")
    assert json.loads((out / "results.json").read_text())["updates"] == 2

    more = (*more, f"ckpt={out}", f"out={folder}/next")
    ended = cli("adapt", *words(folder, *more, "seed=1"), status=2)
    assert "of 6 test images are among the training images" in ended.err
    assert not (folder / "next").exists()
    cli("adapt", *words(folder, *more))
    start = json.loads((folder / "next" / "runs" / "start" / "predictions.json").read_text())
    assert start == json.loads((out / "predictions.json").read_text())


def renamed(folder):
    (folder / "videos" / "clips" / "clip0001.mp4").rename(folder / "videos" / "clips" / "c1.mp4")


def twice(folder):
    clips = folder / "videos" / "clips"
    for number in range(1, CLIPS + 1):
        shutil.copy(clips / f"clip000{number}.mp4", clips / f"copy{number}.mp4")


def nothing(folder):
    pass


@pytest.mark.parametrize(
    ("change", "more", "problem"),
    [
        (nothing, ("labels=null", "split=video"), "has no effect without labels"),
        (nothing, ("test_subjects=[anna]",), "test_subjects=[anna]: no labelled frame is of anna"),
        (nothing, ("test_subjects=7",), "test_subjects=[7]: no labelled frame is of 7"),
        (nothing, ("split=video", "test_subjects=[a]"), "has no effect with split=video"),
        (nothing, ("unlabelled=0",), "MeanTeacher needs unlabelled real images; unlabelled=0"),
        (nothing, ("data.batch_size=5",), "data.batch_size=5: expected a multiple of 2"),
        (nothing, ("ckpt={folder}/net.onnx",), "net.onnx: an ONNX file cannot be trained"),
        (nothing, ("codec.heatmap_wh=[32,32]",), "net: gives maps of shape (17, 16, 16)"),
        (nothing, ("synthetic={folder}",), "no split train_infant"),
        (nothing, ("out={folder}",), "holds 1 of the"),
        (renamed, (), "clip0001.mp4 is not in source, the most similar name without labels is c1"),
        (twice, (), "are the same video, one for training and one for the test"),
    ],
)
def test_what_would_fool_the_user_is_refused_before_anything_is_written(
    change, more, problem, folder, cli
):
    change(folder)
    (folder / "report.html").touch()
    given = [word.format(folder=folder) for word in more]
    before = sorted(folder.rglob("*"))
    (line,) = cli("adapt", *words(folder, *given), status=2).errors
    assert problem in line
    assert sorted(folder.rglob("*")) == before
