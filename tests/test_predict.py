"""``fidip predict`` on files as people have them."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
import torch

import fidip
from fidip.cli import predict_settings
from fidip.cli.prediction_inputs import SOME_FAILED
from fidip.core.skeleton import COCO17
from fidip.inference import Predictor, SinglePersonTracker, Video
from fidip.inference.output_names import Input
from tests.conftest import interrupt_at_work
from tests.inference.made_media import make_video
from tests.inference.odd_media import make_cut_video, make_odd_folder

DEMO = "ckpt=bundled:movenet-lightning"
"""A small net: the default takes several times as long."""
UPRIGHT = (DEMO, "rotations=[0]", "flip_test=false")
"""With an eighth of the default search, for tests of anything else."""


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def photos(tiny_root, tmp_path):
    """Six photographs, one of them broken."""
    folder = tmp_path / "photos"
    folder.mkdir()
    images = sorted((tiny_root / "images" / "train_infant").iterdir())[:5]
    for image in images:
        (folder / image.name).write_bytes(image.read_bytes())
    (folder / "broken.jpg").write_bytes(images[0].read_bytes()[:200])
    return folder


def test_a_broken_photograph_among_others_is_named_and_the_rest_is_done(photos, cli, tmp_path):
    out = tmp_path / "out"
    arguments = [*UPRIGHT, f"source={photos}", f"out={out}"]
    printed = cli("predict", *arguments, status=SOME_FAILED).out
    assert "broken.jpg: not an image" in printed
    assert "5 of 6 done" in printed
    rows = read_csv(out / "keypoints.csv")
    assert len(rows) == 5 * len(COCO17)
    assert [row["joint"] for row in rows[:17]] == list(COCO17.joints)
    entries = json.loads((out / "keypoints.json").read_text())
    assert len({e["image_id"] for e in entries}) == 5
    assert float(rows[0]["x"]) == pytest.approx(entries[0]["keypoints"][0], abs=1e-3)
    assert len(list((out / "overlays").iterdir())) == 5


@pytest.mark.slow
def test_all_good_files_of_a_folder_of_odd_ones_are_predicted(cli, tmp_path):
    source, out = tmp_path / "odd", tmp_path / "out"
    source.mkdir()
    done, partial, failed = make_odd_folder(source)
    ended = cli("predict", *UPRIGHT, f"source={source}", f"out={out}", status=SOME_FAILED)
    printed, errors = ended.out, ended.err
    assert "Traceback" not in printed + errors
    lines = printed.splitlines()
    total = len(done) + len(partial) + len(failed)
    assert total >= 40
    assert lines[-1] == f"{len(done)} of {total} done: {out}"
    named = sorted(line.removeprefix("failed: ") for line in lines if line.startswith("failed: "))
    expected = sorted(f"{source}/{name}: " for name in [*failed, *partial])
    assert len(named) == len(expected)
    assert all(map(str.startswith, named, expected))
    photos = {row["file_name"] for row in read_csv(out / "keypoints.csv")}
    assert len(photos) == sum(Input(source / name, "", "").is_photo for name in done)
    assert {"caf\\xe9.jpg", "new\\x0aline.jpg", "a[1].jpg", "a.jpg", "A.JPG"} <= photos
    entries = json.loads((out / "keypoints.json").read_text(), parse_constant=pytest.fail)
    assert {entry["file_name"] for entry in entries} == photos
    overlays = list((out / "overlays").iterdir())
    assert len(overlays) == len(photos)
    assert all(path.read_bytes()[:3] == b"\xff\xd8\xff" for path in overlays)
    tables = {path.name.removesuffix(".csv") for path in out.glob("*.csv")} - {"keypoints"}
    videos = {path.name.removesuffix(".overlay.mp4") for path in out.glob("*.overlay.mp4")}
    assert tables == videos
    assert len(tables) == len(done) - len(photos) + len(partial)
    assert not list(out.rglob(".*"))


def test_no_network_is_exported_for_a_file_that_is_no_video(cli, own_cache, tmp_path):
    (tmp_path / "labels.json").write_text("{}")
    ended = cli("predict", DEMO, f"source={tmp_path}/labels.json", f"out={tmp_path}/out", status=2)
    assert f"{tmp_path}/labels.json: cannot be opened as a video" in ended.err
    assert "exporting" not in ended.err
    assert not (tmp_path / "out").exists()


def test_inputs_of_several_folders_have_different_names(tiny_root, cli, tmp_path):
    """Photographs of the same name: by row, picture and labelled box."""
    truth = json.loads(
        (tiny_root / "annotations" / "person_keypoints_validate_infant.json").read_text()
    )
    images = tiny_root / "images" / "validate_infant"
    source, out = tmp_path / "source", tmp_path / "out"
    for folder, record in zip(("x", "y"), truth["images"], strict=False):
        (source / folder).mkdir(parents=True)
        shutil.copy(images / record["file_name"], source / folder / "a.jpg")
        record["file_name"] = f"{folder}/a.jpg"
    kept = [record["id"] for record in truth["images"][:2]]
    truth["images"] = truth["images"][:2]
    truth["annotations"] = [a for a in truth["annotations"] if a["image_id"] in kept]
    (tmp_path / "boxes.json").write_text(json.dumps(truth))
    arguments = [DEMO, f"source='{source}/*/a.jpg'", f"out={out}"]
    cli("predict", *arguments, f"boxes={tmp_path / 'boxes.json'}")
    rows = read_csv(out / "keypoints.csv")
    assert [row["file_name"] for row in rows[::17]] == ["x/a.jpg", "y/a.jpg"]
    for record, row in zip(truth["images"], rows[::17], strict=True):
        (box,) = [a["bbox"] for a in truth["annotations"] if a["image_id"] == record["id"]]
        assert box[0] - 20 < float(row["x"]) < box[0] + box[2] + 20
    shown = [out / "overlays" / folder / "a.jpg" for folder in ("x", "y")]
    assert shown[0].read_bytes() != shown[1].read_bytes()


@pytest.mark.parametrize(
    ("file_name", "words"),
    [("a.jpg", "fits x/a.jpg and y/a.jpg"), ("gone.jpg", "(its first image: gone.jpg)")],
)
def test_boxes_that_fit_several_photographs_or_none_are_refused(
    file_name, words, tiny_root, cli, tmp_path
):
    truth = tiny_root / "annotations" / "person_keypoints_validate_infant.json"
    content = json.loads(truth.read_text())
    image = content["images"][0]
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        shutil.copy(tiny_root / "images" / "validate_infant" / image["file_name"],
                    tmp_path / folder / "a.jpg")  # fmt: skip
    content["images"] = [{**image, "file_name": file_name}]
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] == image["id"]]
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    arguments = [DEMO, f"source='{tmp_path}/*/a.jpg'", f"boxes={tmp_path / 'boxes.json'}"]
    ended = cli("predict", *arguments, f"out={tmp_path / 'out'}", status=2)
    assert words in ended.err
    assert not (tmp_path / "out").exists()


def test_results_are_not_overwritten_unless_asked(cli, tmp_path):
    video, out = make_video(tmp_path / "v.mp4"), tmp_path / "out"
    arguments = [*UPRIGHT, f"source={video}", f"out={out}", "save=[csv]"]
    cli("predict", *arguments)
    before = (out / "v.csv").read_bytes()
    (out / "v.csv").write_text("precious")
    ended = cli("predict", *arguments, status=2)
    error = ended.err
    assert error.count("\n") == 1
    assert "overwrite=true" in error
    assert (out / "v.csv").read_text() == "precious"
    cli("predict", *arguments, "overwrite=true")
    assert (out / "v.csv").read_bytes() == before


def test_outputs_beside_the_inputs_replace_none_of_them(cli, tmp_path):
    """Also in a second run, which finds the first one's overlay among the inputs."""
    video = make_video(tmp_path / "v.mp4")
    arguments = [DEMO, f"source={tmp_path}", f"out={tmp_path}", "save=[overlay]", "rotations=[0]"]
    cli("predict", *arguments)
    inputs = {path: path.read_bytes() for path in (video, tmp_path / "v.overlay.mp4")}
    cli("predict", *arguments, "overwrite=true")
    assert {path: path.read_bytes() for path in inputs} == inputs
    assert len(list(tmp_path.iterdir())) == 4


