"""MoveNet's codec: decoding with both priors, encoding, mirrored and turned maps."""

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fidip.codecs.centernet import Maps, MoveNetCodec, prior_rows
from fidip.codecs.decoders import dark_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.errors import ConfigError
from fidip.core.skeleton import COCO17
from fidip.nn.losses import heatmap_mse, movenet_loss

CODEC = MoveNetCodec((192, 192), (48, 48), 1.5)
WIDE = MoveNetCodec((256, 128), (64, 32), 1.5)
CODECS = pytest.mark.parametrize("codec", [CODEC, WIDE], ids=["square", "wide"])


def joints_in(codec, count=4, seed=0, margin=20):
    """(B, 17, 2) random joints, no two of a person in one cell's neighbourhood of the border."""
    generator = torch.Generator().manual_seed(seed)
    wh = torch.tensor(codec.input_wh)
    return margin + torch.rand(count, 17, 2, generator=generator) * (wh - 2 * margin)


def reference_decode(maps, stride=4):
    """One person, cell by cell, as the graph does."""
    center, heatmaps = maps[0], maps[1:18]
    regress, offset = (
        maps[18:52].reshape(17, 2, *center.shape),
        maps[52:].reshape(17, 2, *center.shape),
    )
    height, width = center.shape
    best = max(
        (center[y, x] / (np.hypot(y - height / 2, x - width / 2) + 1.8), -y, -x)
        for y in range(height)
        for x in range(width)
    )
    cy, cx = -best[1], -best[2]
    xy, scores = [], []
    for k in range(17):
        ry, rx = cy + regress[k, 0, cy, cx], cx + regress[k, 1, cy, cx]
        _, y, x = max(
            (heatmaps[k, y, x] / (np.hypot(y - ry, x - rx) + 1.8), -y, -x)
            for y in range(height)
            for x in range(width)
        )
        y, x = -y, -x
        xy.append([stride * (x + offset[k, 1, y, x]), stride * (y + offset[k, 0, y, x])])
        scores.append(heatmaps[k, y, x])
    return np.array(xy), np.array(scores)


def test_decoding_is_that_of_the_graph():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(3, 86, 12, 16, generator=generator)
    maps[:, 18:52] = (maps[:, 18:52] - 0.5) * 20
    codec = MoveNetCodec((64, 48), (16, 12), 1.5)
    xy, scores = codec.decode(maps)
    for each, found, score in zip(maps.double().numpy(), xy, scores, strict=True):
        expected_xy, expected_scores = reference_decode(each)
        np.testing.assert_allclose(found, expected_xy, atol=1e-4)
        np.testing.assert_allclose(score, expected_scores, atol=1e-6)


def test_the_centre_prior_falls_with_the_distance_from_the_middle():
    rows = np.array(prior_rows(48, 32))
    assert rows.shape == (48, 32)
    assert rows.argmax() == 24 * 32 + 16
    np.testing.assert_allclose(rows[24, 16], 1 / 1.8, rtol=1e-3)
    np.testing.assert_allclose(rows[21, 12], 1 / 6.8, rtol=1e-3)


@CODECS
def test_decoding_undoes_encoding(codec):
    joints = joints_in(codec)
    maps, weights = codec.encode(joints, torch.ones(4, 17))
    assert maps.shape == weights.shape == (4, 86, *codec.heatmap_wh[::-1])
    assert codec.map_shape(17) == (86, *codec.heatmap_wh[::-1])
    xy, scores = codec.decode(maps)
    torch.testing.assert_close(xy, joints, atol=1e-3, rtol=0)
    # The cell that is found is the joint's or its neighbour.
    assert scores.min() > np.exp(-(1**2) / 1.5**2)


def test_vectors_count_only_where_they_can_be_known():
    labelled = torch.ones(1, 17)
    labelled[0, 3] = 0
    joints = joints_in(CODEC, 1)
    joints[0, 5] = torch.tensor([-100.0, 90.0])  # labelled, far outside the crop
    maps, weights = CODEC.encode(joints, labelled)
    weight, target = Maps.split(weights), Maps.split(maps)
    assert weight.center.min() == 1
    for unlabelled in (weight.heatmaps[0, 3], weight.regress[0, 3], weight.offset[0, 3]):
        assert unlabelled.abs().sum() == 0
    assert target.heatmaps[0, 3].abs().sum() == 0
    assert weight.heatmaps[0, 5].sum() == weight.offset[0, 5].sum() == 0
    assert weight.regress[0, 5].sum() > 0  # the centre can point outside
    y, x = (joints[0, 0].flip(0) / 4).long().tolist()
    assert weight.offset[0, 0, :, y, x].tolist() == [1, 1]
    assert 4 <= weight.offset[0, 0, 0].sum() <= 9
    assert (target.offset[0, 0, :, y, x] - joints[0, 0].flip(0) / 4 % 1).abs().max() < 1e-5


def test_images_without_labelled_joints_have_no_loss():
    maps, weights = CODEC.encode(joints_in(CODEC, 2), torch.zeros(2, 17))
    assert weights.abs().sum() == 0
    assert Maps.split(maps).heatmaps.abs().sum() == Maps.split(maps).center.abs().sum() == 0
    assert movenet_loss(torch.rand_like(maps), maps, weights) == 0


