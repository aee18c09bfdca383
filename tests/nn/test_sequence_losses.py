"""Losses over time without labels."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from fidip.core.skeleton import COCO17
from fidip.nn.sequence_losses import (
    bone_changes,
    implausibility,
    pose_subspace,
    soft_argmax,
    temporal_hinge,
)
from tests.conftest import STANDING


def poses(count, noise=1.0, seed=0):
    """(N, K, 2) float64 poses near that of a standing person."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(STANDING + rng.normal(0, noise, (count, 17, 2)))


def lying_in_plane(count, seed=0):
    """(N, K, 2) poses that differ by one bend only, in any direction and size."""
    rng = np.random.default_rng(seed)
    bend = np.outer(STANDING[:, 1] ** 2 / 30, [1, 0])
    bent = STANDING + rng.uniform(-1, 1, (count, 1, 1)) * bend
    return torch.from_numpy(bent * rng.uniform(1, 9, (count, 1, 1)) + 20)


LOSSES = {
    "temporal_hinge": lambda xy: temporal_hinge(xy, 0.5),
    "bone_changes": lambda xy: bone_changes(xy, tolerance=0.05),
    "implausibility": lambda xy: implausibility(xy, pose_subspace(poses(9, seed=1), 0.9), 0.01),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_gradients_are_those_of_finite_differences(loss):
    xy = poses(6).view(2, 3, 17, 2).requires_grad_()
    assert loss(xy) > 0
    assert gradcheck(loss, (xy,), fast_mode=True)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_joints_in_one_place_have_finite_gradients(loss):
    xy = torch.zeros(1, 3, 17, 2, requires_grad=True)
    loss(xy).backward()
    assert xy.grad.isfinite().all()


def test_what_moves_and_bends_within_the_limits_costs_nothing():
    xy = poses(1)[:, None] + torch.linspace(0, 1, 3).view(1, 3, 1, 1)
    assert temporal_hinge(xy, 0.8) == 0
    assert temporal_hinge(xy, 0.6) > 0
    assert bone_changes(xy, tolerance=0.001) == 0


def test_the_farther_a_joint_from_the_labelled_poses_the_higher_its_loss():
    known, new = lying_in_plane(40), lying_in_plane(5, seed=1)
    subspace = pose_subspace(known, explained=0.9999)
    assert len(subspace.components) < 4
    costs = []
    for offset in (0.0, 3.0, 9.0):
        moved = new.clone()
        moved[:, COCO17.joints.index("left_ankle"), 0] += offset * 4
        costs.append(float(implausibility(moved[None], subspace)))
    assert costs[0] < 0.02
    assert costs[0] < costs[1] < costs[2]


def test_the_soft_argmax_is_the_peak_and_has_a_gradient():
    at = torch.tensor([[3.2, 5.0], [6.0, 2.4]])
    grid = torch.arange(9.0)
    gaussians = [
        torch.exp(-((grid - x) ** 2 + (grid[:, None] - y) ** 2) / 4) for x, y in at.tolist()
    ]
    heatmaps = torch.stack(gaussians).requires_grad_()
    found = soft_argmax(heatmaps)
    torch.testing.assert_close(found, at, rtol=0, atol=0.2)
    found.sum().backward()
    assert heatmaps.grad.abs().sum() > 0
