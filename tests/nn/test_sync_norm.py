"""Halves of a batch in two processes against PyTorch's and timm's layers on the whole of it."""

import os
import socket
from copy import deepcopy

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from timm.layers import BatchNormAct2d
from torch import nn

from fidip.core.errors import ConfigError
from fidip.nn.sync_norm import synchronize, unsynchronize

pytestmark = pytest.mark.forks


class Net(nn.Sequential):
    """One layer of each kind, a frozen one between them."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(
            nn.BatchNorm2d(3, momentum=None),
            nn.Conv2d(3, 4, 3),
            BatchNormAct2d(4),
            nn.BatchNorm2d(4).requires_grad_(False),
            nn.Flatten(),
            nn.BatchNorm1d(36, affine=False),
        )
        self.double()[3].eval()


def results(net, images):
    """What a step leaves: the gradients of images and parameters, and the statistics."""
    images = images.clone().requires_grad_()
    net(images).mul(torch.arange(36)).square().mean().backward()
    net(images.detach())  # statistics move twice
    grads = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {"images": images.grad, **grads, **{f"kept {n}": b for n, b in net.named_buffers()}}


def step(rank, port, images, folder):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    net = Net()
    synchronize(net)
    torch.save(results(net, images[rank::2]), folder / str(rank))
    dist.destroy_process_group()


def test_two_processes_normalise_as_one(tmp_path):
    images = torch.randn(6, 3, 5, 5, dtype=torch.float64, generator=torch.manual_seed(1))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(step, (port, images, tmp_path), nprocs=2, start_method="fork")
    ranks = [torch.load(tmp_path / str(rank), weights_only=True) for rank in range(2)]
    whole = results(Net(), images)
    for rank, found in enumerate(ranks):
        # Each process's loss is a mean over its half alone: twice as much of each image.
        torch.testing.assert_close(found.pop("images") / 2, whole["images"][rank::2])
    assert whole.keys() == {"images", *ranks[0]}
    for name, one in ranks[0].items():
        other = ranks[1][name]
        torch.testing.assert_close(0.5 * (one + other), 1.0 * whole[name], msg=name)


def test_layers_keep_names_and_weights_and_become_again_what_they_were():
    net = Net()
    before, kinds = deepcopy(net.state_dict()), [type(layer) for layer in net]
    layers = synchronize(net)
    assert not net[3].training
    assert [type(layer) for layer in net] != kinds
    torch.testing.assert_close(net.state_dict(), before)
    unsynchronize(layers)
    assert [type(layer) for layer in net] == kinds


def test_an_unknown_norm_is_refused():
    with pytest.raises(ConfigError, match=r"cannot synchronise torch\S*\.LazyBatchNorm2d"):
        synchronize(nn.Sequential(nn.LazyBatchNorm2d()))
