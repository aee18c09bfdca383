import pytest
import torch
from golden_nets import official_parameters, parameters

from fidip.errors import ConfigError
from fidip.nn import DomainHead, HRNetDomainHead


def test_hrnet_head_is_the_official_one():
    ours = parameters(HRNetDomainHead())
    assert list(ours.values()) == list(official_parameters("hrnet_domain").values())
    assert sum(p.numel() for p in HRNetDomainHead().parameters()) == 754_553


def test_hrnet_head_takes_features_of_288x384():
    assert HRNetDomainHead()(torch.randn(2, 48, 96, 72)).shape == (2,)


def test_hrnet_head_refuses_other_sizes():
    with pytest.raises(ConfigError, match=r"72x96 .*, got 64x48"):
        HRNetDomainHead()(torch.randn(2, 48, 48, 64))


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
