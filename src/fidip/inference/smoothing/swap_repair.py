"""Swap repair: exchange of left and right joints that the network confused temporarily."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Mask, Scores
from fidip.core.skeleton import COCO17
from fidip.core.track import Track
from fidip.inference.smoothing.chain import OnlineStep, RunningSize, known_in, usual_size

PAIRS = np.array(COCO17.flip_pairs)
"""(P, 2) left and right joint indices."""


@dataclass(frozen=True)
class SwapRepair:
    """Filter that swaps left and right joints where this shortens the movement of both.

    For each pair of joints, it finds the sequence of "as found" and "swapped" with the lowest cost
    (Viterbi 1967). The cost is the distance that the joints move between frames, plus a cost for
    each second in the state "swapped". Short confusions are therefore repaired and long ones are
    kept. The farther apart two joints are, the longer a repaired confusion can be: with the
    default, up to four seconds for ankles one body size apart.

    Attributes:
        disbelief: cost of a second in the state "swapped", in body sizes of movement.
    """

    disbelief: float = 1.0

    def __call__(self, track: Track) -> Track:
        """Return the filtered track."""
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

    def online(self) -> OnlineStep:
        """Return the causal form of the filter, for one person."""
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
    """Return (T, P, 2, 2) pairs of joints; the last known pair where a joint is unknown."""
    known = known_in(pairs).all(axis=-1)
    frames = np.where(known, np.arange(len(pairs))[:, None], 0)
    latest = np.maximum.accumulate(frames, axis=0)
    return pairs[latest, np.arange(pairs.shape[1])]


def _movements(pairs: Floats) -> tuple[Floats, Floats]:
    """Return the movement of pairs between frames, as found and if swapped in one of them.

    Returns:
        (T - 1, P) and (T - 1, P) movements of both joints in px.
    """
    before, after = pairs[:-1], pairs[1:]
    stay = np.linalg.norm(after - before, axis=-1).sum(axis=-1)
    switch = np.linalg.norm(after - before[:, :, ::-1], axis=-1).sum(axis=-1)
    return np.nan_to_num(stay), np.nan_to_num(switch)


def _start(pairs: int) -> Floats:
    """Return (P, 2) costs of the first frame as found and swapped: both 0."""
    return np.zeros((pairs, 2))


def _advance(
    cost: Floats, stay: Floats, switch: Floats, held: float
) -> tuple[Floats, NDArray[np.intp]]:
    """Return (P, 2) costs after one more frame, and the previous state with the lowest cost."""
    to_found = np.stack([cost[:, 0] + stay, cost[:, 1] + switch], axis=-1)
    to_swapped = np.stack([cost[:, 0] + switch, cost[:, 1] + stay], axis=-1) + held
    ways = np.stack([to_found, to_swapped], axis=1)
    return np.nan_to_num(ways.min(axis=-1)), ways.argmin(axis=-1)


def _cheapest(stay: Floats, switch: Floats, held: Floats) -> Mask:
    """Return (T, P) whether a pair is swapped in the sequence with the lowest cost."""
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
