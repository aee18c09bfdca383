"""The codec of ViTPose against transformers' own post-processing."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from transformers.models.vitpose.image_processing_vitpose import (
    get_keypoint_predictions,
    post_dark_unbiased_data_processing,
)

from fidip.codecs.udp import UdpCodec, dark_udp_decode
from fidip.core.errors import ConfigError


@pytest.fixture(scope="module")
def codec():
    return UdpCodec((192, 256), (48, 64), 2.0, dark_udp_decode)


def rough_heatmaps(seed, size=(3, 17, 64, 48)):
    """Blobs with several maxima, some at the border."""
    noise = np.random.default_rng(seed).normal(0, 1, size)
    return gaussian_filter(noise, (0, 0, 2, 2)).astype(np.float32) * 4


@pytest.mark.parametrize("seed", range(5))
def test_decoder_equals_transformers(seed):
    heatmaps = rough_heatmaps(seed)
    coords, scores = get_keypoint_predictions(heatmaps)
    expected = post_dark_unbiased_data_processing(coords, heatmaps, kernel=11)
    xy, ours = dark_udp_decode(torch.from_numpy(heatmaps))
    np.testing.assert_array_equal(ours.numpy(), scores[..., 0])
    np.testing.assert_allclose(xy.numpy(), expected, atol=2e-3)


def test_a_map_without_a_positive_value_has_no_keypoint():
    xy, scores = dark_udp_decode(torch.full((1, 1, 16, 12), -1.0))
    assert xy.tolist() == [[[0.0, 0.0]]]
    assert scores.item() == -1


def test_corners_map_to_corners(codec):
    ends = torch.tensor([[[0.0, 0.0], [191.0, 255.0], [191.0, 0.0]]])
    heatmaps, _ = codec.encode(ends, torch.ones(1, 3))
    assert [divmod(int(m.argmax()), 48) for m in heatmaps[0]] == [(0, 0), (63, 47), (0, 47)]


def test_decode_undoes_encode(codec):
    joints = torch.rand(4, 17, 2) * torch.tensor([170.0, 230.0]) + 10
    heatmaps, weights = codec.encode(joints, torch.ones(4, 17))
    xy, scores = codec.decode(heatmaps)
    assert weights.all()
    assert (xy - joints).abs().max() < 0.05
    assert scores.min() > 0.9


def test_an_even_kernel_is_refused():
    with pytest.raises(ConfigError, match="kernel=10"):
        dark_udp_decode(torch.rand(1, 1, 16, 12), kernel=10)