def test_a_truncated_video_is_reported_with_its_length(cli, tmp_path):
    video, out = make_cut_video(tmp_path / "v.mp4"), tmp_path / "out"
    arguments = [*UPRIGHT, f"source={video}", f"out={out}", "save=[csv]"]
    ended = cli("predict", *arguments, status=SOME_FAILED)
    frames = len(read_csv(out / "v.csv")) // len(COCO17)
    assert f"{frames} of 30 announced frames could be decoded" in ended.out


@pytest.mark.parametrize("name", ["a.heic", "a.jpg", "a.mp4"])
def test_a_single_input_that_fails_is_an_error_and_leaves_no_folder(name, cli, tmp_path):
    (tmp_path / name).write_text("neither")
    arguments = [DEMO, f"source={tmp_path / name}", f"out={tmp_path / 'x' / 'out'}"]
    ended = cli("predict", *arguments, status=2)
    error = ended.err.strip().splitlines()
    assert error[-1].startswith(f"error: {tmp_path / name}: ")
    assert not (tmp_path / "x").exists()


def test_where_all_fail_the_status_is_2(cli, tmp_path):
    for name in ("a.jpg", "b.mp4", "c.heic"):
        (tmp_path / name).write_text("neither")
    arguments = [DEMO, f"source={tmp_path}", f"out={tmp_path / 'out'}"]
    ended = cli("predict", *arguments, status=2)
    printed, error = ended.out, ended.err
    assert printed.count("failed: ") == 3
    assert error.strip().splitlines()[-1].startswith("error: all 3 inputs failed")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["/dev/null", "{file}", "{file}/x", "/proc/x"])