def test_the_peak_of_cell_j_is_at_4_j_and_2():
    """What a published net shows for a joint at 4 j + 2; plain heatmaps are read almost there."""
    joints = torch.full((1, 17, 2), 4 * 30 + 2.0)
    heatmaps = Maps.split(CODEC.encode(joints, torch.ones(1, 17))[0]).heatmaps
    assert heatmaps[0, 0].argmax() == 30 * 48 + 30
    assert heatmaps[0, 0].max() == 1
    assert CODEC.sample_positions(0) == (2, 4)
    plain = HeatmapCodec((192, 192), (48, 48), 1.5, dark_decode)
    xy, _ = plain.decode(heatmaps)
    np.testing.assert_allclose(xy[0], 30 * 191 / 47, atol=0.02)
    errors = [j * 191 / 47 - (4 * j + 2) for j in range(48)]
    assert max(map(abs, errors)) == pytest.approx(2)  # at the border; 0.5 px in the middle


@CODECS
def test_mirrored_maps_are_those_of_mirrored_joints(codec):
    joints = joints_in(codec, 3, seed=1)
    mirrored = joints[:, COCO17.flip_order.tolist()].clone()
    mirrored[..., 0] = codec.input_wh[0] - 1 - mirrored[..., 0]
    labelled = torch.ones(3, 17)
    maps, _ = codec.encode(joints, labelled)
    back = codec.flip_back(codec.encode(mirrored, labelled)[0], COCO17.flip_order)
    # Vectors are equal; the Gaussians' centres are a quarter of a cell away.
    torch.testing.assert_close(back[:, 18:], maps[:, 18:], atol=1e-4, rtol=0)
    assert (back[:, :18] - maps[:, :18]).abs().max() < 0.15
    xy, _ = codec.decode((maps + back) / 2)
    torch.testing.assert_close(xy, joints, atol=1e-3, rtol=0)


def test_mirroring_twice_changes_nothing():
    maps = torch.rand(2, 86, 8, 8)
    twice = CODEC.flip_back(CODEC.flip_back(maps, COCO17.flip_order), COCO17.flip_order)
    torch.testing.assert_close(twice, maps)
    with pytest.raises(ConfigError, match="flip_shift"):
        CODEC.flip_back(maps, COCO17.flip_order, shift=True)


@pytest.mark.parametrize("degrees", [-90, -30, 15, 45, 180])
@CODECS
def test_turned_maps_are_those_of_turned_windows(codec, degrees):
    joints = joints_in(codec, 2, seed=2, margin=50)
    (width, height), angle = codec.input_wh, np.deg2rad(degrees)
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    turn = torch.tensor([[cos, sin], [-sin, cos]])
    seen = (joints - middle) @ turn.T + middle  # in a window that is turned clockwise
    maps = codec.encode(seen, torch.ones(2, 17))[0]
    back = codec.turn_back(maps[None], [degrees])[0]
    xy, _ = codec.decode(back)
    torch.testing.assert_close(xy, joints, atol=0.02, rtol=0)


def test_maps_can_be_taken_apart_and_joined():
    maps = torch.rand(2, 86, 4, 6)
    assert torch.equal(Maps.split(maps).join(), maps)


@pytest.mark.parametrize("channels", [1, 17, 85, 87])
def test_other_numbers_of_maps_are_refused(channels):
    with pytest.raises(ConfigError, match=f"cannot read {channels} maps.*movenet_lightning_full"):
        CODEC.decode(torch.rand(1, channels, 48, 48))


def test_maps_of_half_precision_are_decoded():
    maps, _ = CODEC.encode(joints_in(CODEC), torch.ones(4, 17))
    xy, scores = CODEC.decode(maps.half())
    assert xy.dtype == scores.dtype == torch.float32
    torch.testing.assert_close(xy, joints_in(CODEC), atol=0.05, rtol=0)


def test_the_loss_is_the_sum_of_both_errors():
    generator = torch.Generator().manual_seed(0)
    output, target = (torch.rand(2, 86, 6, 6, generator=generator) for _ in range(2))
    weight = (torch.rand(2, 86, 6, 6, generator=generator) > 0.7).float()
    difference = ((output - target) * weight).numpy().astype(np.float64)
    scores, vectors = difference[:, :18], difference[:, 18:]
    expected = (scores**2).mean() / 2 + 0.01 * abs(vectors).sum() / weight[:, 18:].sum().item()
    assert movenet_loss(output, target, weight, 0.01).item() == pytest.approx(expected, rel=1e-5)
    assert movenet_loss(output.half(), target, weight).dtype == torch.float32


def test_a_loss_of_another_codec_is_refused():
    target, weight = CODEC.encode(joints_in(CODEC), torch.ones(4, 17))
    with pytest.raises(ConfigError, match=r"fidip\.nn\.losses\.movenet_loss"):
        heatmap_mse(target, target, weight)
    plain = HeatmapCodec((192, 192), (48, 48), 1.5, dark_decode)
    heatmaps, weights = plain.encode(joints_in(CODEC), torch.ones(4, 17))
    with pytest.raises(ConfigError, match="one weight for each joint"):
        movenet_loss(heatmaps, heatmaps, weights)
    with pytest.raises(ConfigError, match=r"gives maps of shape \(86, 48, 48\); expected \(17,"):
        heatmap_mse(target, heatmaps, weights)


def test_turning_the_window_and_the_image_agree():
    """``turn_back`` has the sense of rotation that windows have: clockwise on the screen."""
    maps = torch.zeros(1, 86, 48, 48)
    maps[0, 1, 10, 24] = 1
    turned = cv2.warpAffine(
        maps[0, 1].numpy(), cv2.getRotationMatrix2D((23.5, 23.5), 90, 1.0), (48, 48)
    )
    back = CODEC.turn_back(
        F.pad(torch.from_numpy(turned)[None, None, None], (0, 0, 0, 0, 1, 84)), [90]
    )
    assert back[0, 0, 1].argmax() == 10 * 48 + 24
