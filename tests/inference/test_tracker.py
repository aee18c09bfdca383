"""When the tracker searches and what it remembers, tested with a scripted predictor."""

import numpy as np
import pytest

from fidip.core.poses import Poses
from fidip.inference import SinglePersonTracker
from fidip.inference.person_selection import anyone
from fidip.inference.tracker import REST as PAUSE
from tests.inference.smoothing.made_tracks import REST

IMAGE = np.zeros((600, 900, 3), np.uint8)
HERE, AWAY = np.array([0.0, 100.0]), np.array([600.0, 100.0])
"""Two places of a person in the image, far from each other."""


class ScriptedPredictor:
    """In each window the person whose centre is nearest; ``people`` are (position, confidence)."""

    aspect_ratio = 0.75

    def __init__(self):
        self.people = []
        self.windows = []
        self.size = 1.0
        self.search_quality = 1.0

    def __call__(self, image, windows):
        assert image is IMAGE
        self.windows.append(windows)
        poses = []
        for window in windows:
            place, confidence = min(
                self.people, key=lambda p: np.linalg.norm(p[0] + REST.mean(0) - window.center)
            )
            if len(self.windows) > 1:
                confidence *= self.search_quality
            wh = np.array([window.width, window.width / self.aspect_ratio])
            poses.append(
                Poses.of_keypoints(
                    self.size * (REST[None] - REST.mean(0)) + REST.mean(0) + place,
                    np.full((1, 17), confidence, np.float32),
                    boxes_xywh=np.array([[*window.center - (wh - 1) / 2, *wh]]),
                )
            )
        return Poses.concatenate(poses)


class Film:
    """A tracker that is shown one image after another."""

    def __init__(self, **settings):
        self.predictor = ScriptedPredictor()
        self.tracker = SinglePersonTracker(self.predictor, **{"prefer": anyone, **settings})

    def show(self, *people):
        """Return the pose, and whether the image was searched: in more windows than one."""
        self.predictor.people, self.predictor.windows = people, []
        pose = self.tracker(IMAGE)
        return pose, len(self.predictor.windows) > 1 or len(self.predictor.windows[0]) > 1

    def searched(self, confidences):
        """The numbers of the images that are searched, with one person who stays in place."""
        return [n for n, c in enumerate(confidences) if self.show((HERE, c))[1]]

    @property
    def window(self):
        """The window in which the person was tracked in the last image."""
        (window,) = self.predictor.windows[0]
        return window


def place_of(pose):
    return (pose.xy[0] - REST).mean(axis=0).tolist()


def test_a_person_who_is_found_is_tracked_without_a_search():
    assert Film().searched([0.9] * 60) == [0]


@pytest.mark.parametrize(("confidence", "expected"), [(0.81, [0]), (0.78, [0, 1])])
def test_less_than_four_fifths_of_the_usual_confidence_is_doubted(confidence, expected):
    assert Film().searched([1.0, confidence]) == expected


def test_the_usual_confidence_decays_by_a_hundredth_a_frame():
    """0.7 is doubted while 0.99^n is above 0.7 / 0.8, which is to the 13th frame."""
    for frames, expected in ((12, [0, 13]), (14, [0])):
        assert Film().searched([1.0] + [0.81] * frames + [0.7]) == expected


def test_a_doubtful_person_is_searched_for_at_most_every_eleven_frames():
    """Until the usual confidence has decayed to 0.5 / 0.8, at the 47th frame."""
    assert PAUSE == 10
    assert Film().searched([1.0] + [0.5] * 70) == [0, 1, 12, 23, 34, 45]


def test_searches_for_a_preferred_person_double_their_interval():
    film = Film(prefer=lambda poses: np.full(len(poses), 0.4))
    assert film.searched([0.9] * 160) == [0, 1, 12, 33, 74, 155]


@pytest.mark.parametrize(("weight", "expected"), [(0.49, [0, 1]), (0.5, [0])])
def test_half_of_the_preference_is_enough(weight, expected):
    film = Film(prefer=lambda poses: np.full(len(poses), weight))
    assert film.searched([0.9] * 5) == expected


def test_the_preference_of_the_tracked_person_is_a_running_mean():
    """0.95^14 is the first below a half; the next frame is searched."""
    film, weights = Film(prefer=lambda poses: np.full(len(poses), weights[0])), [1.0]
    assert film.searched([0.9]) == [0]
    weights[0] = 0.0
    assert film.searched([0.9] * 20) == [14]


def test_every_frame_is_searched_from_the_first_lost_one_until_the_person_is_found():
    confidences = [0.9] * 3 + [0.1] * 4 + [0.9] * 4
    assert Film().searched(confidences) == [0, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("lost", "expected"), [(0.2, [0, 3, 4, 5]), (0.15, [0])])
