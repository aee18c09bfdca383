"""Statistics of BatchNorm layers that are set without changing the network's outputs."""

import torch
from torch import nn

from fidip.nn.batch_norm import set_statistics

IMAGES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def net_with_norms():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3, stride=2)]
    net = nn.Sequential(*layers, nn.BatchNorm2d(2)).double()
    for norm in (net[1], net[4]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, -1, 2)
        nn.init.normal_(norm.bias)
    return net


def test_outputs_stay_and_become_those_of_the_statistics_of_the_batch():
    net = net_with_norms().eval()
    with torch.no_grad():
        before = net(IMAGES)
        assert not torch.allclose(net.train()(IMAGES), before, atol=0.1)
    net = net_with_norms().eval()
    set_statistics(net, IMAGES.split(4))
    assert not net.training
    with torch.no_grad():
        torch.testing.assert_close(net(IMAGES), before, rtol=0, atol=1e-12)
        torch.testing.assert_close(net.train()(IMAGES), before, rtol=0, atol=1e-12)


def test_statistics_are_those_of_all_pixels_of_all_images():
    net = net_with_norms()
    set_statistics(net, IMAGES.split(4))
    assert net.training
    inputs = net[0](IMAGES).transpose(0, 1).flatten(1)
    torch.testing.assert_close(net[1].running_mean, inputs.mean(1).detach())
    torch.testing.assert_close(net[1].running_var, inputs.var(1, correction=0).detach())


def test_without_images_nothing_changes():
    net, same = net_with_norms(), net_with_norms()
    set_statistics(net, [])
    torch.testing.assert_close(net.state_dict(), same.state_dict(), rtol=0, atol=0)
