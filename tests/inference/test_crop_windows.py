"""Windows that search an image and follow a person."""

from dataclasses import replace

import numpy as np
import pytest

from fidip.core.geometry import apply_affine, crop_affine
from fidip.core.skeleton import COCO17
from fidip.inference.crop_windows import (
    HIPS,
    SHOULDERS,
    box_windows,
    held_to,
    search_windows,
    window_around,
)


def person(turn_deg=0.0, center=(200.0, 150.0)):
    """(17, 2) keypoints of someone upright, 60 px tall, turned clockwise on the screen."""
    rng = np.random.default_rng(0)
    xy = np.column_stack([rng.uniform(-8, 8, 17), rng.uniform(-30, 30, 17)])
    xy[SHOULDERS], xy[HIPS] = [(-8, -15), (8, -15)], [(-6, 8), (6, 8)]
    angle = np.deg2rad(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return xy @ turn.T + center


@pytest.mark.parametrize("turn_deg", [0, 35, 90, 180, -120])
def test_a_window_stands_a_turned_person_upright(turn_deg):
    scores = np.ones(len(COCO17), np.float32)
    window = window_around(person(turn_deg), scores, aspect_ratio=1.0)
    crop = apply_affine(
        crop_affine(window.center, window.width, (96, 96), window.rotation_deg), person(turn_deg)
    )
    upright = window_around(person(), scores, aspect_ratio=1.0)
    expected = apply_affine(crop_affine(upright.center, upright.width, (96, 96)), person())
    np.testing.assert_allclose(crop, expected, atol=1e-6)
    assert crop.min() > 0
    assert crop.max() < 95


def test_an_image_is_searched_at_the_given_rotations():
    every, upright = search_windows((640, 480), 0.75), search_windows((640, 480), 0.75, (0.0,))
    assert {w.rotation_deg for w in every} == {0, 90, 180, 270}
    assert {w.rotation_deg for w in upright} == {0}
    assert len(every) == 4 * len(upright)


def test_uncertain_keypoints_far_away_do_not_widen_the_window():
    xy, scores = person(), np.ones(len(COCO17), np.float32)
    plain = window_around(xy, scores, 1.0)
    xy[9], scores[9] = (900.0, 20.0), 0.05
    assert window_around(xy, scores, 1.0).width <= plain.width


def test_a_followed_window_stays_near_the_image():
    far = window_around(person(center=(9000.0, -50.0)), np.ones(17, np.float32), 0.75)
    held = held_to(replace(far, width=1e9), (640, 480), 0.75)
    assert held.center.tolist() == [639, 0]
    assert held.width == 2 * 640
    inside = window_around(person(), np.ones(17, np.float32), 0.75)
    same = held_to(inside, (640, 480), 0.75)
    assert (same.width, same.rotation_deg) == (inside.width, inside.rotation_deg)
    assert same.center.tolist() == inside.center.tolist()


@pytest.mark.parametrize("image_wh", [(640, 480), (480, 640), (1280, 300), (50, 50)])
@pytest.mark.parametrize("aspect_ratio", [1.0, 0.75])
def test_windows_of_every_size_cover_the_image(image_wh, aspect_ratio):
    windows = search_windows(image_wh, aspect_ratio)
    grid = np.stack(np.meshgrid(*(np.linspace(0, n - 1, 25) for n in image_wh)), -1).reshape(-1, 2)
    for width in {w.width for w in windows}:
        half = np.array([width, width / aspect_ratio]) / 2
        upright = [w for w in windows if w.width == width and w.rotation_deg == 0]
        inside = [(np.abs(grid - w.center) <= half + 1e-6).all(axis=1) for w in upright]
        assert np.any(inside, axis=0).all()


@pytest.mark.parametrize("aspect_ratio", [1.0, 0.75])
@pytest.mark.parametrize("box_wh", [(40, 80), (90, 20), (30, 30)])
def test_a_window_around_a_box_is_as_small_as_the_turned_box_allows(box_wh, aspect_ratio):
    """The box's corners touch the window without its padding on one pair of sides."""
    left_top = np.array([100.0, 50.0])
    rotations = (0.0, 30.0, 90.0, 200.0)
    windows = box_windows(np.array([*left_top, *box_wh]), aspect_ratio, rotations)
    assert [window.rotation_deg for window in windows] == list(rotations)
    for window in windows:
        np.testing.assert_allclose(window.center, left_top + (np.array(box_wh) - 1) / 2)
        angle = np.deg2rad(window.rotation_deg)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        corners = np.array([(x, y) for x in (-0.5, 0.5) for y in (-0.5, 0.5)]) * box_wh @ turn.T
        half = np.array([window.width, window.width / aspect_ratio]) / 1.25 / 2
        np.testing.assert_allclose((abs(corners) / half).max(), 1)


def test_a_window_around_a_tiny_box_has_pixels():
    (window,) = box_windows(np.array([5.0, 5, 0.5, 0.5]), 1.0, (0.0,))
    assert window.width == 2.5
    assert len(box_windows(np.array([5.0, 5, 9, 9]), 1.0)) == 4


@pytest.mark.parametrize(
    ("image_wh", "aspect_ratio", "centers"),
    [
        ((100, 50), 1.0, [(30, 24.5), (49.5, 24.5), (69, 24.5)]),
        ((50, 100), 1.0, [(24.5, 30), (24.5, 49.5), (24.5, 69)]),
    ],
)
def test_small_windows_overlap_by_half(image_wh, aspect_ratio, centers):
    large, *small = search_windows(image_wh, aspect_ratio, (0.0,))
    assert (large.width, large.center.tolist()) == (
        100,
        [(image_wh[0] - 1) / 2, (image_wh[1] - 1) / 2],
    )
    assert {window.width for window in small} == {60}
    np.testing.assert_allclose([window.center for window in small], centers)
