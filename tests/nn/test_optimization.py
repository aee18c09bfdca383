"""Learning rates by layer, against the steps of plain SGD."""

from functools import partial

import pytest
import torch
from torch import nn

from fidip.nn.optimization import make_optimizer
from fidip.tasks import one_cycle


class Stack(nn.Module):
    """A backbone of a stem, a list of two blocks, and a head; each a linear layer of one weight."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.stem = nn.Linear(1, 1, bias=False)
        self.backbone.blocks = nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(2))
        self.backbone.pool = nn.Identity()
        self.head = nn.Linear(1, 1, bias=False)


def steps(net, optimizer, updates, schedule=None):
    """How far each weight has moved where all gradients are 1."""
    before = [p.detach().clone() for p in net.parameters()]
    for _ in range(updates):
        for parameter in net.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return [(b - p).item() for b, p in zip(before, net.parameters(), strict=True)]


def test_each_layer_moves_half_as_far_as_the_next():
    net = Stack()
    optimizer = make_optimizer(partial(torch.optim.SGD, lr=0.8), net.parameters(), net, 0.5)
    assert steps(net, optimizer, 1) == pytest.approx([0.1, 0.2, 0.4, 0.8], rel=1e-6)


def test_parameters_of_a_method_learn_at_the_full_rate():
    net, own = Stack(), nn.Linear(1, 1, bias=False)
    trained = [*net.backbone.stem.parameters(), *own.parameters()]
    optimizer = make_optimizer(partial(torch.optim.SGD, lr=0.8), trained, net, 0.5)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates == {id(trained[0]): pytest.approx(0.1), id(trained[1]): 0.8}


def test_without_decay_all_parameters_are_one_group_in_their_order():
    net = Stack()
    optimizer = make_optimizer(partial(torch.optim.SGD, lr=0.8), net.parameters(), net)
    (group,) = optimizer.param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in net.parameters()]


def test_one_cycle_keeps_the_ratio_of_the_rates():
    net = Stack()
    optimizer = make_optimizer(partial(torch.optim.SGD, lr=0.8), net.parameters(), net, 0.5)
    schedule = one_cycle(optimizer, total_steps=10, pct_start=0.2)
    moved = steps(net, optimizer, 9, schedule)
    assert [m / moved[-1] for m in moved] == pytest.approx([0.125, 0.25, 0.5, 1], rel=1e-5)
    assert optimizer.param_groups[0]["lr"] < 1e-4 * 0.8


def test_one_cycle_peaks_at_the_rate_of_the_optimizer():
    net = Stack()
    optimizer = make_optimizer(partial(torch.optim.SGD, lr=0.8), net.parameters(), net)
    schedule = one_cycle(optimizer, total_steps=10, pct_start=0.3)
    rates = []
    for _ in range(9):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert max(rates) == rates[1] == pytest.approx(0.8)
