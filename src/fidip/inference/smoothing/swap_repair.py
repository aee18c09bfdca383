"""Left and right limbs that the network has exchanged for a while, put back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Mask, Scores
from fidip.core.skeleton import COCO17
from fidip.core.track import Track
from fidip.inference.smoothing.chain import RunningSize, Step, known_in, usual_size

PAIRS = np.array(COCO17.flip_pairs)


@dataclass(frozen=True)
class SwapRepair:
    """Exchange the names of a left and a right joint where that lets both move less.

    For each pair of joints the cheapest sequence of "as found" and "exchanged" (Viterbi 1967):
    each px that a joint moves from frame to frame costs, and so does every second of disbelief in
    the network. So a short exchange is repaired and a long one is believed; the farther two joints
    are from each other, the longer an exchange may be: with the default up to four seconds for
    ankles one body size apart.

    Attributes:
        disbelief: cost of a second of being exchanged, in body sizes of movement.
    """

    disbelief: float = 1.0

    def __call__(self, track: Track) -> Track:
        if len(track) < 2:
            return track
        stay, switch = _movements(_last_known(track.xy[:, PAIRS]))
        size = usual_size(track.xy)
        held = self.disbelief * size * np.diff(track.times)
        swapped = _cheapest(stay, switch, held)
        order = np.tile(np.arange(len(COCO17)), (len(track), 1))
        rows = np.arange(len(track))[:, None]
        order[rows, PAIRS[:, 0]] = np.where(swapped, PAIRS[:, 1], PAIRS[:, 0])
        order[rows, PAIRS[:, 1]] = np.where(swapped, PAIRS[:, 0], PAIRS[:, 1])
        return replace(track, xy=track.xy[rows, order], scores=track.scores[rows, order])

    def online(self) -> Step:
        size, cost = RunningSize(), _start(len(PAIRS))
        last: tuple[float, Floats] | None = None

        def step(time: float, xy: Floats, scores: Scores) -> tuple[Floats, Scores]:
            nonlocal cost, last
            unit, pairs = size(xy), xy[PAIRS]
            if last is not None:
                pairs = _last_known(np.stack([last[1], pairs]))
                stay, switch = _movements(pairs)
                held = self.disbelief * unit * (time - last[0])
                cost, _ = _advance(cost, stay[0], switch[0], held)
                pairs = pairs[-1]
            last = (time, pairs)
            order = np.arange(len(COCO17))
            exchanged = PAIRS[cost[:, 1] < cost[:, 0]]
            order[exchanged] = exchanged[:, ::-1]
            return xy[order], scores[order]

        return step


def _last_known(pairs: Floats) -> Floats:
    """(T, P, 2, 2) pairs of key points; where one of the two is unknown, both as last known."""
    known = known_in(pairs).all(axis=-1)
    frames = np.where(known, np.arange(len(pairs))[:, None], 0)
    latest = np.maximum.accumulate(frames, axis=0)
    return pairs[latest, np.arange(pairs.shape[1])]


def _movements(pairs: Floats) -> tuple[Floats, Floats]:
    """(T - 1, P) px that both joints move between frames: as named, and if exchanged in one of the two."""
    before, after = pairs[:-1], pairs[1:]
    stay = np.linalg.norm(after - before, axis=-1).sum(axis=-1)
    switch = np.linalg.norm(after - before[:, :, ::-1], axis=-1).sum(axis=-1)
    return np.nan_to_num(stay), np.nan_to_num(switch)


def _start(pairs: int) -> Floats:
    """(P, 2) cost of the first frame as found and exchanged: as found, unless later frames object."""
    return np.zeros((pairs, 2))


def _advance(
    cost: Floats, stay: Floats, switch: Floats, held: float
) -> tuple[Floats, NDArray[np.intp]]:
    """(P, 2) costs of one frame more, and which state before it each comes from."""
    to_found = np.stack([cost[:, 0] + stay, cost[:, 1] + switch], axis=-1)
    to_swapped = np.stack([cost[:, 0] + switch, cost[:, 1] + stay], axis=-1) + held
    ways = np.stack([to_found, to_swapped], axis=1)
    return np.nan_to_num(ways.min(axis=-1)), ways.argmin(axis=-1)


def _cheapest(stay: Floats, switch: Floats, held: Floats) -> Mask:
    """(T, P) where a pair is exchanged in its cheapest sequence."""
    cost, origins = _start(stay.shape[1]), []
    for step in range(len(stay)):
        cost, origin = _advance(cost, stay[step], switch[step], held[step])
        origins.append(origin)
    state = cost.argmin(axis=-1)
    states = [state]
    pairs = np.arange(stay.shape[1])
    for origin in reversed(origins):
        state = origin[pairs, state]
        states.append(state)
    return np.stack(states[::-1]).astype(bool)
