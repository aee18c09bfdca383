"""``fidip adapt``: from labelled frames of videos to a network, with a learning curve."""

import json
import shutil

import cv2
import pytest

from fidip.cli.prediction_inputs import SOME_FAILED
from fidip.inference import Video
from tests.data.made_clips import write_made_clips

SMALL = (
    *("codec.input_wh=[64,64]", "codec.heatmap_wh=[16,16]", "data.batch_size=6"),
    *("data.num_workers=0", "ckpt=bundled:movenet-lightning", "lost=0", "rate=100"),
    *("updates=1", "counts=[8]", "unlabelled=6"),
)
CLIPS, FRAMES = 3, 6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Clips of three infants, and labels of all of their frames."""
    root = tmp_path_factory.mktemp("adapt")
    write_made_clips(root, {"clips": CLIPS}, FRAMES)
    content = json.loads((root / "annotations" / "person_keypoints_clips.json").read_text())
    (root / "frames").mkdir()
    for image in content["images"]:
        frames = list(Video(root / "videos" / "clips" / image["file_name"]))
        image["file_name"] = f"frames/{image['video_id']}_{image['frame_index']}.png"
        pixels = frames[image["frame_index"]].image
        cv2.imwrite(str(root / image["file_name"]), pixels[..., ::-1])
    (root / "labels.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy of the clips that a test may change."""
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(made, tmp_path / "made")


def words(folder, *more):
    places = (f"source={folder}/videos", f"labels={folder}/labels.json", f"out={folder}/out")
    return (*SMALL, *places, *more)


def test_a_command_from_videos_and_labels_to_a_network(folder, cli):
    (folder / "videos" / "clips" / "broken.mp4").write_bytes(b"no video")
    printed = cli("adapt", *words(folder), status=SOME_FAILED).out
    assert "broken.mp4: cannot be opened as a video" in printed
    out = folder / "out"
    print(printed)
    assert (out / "report.html").is_file()
