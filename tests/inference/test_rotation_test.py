"""Averaging over turned windows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fidip.cli.loading import load_net
from fidip.codecs.centernet import Maps, MoveNetCodec
from fidip.codecs.decoders import dark_decode
from fidip.codecs.gaussian import HeatmapCodec, turn_back
from fidip.codecs.udp import UdpCodec, dark_udp_decode
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


@pytest.mark.parametrize("degrees", [-90, -30, 15, 45, 180])
@pytest.mark.parametrize(
    ("codec", "precision_px"),
    [
        (MoveNetCodec((192, 192), (48, 48), 1.5), 0.02),
        (MoveNetCodec((256, 128), (64, 32), 1.5), 0.02),
        (HeatmapCodec((192, 256), (48, 64), 2.0, dark_decode), 0.05),
        (UdpCodec((192, 256), (48, 64), 2.0, dark_udp_decode), 0.3),
    ],
    ids=["movenet", "wide movenet", "dark", "udp"],
)
def test_maps_of_a_turned_window_are_turned_around_its_centre(codec, precision_px, degrees):
    rng, wh = np.random.default_rng(0), codec.input_wh
    window = CropWindow(np.array([150.0, 120.0]), 200.0, rotation_deg=20.0)
    angle, radius = rng.uniform(0, 2 * np.pi, (2, 17)), rng.uniform(0, 0.3, (2, 17))
    reach = radius * 200 * min(wh) / wh[0]
    image_xy = window.center + reach[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    turned = replace(window, rotation_deg=20.0 + degrees)
    joints = torch.from_numpy(apply_affine(turned.image_to_crop(wh), image_xy)).float()
    maps = codec.encode(joints, torch.ones(2, 17))[0]
    xy, _ = codec.decode(codec.turn_back(maps[None], [degrees])[0])
    error = xy.numpy() - apply_affine(window.image_to_crop(wh), image_xy)
    assert np.abs(error).max() < precision_px
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.05


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
