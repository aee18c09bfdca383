"""Hands that open: fingers leave the palm, joints stay where they are."""

import numpy as np
import pytest

from fidip.synth.body.body_model import default_body
from fidip.synth.body.hands import HandOpening, open_hands
from fidip.synth.pose.motion import draw_motion


@pytest.mark.parametrize("group", ["infant", "adult"])
def test_fingers_leave_the_palm_as_a_hand_opens(group):
    """The tips, which are what moves most; the palm is the third of the hand next to the wrist."""
    body = default_body()
    rest, heads = body.rest(group, np.full(8, 0.7))
    hands = body.hands[group]
    wrist = heads[body.index["wrist.L"]]
    left = hands.vertices[rest[hands.vertices, 0] > 0]
    far = np.linalg.norm(hands.open[rest[hands.vertices, 0] > 0], axis=1)
    tips = left[far > 0.9 * far.max()]
    palm = np.flatnonzero(body.weight_of("wrist.L") > 0.9)
    distance = np.linalg.norm(rest[palm] - wrist, axis=1)
    palm = palm[distance < 0.33 * distance.max()]
    apart = []
    for share in np.linspace(0, 1, 6):
        opened = open_hands(body, rest, heads, HandOpening(group, left=share))
        apart.append(np.linalg.norm(opened[tips].mean(0) - opened[palm].mean(0)))
        shifted = np.linalg.norm(body.keypoints(opened) - body.keypoints(rest), axis=1)
        assert shifted.max() < 5e-4  # metres; the wrist is between skin that gives a little
        right = body.weight_of("wrist.R") > 0
        np.testing.assert_array_equal(opened[right], rest[right])
    assert (np.diff(apart) > 0).all()
    assert apart[-1] > {"infant": 1.6, "adult": 1.1}[group] * apart[0]


def test_fingers_keep_their_length():
    """Half-open hands lie on an arc between open and closed: mesh edges hardly change in length."""
    body = default_body()
    rest, heads = body.rest("infant", np.zeros(8))
    edges = body.faces[np.isin(body.faces, body.hands["infant"].vertices).all(1)][:, :2].T
    length = {}
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        opened = open_hands(body, rest, heads, HandOpening("infant", share, share))
        length[share] = np.linalg.norm(opened[edges[0]] - opened[edges[1]], axis=1).sum()
    assert max(length.values()) < 1.1 * min(length.values())


def test_hands_of_a_clip_open_slowly():
    heads = default_body().rest("infant", np.zeros(8))[1]
    motion = draw_motion(default_body(), heads, "supine", 3, widest_hands=1.0)
    hands = np.array([motion.hands(t) for t in np.arange(0, 60, 1 / 30)])
    assert hands.min() >= 0
    assert hands.max() <= 1
    assert (np.ptp(hands, axis=0) > 0.5).all()
    assert abs(np.diff(hands, axis=0)).max() < 0.1  # of the whole way in a frame
    assert draw_motion(default_body(), heads, "supine", 3).hands(4.0) == (0.0, 0.0)