def test_where_nothing_can_be_written_no_network_is_loaded(out, photos, monkeypatch, tmp_path, cli):
    (tmp_path / "file").write_text("precious")
    monkeypatch.setattr(predict_settings, "predictor_of", pytest.fail)
    folder = out.format(file=tmp_path / "file")
    ended = cli("predict", DEMO, f"source={photos}", f"out={folder}", status=2)
    assert ended.err.count("\n") == 1
    assert (tmp_path / "file").read_text() == "precious"


def test_a_cache_that_cannot_be_written_to_is_one_line(photos, monkeypatch, tmp_path, cli):
    monkeypatch.setenv("FIDIP_CACHE", "/dev/null")
    arguments = [DEMO, f"source={photos}", f"out={tmp_path / 'out'}", "runtime=onnx"]
    ended = cli("predict", *arguments, status=2)
    error = ended.err.strip().splitlines()
    assert error[-1].startswith("error: cache /dev/null (FIDIP_CACHE): ")
    assert "FIDIP_CACHE" in error[-1]
    assert not (tmp_path / "out").exists()


def test_weights_that_give_nan_are_an_error_and_never_a_table(photos, monkeypatch, tmp_path, cli):
    codec = fidip.load_predictor("bundled:movenet-lightning").codec
    shape = codec.map_shape(len(COCO17))

    def maps(crops):
        return torch.full((len(crops), *shape), torch.nan)

    monkeypatch.setattr(predict_settings, "predictor_of", lambda *_: Predictor(maps, codec))
    ended = cli("predict", DEMO, f"source={photos}", f"out={tmp_path / 'out'}", status=2)
    assert "NaN or infinite" in ended.err.strip().splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_people_in_labelled_boxes_are_predicted(tiny_root, cli, tmp_path):
    images = tiny_root / "images" / "validate_infant"
    truth = tiny_root / "annotations" / "person_keypoints_validate_infant.json"
    arguments = [f"source={images}", f"boxes={truth}", f"out={tmp_path}", "save=[coco]"]
    cli("predict", *arguments)
    people = json.loads(truth.read_text())["annotations"]
    assert len(json.loads((tmp_path / "keypoints.json").read_text())) == len(people)
    assert not (tmp_path / "overlays").exists()


def test_boxes_of_images_that_are_not_predicted_are_left_out(tiny_root, cli, tmp_path):
    truth = json.loads(
        (tiny_root / "annotations" / "person_keypoints_validate_infant.json").read_text()
    )
    image = truth["images"][2]
    photo = tmp_path / "x" / "y" / image["file_name"]
    photo.parent.mkdir(parents=True)
    shutil.copy(tiny_root / "images" / "validate_infant" / photo.name, photo)
    image["file_name"] = f"y/{photo.name}"
    (tmp_path / "boxes.json").write_text(json.dumps(truth))
    arguments = [f"source={photo}", f"boxes={tmp_path / 'boxes.json'}", "save=[coco]"]
    cli("predict", *arguments, f"out={tmp_path / 'out'}")
    people = [each for each in truth["annotations"] if each["image_id"] == image["id"]]
    assert len(json.loads((tmp_path / "out" / "keypoints.json").read_text())) == len(people)


def test_a_video_becomes_a_table_and_a_video(cli, tmp_path):
    times = (0.0, 0.05, 0.2)
    video = make_video(tmp_path / "v.mp4", times)
    cli("predict", DEMO, f"source={video}", f"out={tmp_path / 'out'}", "lost=0")
    rows = read_csv(tmp_path / "out" / "v.csv")
    assert sorted({float(row["time_s"]) for row in rows}) == pytest.approx(times)
    assert len(rows) == 3 * len(COCO17)
    assert len(json.loads((tmp_path / "out" / "v.json").read_text())) == 3
    assert (tmp_path / "out" / "v.overlay.mp4").stat().st_size > 0


