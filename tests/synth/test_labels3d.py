"""Labels beside the annotations: against the image's own, and against each other."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fidip.core.errors import ConfigError
from fidip.synth import ImageSet, RenderSettings, write_split
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import default_body
from fidip.synth.labels.labels3d import OCCLUDERS

APPEARANCES = {"busy": Appearance(blanket=1.0, toys=(2, 4), caregiver=0.6, fill=(0.9, 1.4))}
PARTS = [ImageSet("infant", "busy", False, 6), ImageSet("infant", "busy", False, 2)]


def write(root, more_labels):
    settings = RenderSettings(APPEARANCES, (96, 80), 1, more_labels=more_labels)
    return write_split(root, "validate_x", PARTS, settings)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """(annotation, image, arrays) of every image."""
    root = tmp_path_factory.mktemp("labels3d")
    content = json.loads(write(root, "all").read_text())
    files = [
        root / "labels3d/validate_x" / image["file_name"].replace("jpg", "npz")
        for image in content["images"]
    ]
    arrays = [dict(np.load(file, allow_pickle=False)) for file in files]
    return list(zip(content["annotations"], content["images"], arrays, strict=True))


def test_parts_of_one_split_have_numbers_of_their_own(labelled):
    assert [image["file_name"] for _, image, _ in labelled] == [f"test{i}.jpg" for i in range(8)]
    assert all(image["look"] == "busy" for _, image, _ in labelled)


def test_3d_joints_project_onto_the_keypoints(labelled):
    for annotation, _, more in labelled:
        keypoints = np.array(annotation["keypoints"]).reshape(17, 3)
        local = more["camera_rotation"] @ (more["joints_world"] - more["camera_position"]).T
        np.testing.assert_allclose(local.T, more["joints_camera"], atol=1e-9)
        image = more["camera_matrix"] @ local
        inside = keypoints[:, 2] > 0
        np.testing.assert_allclose(
            keypoints[inside, :2], (image[:2] / image[2]).T[inside], atol=1e-3
        )


def test_body_coordinates_are_the_same_joints_turned(labelled):
    for _, _, more in labelled:
        distances = [
            np.linalg.norm(more[name][:, None] - more[name], axis=-1)
            for name in ("joints_world", "joints_body")
        ]
        np.testing.assert_allclose(*distances, atol=1e-9)
        left, right = more["joints_body"][[11, 5]], more["joints_body"][[12, 6]]
        assert (left[:, 0] > right[:, 0]).all()  # x is the body's left
        assert left[1, 2] > left[0, 2]  # shoulders above hips


def test_area_and_box_are_the_masks(labelled):
    for annotation, _, more in labelled:
        encoded = coco_mask.encode(np.asfortranarray(more["mask"].astype(np.uint8)))
        assert coco_mask.area(encoded) == annotation["area"]
        np.testing.assert_array_equal(coco_mask.toBbox(encoded), annotation["bbox"])
        assert (more["mask"] | ~more["mask_visible"]).all()


def test_occluders_agree_with_the_flags_and_the_visible_mask(labelled):
    seen = set()
    for annotation, _, more in labelled:
        keypoints = np.array(annotation["keypoints"]).reshape(17, 3)
        np.testing.assert_array_equal(more["occluder"] == 0, keypoints[:, 2] == 2)
        np.testing.assert_array_equal(more["occluder"] == 4, keypoints[:, 2] == 0)
        for (x, y, _), by in zip(keypoints, more["occluder"], strict=True):
            around = more["mask_visible"][max(0, round(y) - 1) :, max(0, round(x) - 1) :][:3, :3]
            if by == OCCLUDERS.index("self"):
                assert around.any()
            if by in (OCCLUDERS.index("object"), OCCLUDERS.index("person")):
                assert not around.all()
        seen |= {OCCLUDERS[i] for i in more["occluder"]}
    assert seen >= {"nothing", "self", "object", "frame"}


def test_depth_is_that_of_seen_joints(labelled):
    """A seen joint lies a little behind the surface in front of it, at most as deep as flesh."""
    for annotation, _, more in labelled:
        keypoints = np.array(annotation["keypoints"]).reshape(17, 3)
        x, y = np.rint(keypoints[:, :2]).astype(int).T
        gap = more["joints_camera"][:, 2] - more["depth_mm"][y, x] / 1000
        assert (gap[keypoints[:, 2] == 2] < 0.08).all()


def test_posing_the_recorded_bones_gives_the_recorded_joints(labelled):
    """Shape and bone rotations give the same joints, except where the floor presses."""
    body = default_body()
    for _, _, more in labelled:
        rest, heads = body.rest("infant", more["body_shape"])
        np.testing.assert_allclose(heads, more["bone_heads"], atol=1e-9)
        posed = body.keypoints(body.pose(rest, heads, more["bone_rotations"]))
        shift = np.median(posed - more["joints_world"], axis=0)
        assert np.abs(posed - more["joints_world"] - shift).max() < 0.05
        assert np.median(np.abs(posed - more["joints_world"] - shift)) < 0.003


def test_the_annotations_are_the_same_without_them(labelled, tmp_path):
    plain = json.loads(write(tmp_path, "none").read_text())
    assert plain["annotations"] == [annotation for annotation, _, _ in labelled]
    assert "look" not in plain["images"][0]
    assert not (tmp_path / "labels3d").exists()


def test_a_word_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="more_labels=some"):
        write(tmp_path, "some")
