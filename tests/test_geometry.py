"""Boxes and affines against the official code's numbers and against their inverses."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fidip.core.geometry import (
    apply_affine,
    box_to_center_size,
    clip_box,
    crop_affine,
    half_body_box,
    invert_affine,
)
from fidip.core.skeleton import COCO17

A1 = np.load(Path(__file__).parent / "golden" / "a1_affine.npz")
CASES = range(len(A1["bbox"]))


def aspect(case):
    width, height = A1["input_wh"][case]
    return width / height


def golden_affine(case, crop_wh):
    width = 200 * float(A1["scale"][case, 0])
    return crop_affine(A1["center_raw"][case].astype(float), width, crop_wh, A1["rot"][case])


@pytest.mark.parametrize("case", CASES)
def test_boxes_are_clipped_as_by_the_official_code(case):
    box = clip_box(A1["bbox"][case], tuple(A1["image_wh"][case]))
    np.testing.assert_allclose(box, A1["clean_bbox"][case], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("box", "kind"), [("bbox", "raw"), ("clean_bbox", "kernel")])
@pytest.mark.parametrize("case", CASES)
def test_windows_are_those_of_the_official_code(case, box, kind):
    center, size_wh = box_to_center_size(A1[box][case], aspect(case))
    np.testing.assert_allclose(center, A1[f"center_{kind}"][case], rtol=1e-6)
    np.testing.assert_allclose(size_wh / 200, A1[f"scale_{kind}"][case], rtol=1e-6)


@pytest.mark.parametrize("space", ["input", "heatmap"])
@pytest.mark.parametrize("case", CASES)
def test_affines_are_those_of_the_official_code(case, space):
    affine = golden_affine(case, tuple(A1[f"{space}_wh"][case]))
    np.testing.assert_allclose(affine[:, :2], A1[f"trans_{space}"][case, :, :2], atol=1e-6)
    moved = apply_affine(affine, A1["pts"][case])
    np.testing.assert_allclose(
        moved, A1["pts_in" if space == "input" else "pts_hm"][case], atol=1e-3
    )


def test_inverse_is_that_of_the_official_code():
    affines = np.stack([golden_affine(i, tuple(A1["heatmap_wh"][i])) for i in CASES])
    np.testing.assert_allclose(
        apply_affine(invert_affine(affines), A1["pts_hm"]),
        apply_affine(A1["trans_heatmap_inv"], A1["pts_hm"]),
        atol=2e-3,
    )


def test_a_box_inside_the_image_is_not_changed():
    box = np.array([3.5, 0, 96.5, 80])
    np.testing.assert_array_equal(clip_box(box, (100, 80)), box)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([10, 20, 0, 30], [10, 20, 1, 30]),
        ([10, 20, 30, 0], [10, 20, 30, 1]),
        ([10, 20, -5, -5], [10, 20, 1, 1]),
    ],
)
def test_a_box_without_width_or_height_is_a_pixel(box, expected):
    assert clip_box(np.array(box), (100, 80)).tolist() == expected


def test_window_holds_the_box_with_its_padding():
    box = np.array([10.0, 20, 30, 80])
    for aspect_ratio in (0.75, 0.2):
        center, size_wh = box_to_center_size(box, aspect_ratio, padding=1.25)
        np.testing.assert_allclose(center, [24.5, 59.5])
        np.testing.assert_allclose(size_wh[0] / size_wh[1], aspect_ratio)
        np.testing.assert_allclose((size_wh / 1.25 - box[2:]).min(), 0, atol=1e-12)


def test_affine_is_the_similarity_that_opencv_makes():
    center, width, crop_wh, angle = np.array([210.0, 90]), 121.0, (31, 41), 25.0
    rotation = cv2.getRotationMatrix2D(tuple(center), angle, 30 / 120)
    rotation[:, 2] += [15 - 210, 20 - 90]
    np.testing.assert_allclose(crop_affine(center, width, crop_wh, angle), rotation, atol=1e-12)


def test_window_edges_map_to_crop_edges():
    affine = crop_affine(np.array([50.0, 40]), 21, (11, 11))
    corners = np.array([[40.0, 30], [60, 50], [50, 40]])
    np.testing.assert_allclose(apply_affine(affine, corners), [[0, 0], [10, 10], [5, 5]])


@pytest.mark.parametrize("width", [1, 0.5, -3, 0])
def test_a_window_of_a_pixel_is_refused(width):
    with pytest.raises(ValueError, match="wider than 1 px"):
        crop_affine(np.zeros(2), width, (10, 10))


def test_a_window_a_little_wider_than_a_pixel_is_cropped():
    affine = crop_affine(np.array([5.0, 5]), 1.5, (11, 11))
    np.testing.assert_allclose(apply_affine(affine, np.array([[5.25, 5]])), [[10, 5]])


def test_affines_come_back_through_their_inverses():
    rng = np.random.default_rng(0)
    affines = rng.normal(size=(5, 4, 2, 3))
    xy = rng.uniform(-100, 100, (5, 4, 17, 2))
    there = apply_affine(affines, xy)
    np.testing.assert_allclose(apply_affine(invert_affine(affines), there), xy, atol=1e-8)


def test_affines_broadcast_over_points():
    affine = np.array([[2.0, 0, 1], [0, 3, -1]])
    np.testing.assert_array_equal(
        apply_affine(affine, np.ones((4, 3, 2))), np.broadcast_to([3.0, 2], (4, 3, 2))
    )


def test_half_body_surrounds_its_labelled_joints():
    joints = np.arange(34, dtype=float).reshape(17, 2) ** 1.5
    labelled = np.ones(17, bool)
    labelled[[0, 16]] = False
    for upper, part in ((True, slice(1, 11)), (False, slice(11, 16))):
        center, size_wh = half_body_box(joints, labelled, COCO17.upper_body, upper, 0.75)
        np.testing.assert_allclose(center, joints[part].mean(0))
        extent = np.ptp(joints[part], axis=0) + 1
        np.testing.assert_allclose(size_wh[0], 1.5 * max(extent[0], 0.75 * extent[1]))
        np.testing.assert_allclose(size_wh[0] / size_wh[1], 0.75)


@pytest.mark.parametrize(("count", "found"), [(0, False), (1, False), (2, True)])
def test_half_body_needs_two_joints(count, found):
    labelled = np.ones(17, bool)
    labelled[11 + count :] = False
    joints = np.full((17, 2), np.arange(17.0)[:, None] * 10)
    half = half_body_box(joints, labelled, COCO17.upper_body, False, 0.75)
    assert (half is not None) == found
