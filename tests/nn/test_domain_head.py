import pytest
import torch

from fidip.core.errors import ConfigError
from fidip.nn import DomainHead, HRNetDomainHead, MobileNetDomainHead, ResNetDomainHead
from tests.nn.golden_nets import official_parameters, parameters

OFFICIAL = [  # and the feature at the official input size
    (HRNetDomainHead, "hrnet_domain", 754_553, (48, 96, 72)),
    (MobileNetDomainHead, "mobile_domain", 847_153, (1280, 7, 7)),
    (ResNetDomainHead, "resnet_domain", 454_041_601, (2048, 12, 9)),
]


@pytest.mark.parametrize(("head", "official", "parameter_count", "feature"), OFFICIAL)
def test_a_head_of_the_paper_is_the_official_one(head, official, parameter_count, feature):
    with torch.device("meta"):
        ours = head()
    assert list(parameters(ours).values()) == list(official_parameters(official).values())
    assert sum(p.numel() for p in ours.parameters()) == parameter_count
    assert ours(torch.zeros(2, *feature, device="meta")).shape == (2,)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (HRNetDomainHead, "HRNetDomainHead needs features of 72x96 .*, got 64x48"),
        (MobileNetDomainHead, "MobileNetDomainHead needs features of 7x7 .*, got 64x48"),
        (ResNetDomainHead, "ResNetDomainHead needs features of 9x12 .*, got 64x48"),
    ],
)
def test_a_head_of_the_paper_refuses_other_sizes(head, words):
    with torch.device("meta"):
        ours = head()
    with pytest.raises(ConfigError, match=words):
        ours(torch.zeros(2, 48, 48, 64, device="meta"))


@pytest.mark.parametrize(
    "shape", [(48, 96, 72), (2048, 12, 9), (1280, 7, 7), (48, 24, 24), (8, 3, 2)]
)
@pytest.mark.parametrize("batch", [1, 4])
def test_head_fits_any_feature(shape, batch):
    logits = DomainHead(shape[0])(torch.randn(batch, *shape))
    assert logits.shape == (batch,)


def test_head_learns_to_tell_two_domains():
    torch.manual_seed(0)
    head = DomainHead(8)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    is_synthetic = torch.tensor([0.0, 1.0]).repeat(8)
    for _ in range(30):
        features = torch.randn(16, 8, 12, 12) + 0.3 * is_synthetic.view(-1, 1, 1, 1)
        logits = head(features)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, is_synthetic)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((logits > 0) == (is_synthetic > 0)).float().mean() > 0.9
