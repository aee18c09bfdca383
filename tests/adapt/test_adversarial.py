"""The adversarial terms against closed formulas."""

import math

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from fidip.adapt.adversarial import Adversarial, confusion_loss, domain_accuracy, domain_loss
from fidip.adapt.schedules import always, ramp
from fidip.io.paths import config_dir
from fidip.nn.freeze import fixed


def test_domain_loss_is_the_mean_negative_log_likelihood():
    logits = torch.tensor([0.3, -1.2, 2.0])
    is_synthetic = torch.tensor([1.0, 0.0, 0.0])
    p = [1 / (1 + math.exp(-x)) for x in logits.tolist()]
    expected = -(math.log(p[0]) + math.log(1 - p[1]) + math.log(1 - p[2])) / 3
    assert domain_loss(logits, is_synthetic).item() == pytest.approx(expected, rel=1e-6)


def test_a_guessing_head_pays_log_two():
    assert domain_loss(torch.zeros(4), torch.tensor([1.0, 1, 0, 0])).item() == pytest.approx(
        math.log(2)
    )


def test_accuracy_counts_the_right_side_of_zero():
    logits = torch.tensor([0.1, -0.1, 3.0, -3.0])
    assert domain_accuracy(logits, torch.tensor([1.0, 0, 0, 0])).item() == 0.75


def test_the_net_is_rewarded_for_the_heads_loss():
    assert confusion_loss(torch.tensor(2.0), torch.tensor(0.5), 0.1).item() == pytest.approx(1.95)


def make_head() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))


def test_a_fixed_module_computes_the_same_and_keeps_weights_and_statistics():
    head, features = make_head(), torch.randn(6, 3, requires_grad=True)
    learning = head(features.detach())
    before = {name: value.clone() for name, value in head.state_dict().items()}
    with fixed(head):
        output = head(features)
    output.sum().backward()
    torch.testing.assert_close(output, learning)
    assert features.grad is not None
    assert all(p.grad is None for p in head.parameters())
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())


def test_a_module_learns_again_after_being_fixed_and_stays_frozen_where_it_was():
    head = make_head()
    head[0].weight.requires_grad_(False)
    with pytest.raises(RuntimeError), fixed(head):
        raise RuntimeError
    assert [p.requires_grad for p in head.parameters()] == [False, True, True, True, True, True]
    assert head[1].track_running_stats


def test_the_defaults_are_those_of_the_configuration():
    config = OmegaConf.load(config_dir() / "method" / "adversarial.yaml")
    method = Adversarial(domain_head=make_head, domain_optimizer=torch.optim.SGD)
    assert (method.weight, method.pretraining_epochs) == (config.weight, config.domain_epochs)


def test_the_domain_head_has_its_own_optimizer_and_schedule():
    schedule = object()
    method = Adversarial(
        domain_head=lambda channels: nn.Linear(channels, 1),
        domain_optimizer=torch.optim.SGD,
        domain_scheduler=schedule,
    )
    net = nn.Conv2d(3, 4, 1)
    net.feature_channels = 4
    method.attach(net)
    domain = method.optimizers(net)["domain"]
    assert (domain.optimizer, domain.scheduler) == (torch.optim.SGD, schedule)
    assert [p.shape for p in domain.parameters] == [(1, 4), (1,)]


def test_the_weight_is_whole_from_the_start_or_grows_to_it():
    assert [always(p) for p in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]
    # tanh(steepness * progress / 2), written otherwise
    expected = [math.tanh(5 * p) for p in (0.0, 0.1, 0.5, 1.0)]
    assert [ramp(p) for p in (0.0, 0.1, 0.5, 1.0)] == pytest.approx(expected)
    assert ramp(0.0) == 0.0 < ramp(0.1, steepness=2) < ramp(0.1) < ramp(1.0) < 1