def test_frames_without_the_infant_stay_as_empty_rows(cli, tmp_path):
    video = make_video(tmp_path / "v.mp4")
    cli("predict", DEMO, f"source={video}", f"out={tmp_path}", "lost=1", "save=[csv,coco]")
    assert {row["x"] for row in read_csv(tmp_path / "v.csv")} == {""}
    assert json.loads((tmp_path / "v.json").read_text()) == []


def test_a_video_is_smoothed_by_default(cli, tmp_path):
    """Raw rows are the tracker's output; smoothed ones jitter less, in table and overlay."""
    video = make_video(tmp_path / "v.mp4", [i / 25 for i in range(12)])
    predictor = fidip.load_predictor("bundled:movenet-lightning", flip_test=False)
    tracker = SinglePersonTracker(predictor, lost=0, rotations=(0,))
    found = np.concatenate([tracker(frame.image).xy for frame in Video(video)])
    xy = {}
    for name in ("none", "kalman"):
        out = tmp_path / name
        arguments = [*UPRIGHT, f"source={video}", f"out={out}", "lost=0"]
        cli("predict", *arguments, f"smoothing={name}")
        rows = [(float(row["x"]), float(row["y"])) for row in read_csv(out / "v.csv")]
        xy[name] = np.reshape(rows, (12, 17, 2))
        assert Video(out / "v.overlay.mp4").count == 12
    np.testing.assert_allclose(xy["none"], found, atol=1e-3)
    tremble = {name: np.abs(np.diff(xy[name], 2, axis=0)).mean() for name in xy}
    assert tremble["kalman"] < tremble["none"] / 3


def test_a_single_photograph_prints_its_confidences(photos, cli, tmp_path):
    photo = next(p for p in sorted(photos.iterdir()) if p.name != "broken.jpg")
    ended = cli("predict", DEMO, f"source={photo}", f"out={tmp_path}")
    assert "  nose: 0." in ended.out


def test_the_object_does_in_three_lines_what_the_command_does(photos, cli, tmp_path):
    photo = next(p for p in sorted(photos.iterdir()) if p.name != "broken.jpg")
    cli("predict", DEMO, f"source={photo}", f"out={tmp_path}")
    predictor = fidip.load_predictor("bundled:movenet-lightning")
    poses = predictor(cv2.imread(str(photo), cv2.IMREAD_COLOR_RGB))
    rows = read_csv(tmp_path / "keypoints.csv")
    np.testing.assert_allclose(poses.xy[0, :, 0], [float(r["x"]) for r in rows], atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "source is not set"),
        (("source=nowhere.mp4",), "no such file"),
        (("source=x.mp4", "smoothing=wavelets"), "no smoothing 'wavelets'; there are hampel"),
        (("source={photos}", "detector=onnx"), "detector.path is not set"),
        (("source={photos}", "person=baby"), "person=baby: expected one of infant or surest"),
        (("source={photos}", "save=[gif]"), "expected one of overlay, coco, csv"),
        (("source={photos}", "ckpt=nowhere.ckpt"), "nowhere.ckpt: there is no such file"),
    ],
)
def test_mistakes_are_one_line(arguments, words, photos, cli, tmp_path):
    given = [a.format(photos=photos) for a in arguments]
    ended = cli("predict", *given, f"out={tmp_path / 'out'}", status=2)
    error = ended.err.strip().splitlines()
    assert words in error[-1]
    assert error[-1].startswith("error: ")


@pytest.mark.slow
@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupted_video_keeps_what_was_found(cli, tmp_path):
    video = make_video(tmp_path / "v.mp4", [i / 25 for i in range(1500)], wh=(320, 240))
    out = tmp_path / "out"
    part = out / ".v.overlay.mp4.part"
    interrupt_at_work(part)  # the first search has ended, the last frame is far
    arguments = [*UPRIGHT, f"source={video}", f"out={out}", "lost=0"]
    printed = cli("predict", *arguments, status=130)
    frames = len(read_csv(out / "v.csv")) // len(COCO17)
    assert 0 < frames < 1500
    line = f"interrupted: kept the first {frames} frames of v.mp4: {out}"
    assert printed.err.strip().splitlines()[-1] == line
    assert (out / "v.overlay.mp4").exists()
    assert not part.exists()
