"""Augmentation is tested by its statistics; thresholds are four standard errors wide."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from fidip.core.crop_window import CropWindow
from fidip.core.geometry import apply_affine
from fidip.core.people import Annotation
from fidip.core.skeleton import COCO17
from fidip.data.augment import Augmentation

GOLDEN = Path(__file__).parents[1] / "golden" / "a1_affine.npz"
A5 = np.load(GOLDEN.with_name("a5_flip_accuracy.npz"))
ASPECT = 288 / 384
DRAWS = 4000


def person(labelled=17):
    rng = np.random.default_rng(0)
    xy = rng.uniform([100, 100], [300, 400], (17, 2))
    visibility = np.where(np.arange(17) < labelled, 2, 0)
    keypoints = np.column_stack([xy, visibility])
    box = np.array([90.0, 90, 220, 320])
    return Annotation(1, 1, Path("a.jpg"), (640, 480), box, 1.0, keypoints)


def draw(augmentation, someone, count=DRAWS):
    rng = np.random.default_rng(0)
    return [augmentation.draw_window(someone, ASPECT, rng) for _ in range(count)]


def assert_fraction(events, expected):
    error = np.sqrt(expected * (1 - expected) / len(events))
    assert abs(np.mean(events) - expected) <= 4 * error


def test_the_upright_view_is_the_official_crop():
    golden = np.load(GOLDEN)
    for box, image_wh, input_wh, center, scale in zip(
        *(golden[k] for k in ("bbox", "image_wh", "input_wh", "center_kernel", "scale_kernel")),
        strict=True,
    ):
        wh = (int(image_wh[0]), int(image_wh[1]))
        someone = Annotation(1, 1, Path("a.jpg"), wh, box, 1.0, np.zeros((17, 3)))
        view = CropWindow.of_box(someone.box_xywh, someone.image_wh, input_wh[0] / input_wh[1])
        np.testing.assert_allclose(view.center, center, rtol=1e-5)
        np.testing.assert_allclose(view.width, 200 * scale[0], rtol=1e-5)


def test_a_mirrored_affine_is_the_mirror_image_of_the_crop():
    plain = CropWindow(np.array([200.0, 150]), 240.0, rotation_deg=30)
    mirrored = CropWindow(plain.center, plain.width, plain.rotation_deg, mirrored=True)
    point = np.array([180.0, 170, 1])
    x, y = plain.image_to_crop((288, 384)) @ point
    np.testing.assert_allclose(mirrored.image_to_crop((288, 384)) @ point, [287 - x, y])


def test_half_are_mirrored():
    assert_fraction([view.mirrored for view in draw(Augmentation(), person())], 0.5)


def test_sizes_follow_the_clipped_normal():
    someone = person(labelled=8)  # too few for half bodies
    scales = np.array([v.width for v in draw(Augmentation(), someone)])
    scales /= CropWindow.of_box(someone.box_xywh, someone.image_wh, ASPECT).width
    assert scales.min() == pytest.approx(0.65)
    assert scales.max() == pytest.approx(1.35)
    assert_fraction(scales > 1.34999, 1 - norm.cdf(1))
    assert_fraction(scales < 1.1, norm.cdf(0.1 / 0.35))


def test_rotations_follow_the_clipped_normal():
    turns = np.array([view.rotation_deg for view in draw(Augmentation(), person())])
    assert_fraction(turns == 0, 0.4)
    assert np.abs(turns).max() == 90
    assert_fraction(np.abs(turns) == 90, 0.6 * 2 * (1 - norm.cdf(2)))
    assert_fraction(turns[turns != 0] < 20, norm.cdf(20 / 45))


@pytest.mark.parametrize(("labelled", "share"), [(8, 0), (17, 0.3)])
def test_half_bodies_are_drawn_of_people_with_many_joints(labelled, share):
    someone = person(labelled)
    whole = CropWindow.of_box(someone.box_xywh, someone.image_wh, ASPECT).center
    assert_fraction([(v.center != whole).any() for v in draw(Augmentation(), someone)], share)


def test_half_bodies_are_as_often_upper_as_lower_ones():
    someone = person()
    upper = np.isin(np.arange(17), COCO17.upper_body)
    someone.keypoints[upper, 1] -= 1000
    views = draw(Augmentation(half_body_probability=1), someone)
    assert_fraction([view.center[1] < 0 for view in views], 0.5)


@pytest.mark.parametrize("stretch", [(4, 1), (1, 1), (1, 4)], ids=["wide", "square", "tall"])
def test_a_half_body_is_as_wide_as_its_joints_need(stretch):
    """1.5 times the smallest window of the crop's shape that holds the joints of one half."""
    someone = person()
    someone.keypoints[:, :2] *= stretch
    plain = Augmentation(half_body_probability=1, scale_std=0, rotation_probability=0)
    expected = set()
    for half in (COCO17.upper_body, np.setdiff1d(np.arange(17), COCO17.upper_body)):
        width, height = np.ptp(someone.keypoints[list(half), :2], axis=0) + 1
        expected.add(round(1.5 * max(width, height * ASPECT), 6))
    assert {round(view.width, 6) for view in draw(plain, someone, 50)} == expected


@pytest.mark.parametrize(("side", "has_lower"), [(0, False), (2, False), (3, True)])
def test_a_half_body_within_three_px_is_too_small_for_a_crop(side, has_lower):
    someone = person()
    lower = ~np.isin(np.arange(17), COCO17.upper_body)
    someone.keypoints[lower, :2] = [5000, 5000]
    someone.keypoints[lower.argmax(), 0] += side
    views = draw(Augmentation(half_body_probability=1, rotation_probability=0), someone, 200)
    for view in views:
        view.image_to_crop((288, 384))
    assert any(view.center[0] > 4000 for view in views) == has_lower


def test_without_appearance_the_crop_is_the_same_object():
    crop = np.zeros((4, 3, 3), np.uint8)
    assert Augmentation().recolour(crop, np.random.default_rng(0)) is crop


@pytest.mark.parametrize("case", range(len(A5["width"])))
def test_a_mirrored_view_flips_joints_as_the_official_code(case):
    width, order = int(A5["width"][case]), COCO17.flip_order
    view = CropWindow(np.array([(width - 1) / 2, 0.0]), width, mirrored=True)
    flipped = apply_affine(view.image_to_crop((width, 1)), A5["joints"][case, order, :2])
    known = A5["vis_flipped"][case, :, 0] > 0
    np.testing.assert_array_equal(A5["joints_vis"][case, order, 0] > 0, known)
    np.testing.assert_allclose(flipped[known], A5["joints_flipped"][case, known, :2], atol=1e-4)
