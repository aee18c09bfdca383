import pytest
import torch

from fidip.core.errors import ConfigError
from fidip.nn import HRNet, TimmPyramid


def test_pyramid_fits_sizes_that_halve_unevenly():
    net = TimmPyramid("resnet10t", width=8, channels=[8, 8, 8, 8]).eval()
    assert net(torch.zeros(1, 3, 88, 68)).shape == (1, 8, 22, 17)


def test_pyramid_takes_context_from_the_coarsest_level():
    net = TimmPyramid("resnet10t", width=8, channels=[8, 8, 8, 8]).eval()
    image = torch.randn(1, 3, 64, 64)
    before = net(image)
    torch.nn.init.zeros_(net.laterals[-1].weight)
    assert not torch.equal(net(image), before)


def test_unknown_timm_model_is_named_with_its_neighbours():
    with pytest.raises(ConfigError, match=r"name=resnet81: .*resnet18"):
        TimmPyramid("resnet81")


def test_a_model_without_stride_4_is_refused():
    with pytest.raises(ConfigError, match=r"strides \[16"):
        TimmPyramid("vit_tiny_patch16_224")


def test_unknown_hrnet():
    with pytest.raises(ConfigError, match="hrnet_w32"):
        HRNet("hrnet_w33")
