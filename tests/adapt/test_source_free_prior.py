"""Source-free adaptation with a pose prior against numeric gradients."""

from copy import deepcopy

import pytest
import torch

from fidip.adapt.pose_prior import PosePrior
from fidip.adapt.source_free import SourceFree
from fidip.nn.losses import heatmap_mse
from fidip.nn.sequence_losses import soft_argmax
from tests.adapt.test_dann import RATE, fit
from tests.adapt.test_mean_teacher import CODEC, batch_of, mean_teacher, small_net
from tests.adapt.test_pose_prior import SquareDistance

METHOD = "source_free_prior"
WEIGHT, BETA = 50.0, 200.0


class PlainPrior(PosePrior):
    """A prior whose distance has a closed form."""

    def begin(self, net):
        self.distance = SquareDistance()


def loss_of(net, batch):
    with torch.no_grad():
        joints = soft_argmax(net.eval()(net.normalize(batch.crops)).heatmaps, BETA)
    far = joints.double().square().mean((1, 2))[batch.is_unlabelled]
    return WEIGHT * far.mean().item()


def test_the_backbone_follows_the_gradient_of_the_prior_and_the_head_stays():
    net, batch = small_net().double(), batch_of([False, True, True])
    start = deepcopy(net)
    methods = {
        "mean_teacher": mean_teacher(weight=0.0),
        "pose_prior": PlainPrior(weight=WEIGHT, beta=BETA),
    }
    task = fit(SourceFree(methods=methods), batches=[batch], net=net, codec=CODEC, loss=heatmap_mse)
    assert all(map(torch.equal, task.net.head.parameters(), start.head.parameters()))
    moved = (start.backbone[2].weight - task.net.backbone[2].weight).detach() / RATE
    for channel in range(4):
        change, losses = 2e-3, []
        for sign in (-1, 1):
            other = deepcopy(start)
            with torch.no_grad():
                other.backbone[2].weight[channel, 1, 1, 0] += sign * change
            losses.append(loss_of(other, batch))
        numeric = (losses[1] - losses[0]) / (2 * change)
        assert moved[channel, 1, 1, 0].item() == pytest.approx(numeric, rel=0.05, abs=0.05)
    assert moved.abs().max() > 1
