"""Averaging over turned windows."""

import numpy as np
import pytest
import torch

from fidip.cli.loading import load_net
from fidip.codecs.centernet import Maps
from fidip.codecs.decoders import dark_decode
from fidip.codecs.gaussian import HeatmapCodec, turn_back
from fidip.core.crop_window import CropWindow
from fidip.core.geometry import apply_affine, crop_affine, invert_affine
from fidip.inference import Predictor
from fidip.inference.runtime import make_runtime


@pytest.mark.parametrize("wh", [(96, 96), (72, 96)])
@pytest.mark.parametrize("degrees", [90.0, 180.0, -15.0, 40.0])
def test_keypoints_of_a_turned_window_lie_where_they_would_without(wh, degrees):
    codec = HeatmapCodec(wh, (wh[0] // 4, wh[1] // 4), 2.0, dark_decode)
    image_xy = np.random.default_rng(0).uniform(35, 65, (17, 2))
    upright, turned = (crop_affine(np.array([50.0, 50]), 100, wh, turn) for turn in (0, degrees))
    joints = torch.from_numpy(apply_affine(turned, image_xy))[None].float()
    heatmaps = codec.encode(joints, torch.ones(1, 17))[0]
    xy, scores = codec.decode(turn_back(heatmaps[None], [degrees])[0])
    found = apply_affine(invert_affine(upright), xy[0].double().numpy())
    np.testing.assert_allclose(found, image_xy, atol=0.8)  # a heatmap px is 4 or 5.6
    assert scores.min() > 0.8


def test_every_angle_has_its_heatmaps():
    with pytest.raises(ValueError, match="shorter"):
        turn_back(torch.zeros(2, 1, 17, 4, 4), [90])


def test_all_four_quarter_turns_make_any_network_blind_to_quarter_turns():
    """Holds for plain heatmaps only: MoveNet's decoder weights positions, so rotations matter."""
    net, movenet_codec = load_net("bundled:movenet-lightning")
    maps = make_runtime("torch", net, movenet_codec, "cpu")
    codec = HeatmapCodec(movenet_codec.input_wh, movenet_codec.heatmap_wh, 2.0, dark_decode)

    def runtime(crops):
        return Maps.split(maps(crops)).heatmaps

    image = np.random.default_rng(0).integers(0, 256, (101, 101, 3), np.uint8)
    windows = [CropWindow(np.array([50.0, 50]), 101.0, turn) for turn in (0.0, 90.0, 180.0)]
    one = Predictor(runtime, codec, flip_test=False).predict_windows(image, windows).scores
    poses = Predictor(runtime, codec, False, (90, 180, 270)).predict_windows(image, windows)
    assert np.abs(one[0] - one[1]).max() > 0.01
    for k in (1, 2):
        np.testing.assert_allclose(poses.scores[0], poses.scores[k], atol=1e-4)
        error = np.linalg.norm(poses.xy[0] - poses.xy[k], axis=1)
        assert np.median(error) < 0.01  # equal peaks may swap
