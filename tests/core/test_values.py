"""Values refuse wrong shapes where they are made, and predicted people know what is unknown."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from fidip.core.people import Annotation
from fidip.core.poses import Poses
from fidip.core.samples import Batch, Sample

POSES = {
    "xy": np.zeros((3, 17, 2)),
    "scores": np.ones((3, 17), np.float32),
    "image_ids": np.arange(3),
    "boxes_xywh": np.ones((3, 4)),
    "box_scores": np.ones(3),
    "index": np.arange(3),
    "times": np.arange(3) / 25,
    "image_names": np.array(["a", "b", "c"], dtype=object),
}
ANNOTATION = {
    "id": 1,
    "image_id": 1,
    "image_path": Path("a.jpg"),
    "image_wh": (64, 48),
    "box_xywh": np.ones(4),
    "area": 1.0,
    "keypoints": np.zeros((17, 3)),
}
SAMPLE = {
    "crop": np.zeros((8, 6, 3), np.uint8),
    "joints_crop": np.zeros((17, 2), np.float32),
    "labelled": np.ones(17, np.float32),
    "is_synthetic": 0.0,
    "crop_to_image": np.zeros((2, 3)),
    "image_id": 1,
    "box_xywh": np.ones(4),
    "box_score": 1.0,
    "index": 0,
}
BATCH = {
    "crops": torch.zeros(2, 3, 8, 6),
    "joints_crop": torch.zeros(2, 17, 2),
    "labelled": torch.ones(2, 17),
    "is_synthetic": torch.zeros(2),
    "crop_to_image": torch.zeros(2, 2, 3),
    "image_ids": torch.zeros(2),
    "boxes_xywh": torch.zeros(2, 4),
    "box_scores": torch.ones(2),
    "index": torch.zeros(2),
    "is_replayed": torch.zeros(2, dtype=torch.bool),
    "is_unlabelled": torch.zeros(2, dtype=torch.bool),
}
ARRAYS = [
    pytest.param(kind, values, name, id=f"{kind.__name__}.{name}")
    for kind, values in ((Poses, POSES), (Annotation, ANNOTATION), (Sample, SAMPLE), (Batch, BATCH))
    for name in values
    if hasattr(values[name], "shape")
]


def with_an_axis_too_many(values, name):
    axes = 2 if name in ("crop", "crops") else 1  # one more are the frames of a window
    return {**values, name: values[name][(None,) * axes]}


@pytest.mark.parametrize(("kind", "values", "name"), ARRAYS)
def test_an_array_with_an_axis_too_many_is_refused(kind, values, name):
    kind(**values)
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.{name} has shape"):
        kind(**with_an_axis_too_many(values, name))


@pytest.mark.parametrize("name", sorted(POSES))
def test_poses_of_other_lengths_are_refused(name):
    with pytest.raises(ValueError, match=r"Poses\.\w+ has shape"):
        Poses(**{**POSES, name: POSES[name][:2]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("xy", np.zeros((3, 17, 3))),
        ("scores", np.ones((3, 16), np.float32)),
        ("boxes_xywh", np.ones((3, 5))),
    ],
)
def test_poses_of_other_widths_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"Poses\.{name} has shape"):
        Poses(**{**POSES, name: value})


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_keypoint_with_one_unknown_coordinate_is_unknown(axis, value):
    xy = np.zeros((3, 17, 2))
    xy[1, 4, axis] = value
    known = Poses(**{**POSES, "xy": xy}).known
    assert not known[1, 4]
    assert known.sum() == 3 * 17 - 1


def test_times_have_microseconds():
    times = np.array([0.0, 1 / 3, 2 / 3])
    labels = Poses(**{**POSES, "times": times}).row_labels()
    assert labels["time_s"].tolist() == [0.0, 0.333333, 0.666667]
    assert labels["frame"].tolist() == [0, 1, 2]


def test_people_of_a_photograph_are_numbered_from_0():
    poses = Poses(**{**POSES, "times": None, "image_ids": np.array([7, 3, 7])})
    assert poses.row_labels()["person"].tolist() == [0, 0, 1]
    assert poses.row_labels()["file_name"].tolist() == ["a", "b", "c"]


def test_coordinates_are_rounded_as_they_are_written():
    xy = np.full((3, 17, 2), 1 / 3)
    poses = Poses(**{**POSES, "xy": xy})
    assert (poses.rounded().xy == 0.3333).all()
    assert (poses.rounded(1).xy == 0.3).all()


SHAPES = {
    (Poses, "xy"): "('N', 'K', 2)",
    (Poses, "scores"): "(3, 17)",
    (Poses, "boxes_xywh"): "(3, 4)",
    (Annotation, "box_xywh"): "(4,)",
    (Annotation, "keypoints"): "('K', 3)",
    (Sample, "crop"): "(1, 'H', 'W', 3)",
    (Sample, "joints_crop"): "('K', 2)",
    (Sample, "labelled"): "('K',)",
    (Sample, "crop_to_image"): "(2, 3)",
    (Batch, "crops"): "('B', 2, 3, 'H', 'W')",
    (Batch, "joints_crop"): "(2, 'K', 2)",
    (Batch, "labelled"): "(2, 'K')",
    (Batch, "crop_to_image"): "(2, 2, 3)",
}


@pytest.mark.parametrize(("kind", "values", "name"), ARRAYS)
def test_the_message_names_the_expected_shape(kind, values, name):
    count = len(values["crops"]) if kind is Batch else 3
    expected = SHAPES.get((kind, name), f"({count},)")
    if (kind, name) in ((Sample, "box_xywh"), (Batch, "boxes_xywh")):
        expected = "(4,)" if kind is Sample else "(2, 4)"
    with pytest.raises(ValueError, match=f"expected {re.escape(expected)}$"):
        kind(**with_an_axis_too_many(values, name))


@pytest.mark.parametrize("mask", ["is_replayed", "is_unlabelled"])
def test_the_default_mask_is_on_the_device_of_the_crops(mask):
    values = {name: value for name, value in BATCH.items() if name != mask}
    batch = Batch(**{**values, "crops": BATCH["crops"].to("meta")})
    assert getattr(batch, mask).device.type == "meta"
    assert getattr(batch, mask).dtype == torch.bool
    assert not getattr(Batch(**values), mask).any()


def test_bookkeeping_stays_on_the_cpu():
    moved = Batch(**BATCH).to("meta")
    on_meta = {name for name in BATCH if getattr(moved, name).device.type == "meta"}
    masks = {"is_replayed", "is_unlabelled"}
    assert on_meta == {"crops", "joints_crop", "labelled", "is_synthetic", *masks}


class Pinnable(torch.Tensor):
    """Tensor that can be pinned without a GPU."""

    def pin_memory(self):
        return self.as_subclass(torch.Tensor) + 1


def test_every_field_of_a_batch_is_pinned():
    values = {name: value.float().as_subclass(Pinnable) for name, value in BATCH.items()}
    pinned = Batch(**values).pin_memory()
    for name, value in BATCH.items():
        assert torch.equal(getattr(pinned, name), value.float() + 1)
