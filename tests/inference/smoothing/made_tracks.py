"""Tracks of a body that sways and kicks, and what a network would make of it."""

import numpy as np

from fidip.core.skeleton import COCO17
from fidip.inference import Track

REST = np.array(
    [(100, 40), (106, 36), (94, 36), (112, 40), (88, 40), (122, 66), (78, 66), (140, 86), (60, 86),
     (146, 112), (54, 112), (114, 122), (86, 122), (128, 150), (72, 150), (122, 182), (78, 182)],
    dtype=float,
)  # fmt: skip
LEGS = {"left": (13, 15), "right": (14, 16)}


def even(seconds=6.0, fps=30):
    return np.arange(round(seconds * fps)) / fps


def uneven(seconds=6.0, fps=30, seed=0):
    steps = np.random.default_rng(seed).uniform(0.6, 1.4, round(seconds * fps))
    return np.cumsum(steps) / fps


def movement(times, seed=0):
    """(T, 17, 2) px: joints wander, the more the farther out they are; legs kick within 0.4 s."""
    rng = np.random.default_rng(seed)
    reach = np.interp(np.linalg.norm(REST - REST.mean(0), axis=1), (0, 90), (2, 10))
    hertz = rng.uniform(0.1, 1.0, (17, 2, 4))
    phase = rng.uniform(0, 2 * np.pi, (17, 2, 4))
    waves = np.sin(2 * np.pi * hertz * times[:, None, None, None] + phase).mean(-1)
    xy = REST + 1.5 * reach[:, None] * waves
    for start in np.arange(0.8, times[-1], 1.1):
        leg = LEGS[rng.choice(["left", "right"])]
        push = np.exp(-(((times - start) / 0.1) ** 2))[:, None]
        xy[:, leg[0]] += push * rng.uniform((-12, -30), (12, -15))
        xy[:, leg[1]] += push * rng.uniform((-20, -60), (20, -40))
    return xy


def observed(times, truth, seed=0):
    """The track of a network: noise by confidence, jumps, frames without anyone, exchanged legs."""
    rng = np.random.default_rng(seed)
    scores = np.clip(0.75 + 0.15 * rng.normal(size=truth.shape[:2]), 0.1, 1.0)
    sigma = 2.5 * np.exp(3 * (0.75 - scores))
    xy = truth + sigma[..., None] * rng.normal(size=truth.shape)
    jump = rng.random(scores.shape) < 0.02
    xy[jump] += rng.normal(0, 40, (jump.sum(), 2))
    for start in rng.integers(5, len(times) - 10, 3):
        xy[start : start + 4], scores[start : start + 4] = np.nan, 0
    for start in rng.integers(5, len(times) - 10, 3):
        span = slice(start, start + 6)
        xy[span, 13:17], scores[span, 13:17] = (
            xy[span, [14, 13, 16, 15]],
            scores[span, [14, 13, 16, 15]],
        )
    return track(times, xy, scores)


def track(times, xy, scores=None):
    scores = np.full(xy.shape[:2], 0.9) if scores is None else scores
    boxes = np.full((len(times), 4), 200.0)
    known = np.isfinite(xy).all(-1)
    return Track(times, xy, (scores * known).astype(np.float32), boxes, (200, 200))


def joint(name):
    return COCO17.joints.index(name)
