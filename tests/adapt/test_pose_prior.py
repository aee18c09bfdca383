"""The pose prior against closed formulas, and its weights on poses of rendered infants."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fidip.adapt.pose_prior import PoseDistance, PosePrior, limb_directions
from fidip.codecs.decoders import dark_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.errors import ConfigError
from fidip.core.skeleton import COCO17
from fidip.nn.losses import heatmap_mse
from tests.adapt.test_dann import fit
from tests.adapt.test_mean_teacher import TeachingCodec, batch_of, small_net

METHOD = "pose_prior"
GOLDEN = Path(__file__).parents[1] / "golden"
CODEC = HeatmapCodec((32, 32), (8, 8), sigma=1.0, decoder=dark_decode)


@pytest.fixture
def infants():
    """Rendered infants in image px, (N, 17, 2), with hidden joints."""
    recorded = json.loads((GOLDEN / "tiny.json").read_text())["keypoints"]
    people = (
        recorded["person_keypoints_train_infant"] + recorded["person_keypoints_validate_infant"]
    )
    return torch.tensor(people).view(-1, 17, 3)[..., :2]


@pytest.fixture
def distance():
    method = PosePrior()
    method.begin(small_net())
    return method.distance


def test_limb_directions_are_unit_vectors_whatever_the_place_and_size():
    rng = np.random.default_rng(0)
    xy = torch.from_numpy(rng.normal(size=(4, 17, 2)))
    found = limb_directions(7 * xy - 30)
    first, second = np.array(COCO17.limbs).T
    limbs = xy.numpy()[:, second] - xy.numpy()[:, first]
    expected = limbs / np.linalg.norm(limbs, axis=-1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_poses_of_infants_are_nearer_than_wrong_ones(distance, infants):
    rng = np.random.default_rng(0)
    legs_for_arms = infants.clone()
    legs_for_arms[:, [7, 8, 9, 10, 13, 14, 15, 16]] = infants[:, [13, 14, 15, 16, 7, 8, 9, 10]]
    random = torch.from_numpy(rng.uniform(0, 100, infants.shape)).float()
    right = distance(infants)
    for wrong in (legs_for_arms, random):
        assert (distance(wrong) > right).float().mean() >= 0.9
    assert right.mean() < 0.2 < distance(random).mean()


def test_the_distance_has_gradients_that_lead_to_plausible_poses(distance, infants):
    rng = np.random.default_rng(1)
    size = (infants.amax(1) - infants.amin(1)).norm(dim=-1)[:, None, None]
    noise = torch.from_numpy(rng.normal(scale=0.15, size=infants.shape)).float()
    wrong = (infants / size + noise).requires_grad_()
    before = distance(wrong)
    (gradient,) = torch.autograd.grad(before.sum(), wrong)
    assert (distance(wrong - 0.002 * gradient) < before).float().mean() > 0.9


class SquareDistance(nn.Module):
    """A distance that has a closed gradient: the mean square of the coordinates."""

    def forward(self, xy):
        return xy.square().mean(dim=(1, 2))


def test_only_unlabelled_samples_count(monkeypatch):
    """The loss is the sum of the distances over unlabelled samples, by the size of the batch."""
    batch = batch_of([False, True, True, False])
    method = PosePrior(weight=0.5, beta=10.0)
    method.distance = SquareDistance()
    monkeypatch.setattr(method, "begin", lambda net: None)
    seen = []
    terms = method.terms

    def recorded(step, part):
        seen.append((part.output.heatmaps.detach(), terms(step, part)["pose_distance"]))
        return terms(step, part)

    monkeypatch.setattr(method, "terms", recorded)
    fit(method, batches=[batch], net=small_net(), codec=CODEC, loss=heatmap_mse)
    (heatmaps, term), *_ = seen
    weights = np.exp(10.0 * heatmaps.double().numpy())
    weights /= weights.sum((2, 3), keepdims=True)
    y, x = np.mgrid[:8, :8]
    xy = np.stack([(weights * x).sum((2, 3)), (weights * y).sum((2, 3))], axis=-1)
    expected = (xy**2).mean((1, 2))[[1, 2]].sum() / 4
    assert term.value.item() == pytest.approx(expected, rel=1e-5)
    assert term.weight == 0.5


def test_maps_that_are_no_heatmaps_are_refused():
    with pytest.raises(ConfigError, match=r"PosePrior.*TeachingCodec"):
        fit(PosePrior(), batches=[batch_of([False, True])], net=small_net(), codec=TeachingCodec())


def test_the_distance_of_a_batch_is_that_of_its_poses():
    net = PoseDistance(width=4)
    poses = torch.randn(3, 17, 2, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([net(pose[None]) for pose in poses])
    torch.testing.assert_close(net(poses), alone)
    assert (net(poses) >= 0).all()
