"""Train the distance to plausible poses of infants: python train.py LABELS3D OUT.safetensors.

LABELS3D is a folder with the 3D labels of rendered infants, DATA/labels3d/SPLIT. Prints how well
the distance of held-out poses is predicted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.spatial.transform import Rotation
from torch import Tensor
from tqdm import tqdm

from fidip.adapt.pose_prior import PoseDistance, limb_directions
from fidip.core.skeleton import COCO17, FACE

POOL, QUERIES, HELD_OUT = 40_000, 40_000, 2_000
"""Numbers of plausible poses, of poses with errors, and of those of them that only test."""
NOISE = (0.0, 0.02, 0.05, 0.1, 0.3)
"""Standard deviations of errors, as fractions of the diagonal of the pose's box."""
SWAPPED = 0.3
"""Fraction of the poses in which half of the pairs of left and right joints are exchanged."""
NEIGHBOURS = 5
EPOCHS, BATCH, RATE = 60, 256, 1e-3

Floats = NDArray[np.float64]


def views(poses: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Return (count, K, 2) views of (N, K, 3) poses from random directions, far away."""
    chosen = poses[rng.integers(len(poses), size=count)]
    turns = Rotation.random(count, rng=rng).as_matrix()
    seen: Floats = np.einsum("nij,nkj->nki", turns, chosen)[..., :2]
    return seen


def with_errors(poses: Floats, rng: np.random.Generator) -> Floats:
    """Return (N, K, 2) poses with noise and with exchanged joints."""
    diagonal = np.linalg.norm(np.ptp(poses, axis=1), axis=-1)[:, None, None]
    noise = rng.choice(NOISE, size=(*poses.shape[:2], 1)) * diagonal
    wrong = poses + noise * rng.normal(size=poses.shape)
    has_swaps = rng.random(len(poses)) < SWAPPED
    for left, right in COCO17.flip_pairs:
        if left in FACE:
            continue
        rows = np.flatnonzero(has_swaps & (rng.random(len(poses)) < 0.5))
        wrong[rows[:, None], [left, right]] = wrong[rows[:, None], [right, left]]
    return wrong


def distances(poses: Floats, pool: Floats) -> Tensor:
    """Return the (N,) mean distances of poses to the nearest of a pool of plausible ones."""
    limbs = len(COCO17.limbs)
    known = limb_directions(torch.from_numpy(pool).float()).flatten(1)
    found = []
    for rows in tqdm(torch.from_numpy(poses).float().split(500), "distances"):
        cosines = limb_directions(rows).flatten(1) @ known.T / limbs
        found.append(1 - cosines.topk(NEIGHBOURS, dim=1).values.mean(dim=1))
    return torch.cat(found)


def fit(poses: Tensor, target: Tensor) -> PoseDistance:
    """Return a network that predicts the (N,) distances of (N, K, 2) poses."""
    torch.manual_seed(0)
    net = PoseDistance()
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(poses)).split(BATCH):
            loss = F.l1_loss(net(poses[rows]), target[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return net


def main() -> None:
    """Train, test, and write the weights."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    rng = np.random.default_rng(0)
    files = sorted(folder.glob("*.npz"))
    infants = np.stack([np.load(file)["joints_body"] for file in files]).astype(np.float64)
    queries = with_errors(views(infants, QUERIES, rng), rng)
    target = distances(queries, views(infants, POOL, rng))
    poses = torch.from_numpy(queries).float()
    net = fit(poses[HELD_OUT:], target[HELD_OUT:])
    with torch.no_grad():
        found, truth = net(poses[:HELD_OUT]), target[:HELD_OUT]
        clean = net(torch.from_numpy(views(infants, HELD_OUT, rng)).float())
    print(f"{len(infants)} infants; {HELD_OUT} held-out poses with errors:")
    print(f"distance {truth.mean():.3f}, mean absolute error {(found - truth).abs().mean():.3f}, ")
    print(f"correlation {np.corrcoef(found, truth)[0, 1]:.3f}; without errors {clean.mean():.3f}")
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, out)


if __name__ == "__main__":
    main()
