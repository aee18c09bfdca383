"""ClipSet: what the file shows when, and what its labels say."""

import json
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from fidip.core.errors import ConfigError
from fidip.data import read_annotations
from fidip.synth import Appearance, RenderSettings
from fidip.synth.body.body_model import default_body
from fidip.synth.dataset.clip_set import TIME_BASE, ClipSet, frame_ticks
from fidip.synth.dataset.clip_writer import write_clips
from fidip.synth.dataset.contact_sheet import clip_contact_sheet
from fidip.synth.scene.clip import draw_scene

KIND = ClipSet("infant", "clean", ("supine",), 1, 1.0, 12)
SIZE = (96, 80)


def write(root, kinds, workers=1):
    settings = RenderSettings({"clean": Appearance()}, SIZE, 5, workers)
    file = write_clips(root, "clips", kinds, settings)
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    return root, write(root, [KIND, replace(KIND, variable=True)])


@pytest.mark.parametrize("number", [0, 1])
def test_the_file_shows_every_frame_at_its_time(written, number):
    root, content = written
    video = content["videos"][number]
    labelled = [i for i in content["images"] if i["video_id"] == video["id"]]
    with av.open(str(root / "videos/clips" / video["file_name"])) as file:
        assert file.streams.video[0].codec_context.name == "h264"
        shown = [frame.pts * frame.time_base for frame in file.decode(video=0)]
    assert shown == [Fraction(i["pts"]) * TIME_BASE for i in labelled]
    assert [i["frame_index"] for i in labelled] == list(range(12))
    assert [i["time"] for i in labelled] == [float(t) for t in shown]
    steps = np.diff([i["time"] for i in labelled])
    assert (steps.std() > 0.005) == video["variable_frame_rate"]


def test_labels_are_read_as_frames_of_videos(written):
    root, content = written
    file = root / "annotations/person_keypoints_clips.json"
    images = read_annotations(file, root / "images/clips").people.images
    assert [i.video for i in images] == ["clip0001.mp4"] * 12 + ["clip0002.mp4"] * 12
    assert [i.frame for i in images] == [i["frame_index"] for i in content["images"]]
    assert all(i.is_in_video for i in images)


def test_projected_joints_are_the_keypoints(written):
    """By the pinhole formula from the 3D joints and the camera's numbers alone."""
    _, content = written
    assert len({i["id"] for i in content["images"]}) == len(content["annotations"]) == 24
    videos = {v["id"]: v for v in content["videos"]}
    of_image = {i["id"]: videos[i["video_id"]] for i in content["images"]}
    for annotation in content["annotations"]:
        camera = of_image[annotation["image_id"]]["camera"]
        x, y, z = np.array(annotation["keypoints_3d"]).reshape(17, 3).T
        u = camera["focal_px"] * x / z + camera["center_px"][0]
        v = camera["focal_px"] * y / z + camera["center_px"][1]
        labelled = np.array(annotation["keypoints"]).reshape(17, 3)
        inside = labelled[:, 2] > 0
        assert inside.sum() >= 15
        np.testing.assert_allclose(labelled[inside, 0], u[inside], atol=0.02)
        np.testing.assert_allclose(labelled[inside, 1], v[inside], atol=0.02)


def test_the_camera_and_the_light_stand_still(written):
    """The corner of the picture, away from the person, is the same in every frame."""
    appearance = Appearance(exposure=0.5, tint=0.2)
    scene = draw_scene(default_body(), "supine", appearance, SIZE, 2, 2.0)
    images = [f.picture.image[:4, :4] for f in scene.frames(default_body(), np.array([0.0, 1.0]))]
    np.testing.assert_array_equal(*images)


def test_bones_keep_their_length():
    """Upper arm, thigh and shin in the 3D labels; skinning moves joints slightly."""
    body = default_body()
    scene = draw_scene(body, "supine", Appearance(), SIZE, 4, 5.0)
    joints = np.array([f.joints for f in scene.frames(body, np.arange(0, 5, 0.5))])
    for a, b in [(5, 7), (6, 8), (11, 13), (12, 14), (13, 15), (14, 16)]:
        length = np.linalg.norm(joints[:, a] - joints[:, b], axis=1)
        assert length.std() < 0.1 * length.mean()


def test_frame_rates_show_the_same_movement():
    body = default_body()
    scene = draw_scene(body, "supine", Appearance(), SIZE, 4, 5.0)
    (alone,) = scene.frames(body, np.array([1.5]))
    *_, last = scene.frames(body, np.array([0.2, 1.5]))
    np.testing.assert_array_equal(alone.joints, last.joints)


def test_workers_do_not_matter(written, tmp_path):
    root, content = written
    assert write(tmp_path, [KIND, replace(KIND, variable=True)], workers=2) == content
    for video in content["videos"]:
        name = f"videos/clips/{video['file_name']}"
        (pixels, times), (expected, expected_times) = decoded(tmp_path / name), decoded(root / name)
        assert times == expected_times
        assert np.abs(pixels - expected).mean() < 1  # of 255; neighbouring frames differ by 1.9


def decoded(path):
    """Frames (N, H, W, 3) and time stamps of a file.

    Bytes are not compared: x264 rarely encodes equal frames differently, also with one thread.
    """
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    return np.array([f.to_ndarray(format="rgb24") for f in frames], float), [f.pts for f in frames]


def test_the_contact_sheet_has_a_row_for_each_clip(written, tmp_path):
    root, _ = written
    clip_contact_sheet(root, "clips", tmp_path / "sheets/clips.jpg", columns=3)
    sheet = cv2.imread(str(tmp_path / "sheets/clips.jpg"))
    assert sheet.shape == (2 * 160, 3 * 160, 3)
    rows = sheet.reshape(2, 160, 3, 160, 3).swapaxes(1, 2)
    assert all(tile.std() > 5 for row in rows for tile in row)


def test_uneven_time_stamps_keep_the_mean_rate():
    ticks = frame_ticks(10, 30, True, 3)
    assert len(ticks) == 300
    assert (np.diff(ticks) > 0).all()
    assert 9.8 < ticks[-1] * float(TIME_BASE) < 10
    assert (np.diff(frame_ticks(10, 30, False, 3)) == 3000).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seconds": 90}, "seconds=90"), ({"fps": 0}, "fps=0"), ({"postures": ("lying",)}, "'lying'")],
)
def test_what_cannot_be_is_refused(change, named):
    with pytest.raises(ConfigError, match=named):
        replace(KIND, **change)
