import pytest
import torch

from fidip.nn import ConvHead, DeconvHead, PixelShuffleHead


@pytest.mark.parametrize(
    ("head", "enlarged"), [(ConvHead, 1), (DeconvHead, 8), (PixelShuffleHead, 8)]
)
def test_heatmap_size(head, enlarged):
    heatmaps = head(32, joints=5)(torch.randn(2, 32, 4, 3))
    assert heatmaps.shape == (2, 5, 4 * enlarged, 3 * enlarged)


def test_softmax_heatmaps_sum_to_one():
    heatmaps = PixelShuffleHead(32, width=64)(10 * torch.randn(2, 32, 4, 3))
    torch.testing.assert_close(heatmaps.sum((2, 3)), torch.ones(2, 17))


@pytest.mark.parametrize("head", [ConvHead, DeconvHead])
def test_heatmaps_start_near_zero(head):
    torch.manual_seed(0)
    assert head(32)(torch.randn(2, 32, 4, 3)).abs().max() < 0.1
