"""Equal weights, loaded from a file under the official names, give equal outputs."""

import pytest
import torch
from hydra.utils import instantiate

from fidip.cli.composition import choice
from fidip.nn import HRNetDomainHead, MobileNetDomainHead, load_weights
from tests.nn import reference_nets
from tests.nn.golden_nets import official_state, random_weights, shapes


def make(name):
    return instantiate(choice("net", name)).eval()


def assert_equal_outputs(net, forward, weights, images, folder):
    """Features and heatmaps are equal but for the order of float32 sums."""
    torch.save(weights, folder / "official.pth")
    report = load_weights(net, folder / "official.pth")
    assert (len(report.loaded), report.unused, report.missing) == (len(weights), (), ())
    with torch.no_grad():
        ours, theirs = net(images), forward(weights, images)
    for our, their in zip(ours, theirs, strict=True):
        assert their.std() > 1e-4 * their.abs().mean()  # the comparison can fail
        torch.testing.assert_close(our, their, rtol=1e-4, atol=1e-5 * their.abs().max().item())


@pytest.mark.parametrize(
    ("net", "official", "forward", "size"),
    [
        ("hrnet_w48", "hrnet_w48", reference_nets.hrnet, (64, 32)),
        ("resnet50", "resnet50", reference_nets.simple_baseline, (64, 96)),
        ("mobilenetv2", "mobile", reference_nets.mobilenet, (96, 64)),
    ],
)
def test_official_net(net, official, forward, size, tmp_path):
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    weights = random_weights(official_state(official))
    assert_equal_outputs(make(net), forward, weights, images, tmp_path)


def test_a_small_hrnet(tmp_path):
    net = make("hrnet_w18_small")
    names = {name.split(".", 1)[1]: shape for name, shape in shapes(net.state_dict()).items()}
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    assert_equal_outputs(net, reference_nets.hrnet, random_weights(names), images, tmp_path)


@pytest.mark.parametrize(
    ("head", "official", "forward", "feature"),
    [
        (HRNetDomainHead, "hrnet_domain", reference_nets.hrnet_domain, (48, 96, 72)),
        (MobileNetDomainHead, "mobile_domain", reference_nets.mobilenet_domain, (1280, 7, 7)),
    ],
)
def test_official_domain_classifier(head, official, forward, feature, tmp_path):
    weights, ours = random_weights(official_state(official)), head().eval()
    torch.save(weights, tmp_path / "d.pth")
    report = load_weights(ours, tmp_path / "d.pth")
    assert (len(report.loaded), report.unused) == (len(weights), ())
    features = torch.randn(3, *feature, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(features), forward(weights, features), rtol=1e-4, atol=1e-5)
