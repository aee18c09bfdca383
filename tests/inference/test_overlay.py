"""What overlays show, and what they hide."""

import numpy as np
import pytest

from fidip.core.poses import Poses
from fidip.core.track import Track
from fidip.inference.overlay import Overlay, blur_face
from fidip.inference.timeline import median_speed, write_timeline


def noise():
    return np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)


def person():
    """A body 120 px tall whose face is a small cluster at its top."""
    xy = np.full((17, 2), 100.0)
    xy[:5] = [(100, 50), (103, 47), (97, 47), (105, 50), (95, 50)]
    xy[5:, 1] = np.linspace(70, 170, 12)
    return xy


def detail(image):
    """Mean difference of neighbouring pixels."""
    return np.abs(np.diff(image.astype(int), axis=1)).mean()


def test_a_blurred_face_has_no_detail_and_the_rest_is_as_it_was():
    image = noise()
    out = image.copy()
    blur_face(out, person())
    assert detail(out[42:58, 92:108]) < detail(image[42:58, 92:108]) / 5
    np.testing.assert_array_equal(out[90:], image[90:])


@pytest.mark.parametrize("at", [(0, 0), (199, 100), (-300, 50)])
def test_a_face_at_or_outside_the_border_can_be_blurred(at):
    blur_face(noise(), person() - person()[0] + at)


def pose(xy, scores):
    return Poses.of_keypoints(xy[None], scores[None])


def test_without_a_face_nothing_is_blurred():
    xy = person()
    xy[:5] = np.nan
    out = noise()
    blur_face(out, xy)
    np.testing.assert_array_equal(out, noise())


def test_on_black_nothing_of_the_picture_is_left():
    scores = np.zeros(17, np.float32)
    out = Overlay(on_black=True)(noise(), pose(person(), scores))
    assert not out[:150].any()  # no joint is sure enough; the legend is below


def test_keypoints_far_outside_are_no_error():
    scores = np.ones(17, np.float32)
    for far in (1e12, -1e12):
        Overlay(ghosts=1)(
            noise(), pose(person() + far, scores), past=[pose(person() + far, scores)]
        )


def test_ghosts_are_drawn_where_the_body_was():
    image, scores = np.zeros((200, 200, 3), np.uint8), np.ones(17, np.float32)
    before = [pose(person() - [60, 0], scores), pose(person() - [80, 0], scores)]
    plain = Overlay()(image, pose(person(), scores), past=before)
    ghost = Overlay(ghosts=1)(image, pose(person(), scores), past=before)
    changed = (plain != ghost).any(axis=(0, 2))
    assert changed[15:30].any()
    assert not changed[35:60].any()  # the older one is too old


def test_the_picture_that_is_given_stays():
    image = noise()
    Overlay(blur_face=True, ghosts=2)(image, pose(person(), np.ones(17, np.float32)))
    np.testing.assert_array_equal(image, noise())


def track():
    """A body that moves 2 px a frame at uneven times, unknown in the third of five frames."""
    times = np.array([0.0, 0.1, 0.3, 0.4, 0.5])
    xy = person() + 2.0 * np.arange(5)[:, None, None] * [1, 0]
    xy[2] = np.nan
    scores = np.ones((5, 17), np.float32)
    scores[2] = 0
    return Track(times, xy, scores, np.ones((5, 4)), (200, 200))


def test_speed_is_in_px_a_second_and_unknown_beside_gaps():
    np.testing.assert_allclose(median_speed(track()), [20, np.nan, np.nan, 20])


def test_a_timeline_is_drawn(tmp_path):
    write_timeline(track(), tmp_path / "a" / "t.png")
    assert (tmp_path / "a" / "t.png").read_bytes().startswith(b"\x89PNG")


def test_the_caption_has_the_speed_of_the_video_and_optionally_of_processing():
    assert Overlay().caption(0.5, 25.0, 3.2) == "0.50 s  25 fps"
    assert Overlay().caption(0.0, 0.0, 3.2) == "0.00 s"  # a single frame has no speed
    assert Overlay(fps=True).caption(0.5, 25.0, 3.2) == "0.50 s  25 fps  processed 3 fps"


@pytest.mark.parametrize("wh", [(1, 1), (2, 2), (16, 16), (400, 16), (16, 400), (40, 30)])
def test_small_pictures_are_drawn_without_a_legend_that_does_not_fit(wh):
    image = np.zeros((wh[1], wh[0], 3), np.uint8)
    drawn = Overlay(blur_face=True, ghosts=1)(
        image, pose(person(), np.ones(17, np.float32)), "text"
    )
    assert drawn.shape == image.shape