def test_below_the_threshold_a_person_is_lost_however_usual_that_is(lost, expected):
    confidences = [0.21] * 3 + [0.19] * 3
    assert Film(lost=lost).searched(confidences) == expected


def test_while_no_person_is_found_the_last_pose_is_remembered():
    """Of two people as confident, the one who is where the tracked person was lost."""
    film = Film()
    film.show((HERE, 0.9))
    for _ in range(3):
        film.show((AWAY, 0.1))
    pose, is_searched = film.show((AWAY, 0.9), (HERE, 0.8))
    assert is_searched
    assert place_of(pose) == pytest.approx(HERE)


def test_a_stranger_needs_twice_the_confidence():
    for confidence, expected in ((0.44, AWAY), (0.46, HERE)):
        film = Film(lost=0.6)
        film.show((HERE, 0.9))
        film.show((HERE, 0.55))
        pose, _ = film.show((AWAY, 0.75), (HERE, confidence))
        # Candidates below 0.6 of the highest confidence are discarded.
        assert place_of(pose) == pytest.approx(expected)


def test_a_pose_elsewhere_is_searched_for_and_then_returned_but_not_remembered():
    film = Film()
    film.show((HERE, 0.9))
    _, is_searched = film.show((AWAY, 0.9))
    assert is_searched
    assert film.show((AWAY, 0.9))[1] is False
    before = film.window
    pose, is_searched = film.show((HERE, 0.9))  # within the pause
    assert not is_searched
    assert place_of(pose) == pytest.approx(HERE)
    film.show((AWAY, 0.9))
    assert film.window.center.tolist() == pytest.approx(before.center.tolist())


def test_the_window_moves_with_half_of_the_last_motion():
    film = Film()
    for step in range(3):
        film.show((HERE + np.array([8 * step, 0]), 0.9))
    still = film.window.center
    film.show((HERE + np.array([24, 0]), 0.9))
    np.testing.assert_allclose(film.window.center - still, [8, 0], atol=1e-6)
    film.show((HERE + np.array([24, 0]), 0.9))
    np.testing.assert_allclose(film.window.center - still, [16, 0], atol=1e-6)
    film.show((HERE + np.array([24, 0]), 0.9))
    np.testing.assert_allclose(film.window.center - still, [12, 0], atol=1e-6)


def test_a_search_that_is_spread_takes_one_rotation_an_image():
    film, turns = Film(spread=True), []
    for _ in range(6):
        film.show((HERE, 0.9))
        search = max(film.predictor.windows, key=len)
        turns.append({window.rotation_deg for window in search} if len(search) > 1 else set())
    assert turns == [{0}, {90}, {180}, {270}, set(), set()]


def test_a_spread_search_refines_once():
    film = Film(spread=True)
    film.show((HERE, 0.9))
    assert len(film.predictor.windows) == 2
    whole = Film()
    whole.show((HERE, 0.9))
    assert len(whole.predictor.windows) == 4


def test_a_doubtful_pose_that_no_search_betters_is_returned():
    film = Film()
    film.show((HERE, 0.9))
    film.predictor.search_quality = 0.5
    pose, is_searched = film.show((HERE, 0.6))
    assert is_searched
    assert pose.confidence[0] == pytest.approx(0.6)


def test_the_window_shrinks_by_at_most_a_fiftieth():
    film = Film()
    for _ in range(100):  # until the window is as wide as the person needs
        film.show((HERE, 0.9))
    width = film.window.width
    film.predictor.size = 0.8
    widths = []
    for _ in range(4):
        film.show((HERE, 0.9))
        widths.append(film.window.width / width)
    np.testing.assert_allclose(widths, [1, 0.98, 0.98**2, 0.98**3])


def test_the_window_stays_in_the_image():
    film = Film()
    for step in range(40):
        film.show((HERE + np.array([0, 20 * step]), 0.9))
    assert film.window.center[1] == IMAGE.shape[0] - 1


def test_a_person_who_is_found_again_starts_at_rest():
    film = Film()
    for step in range(3):
        film.show((HERE + np.array([8 * step, 0]), 0.9))
    film.show((HERE + np.array([24, 0]), 0.1))
    film.show((HERE + np.array([32, 0]), 0.9))
    film.show((HERE + np.array([32, 0]), 0.9))
    center = film.window.center
    film.show((HERE + np.array([32, 0]), 0.9))
    np.testing.assert_allclose(film.window.center, center, atol=1e-6)


def test_at_the_threshold_a_person_is_not_lost():
    assert Film(lost=0.25).searched([0.25] * 4) == [0]
