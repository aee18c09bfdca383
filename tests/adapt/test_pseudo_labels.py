"""Pseudo-labels and occlusion against plain loops."""

import numpy as np
import pytest
import torch

from fidip.adapt.pseudo_labels import Confident, Occlusion, pseudo_labels
from fidip.core.errors import ArgumentError

NAN = float("nan")


@pytest.mark.parametrize("percentile", [0.0, 0.3, 0.5, 0.9])
def test_the_percentile_rejects_its_fraction_of_the_known_joints(percentile):
    confidence = torch.rand(40, 17, generator=torch.Generator().manual_seed(0))
    confidence[:10] = NAN
    threshold = Confident(percentile, floor=0.0).threshold(confidence)
    kept = (confidence >= threshold).sum().item()
    assert kept == 510 - int(percentile * 510)


def test_the_floor_holds_where_all_joints_are_bad():
    confidence = torch.tensor([[0.01, 0.02], [0.03, NAN]])
    assert Confident(0.5, floor=0.2).threshold(confidence) == pytest.approx(0.2)
    assert Confident(0.5, floor=0.2).threshold(torch.full((2, 2), NAN)) == pytest.approx(0.2)


def test_the_threshold_does_not_depend_on_the_order_of_parts():
    confidence = torch.rand(6, 17)
    shuffled = torch.cat([confidence[3:], torch.full((2, 17), NAN), confidence[:3]])
    assert Confident().threshold(confidence) == Confident().threshold(shuffled)


@pytest.mark.parametrize("wrong", [-0.1, 1.0])
def test_a_wrong_percentile_is_one_line(wrong):
    with pytest.raises(ArgumentError, match=f"percentile={wrong}"):
        Confident(percentile=wrong)


def test_labels_are_confident_joints_on_a_pixel_of_the_crop():
    joints = torch.tensor([[-0.6, 0], [-0.5, 0], [7.4, 5.4], [7.5, 5], [3, 5.5], [3, 3]])
    confidence = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, NAN])
    kept = pseudo_labels(joints[None], confidence[None], torch.tensor(0.5), (8, 6))
    assert kept.tolist() == [[0, 1, 1, 0, 0, 0]]


def covered(crops, joints, confidence, uniform, occlusion):
    """Cover joints sample by sample."""
    out = crops.copy()
    height, width = crops.shape[2:]
    side = max(1, round(occlusion.size * min(height, width)))
    room = np.array([width - side, height - side])
    for number, (crop, draws) in enumerate(zip(crops, uniform, strict=True)):
        inside = (joints[number] >= -0.5).all(1) & (
            joints[number] < [width - 0.5, height - 0.5]
        ).all(1)
        sure = np.flatnonzero((confidence[number] >= occlusion.confidence) & inside)
        if len(sure) and draws[0] < occlusion.probability:
            center = np.round(joints[number, sure[int(draws[1] * len(sure))]])
            x, y = np.clip(center - side // 2, 0, room).astype(int)
            u, v = (draws[2:] * (room + 1)).astype(int)
            out[number, :, y : y + side, x : x + side] = crop[:, v : v + side, u : u + side]
    return out


def test_occlusion_copies_a_patch_over_a_confident_joint():
    rng = np.random.default_rng(0)
    crops = rng.random((200, 3, 20, 16)).astype(np.float32)
    joints = rng.uniform(-3, 20, (200, 5, 2)).astype(np.float32)
    confidence = rng.uniform(0.7, 1, (200, 5)).astype(np.float32)
    uniform, occlusion = rng.random((200, 4)), Occlusion(size=0.3)
    given = (torch.from_numpy(each) for each in (crops, joints, confidence))
    ours = occlusion.cover(*given, uniform).numpy()
    np.testing.assert_array_equal(ours, covered(crops, joints, confidence, uniform, occlusion))
    changed = (ours != crops).any(axis=(1, 2, 3)).mean()
    assert 0.2 < changed < 0.5


def test_without_confident_joints_nothing_is_covered():
    crops, joints = torch.rand(2, 3, 8, 8), torch.ones(2, 3, 2)
    confidence = torch.tensor([[0.8] * 3, [NAN] * 3])
    assert torch.equal(Occlusion(1.0).cover(crops, joints, confidence, np.zeros((2, 4))), crops)


def test_a_draw_that_rounds_to_1_stays_in_the_crop_and_in_the_list():
    """float32 rounds the largest draws to 1."""
    crop = torch.arange(5.0).view(1, 1, 1, 5)
    joints = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [3.0, 0.0]]])
    draws = np.array([[0.0, *[1 - 1e-12] * 3]])
    ours = Occlusion(1.0, size=1.0).cover(crop, joints, torch.tensor([[0.1, 1.0, 0.1]]), draws)
    assert ours.flatten().tolist() == [0, 1, 4, 3, 4]
