"""Views of crops against OpenCV, NumPy and the codecs."""

import cv2
import numpy as np
import pytest
import torch

from fidip.adapt.views import (
    DRAWS,
    AffineViews,
    View,
    apply_views,
    heatmap_affine,
    move_points,
    recolour,
    uniform_draws,
    warp,
)
from fidip.codecs.centernet import MoveNetCodec
from fidip.codecs.decoders import argmax_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.codecs.udp import UdpCodec
from fidip.core.errors import ArgumentError
from fidip.core.geometry import apply_affine, invert_affine

WH = (24, 32)
DEFAULTS = AffineViews()


def random_views(count, views=DEFAULTS, wh=WH):
    return views.draw(np.random.default_rng(0).random((count, DRAWS)), wh)


def test_draws_depend_on_seed_update_and_sample_only():
    together = uniform_draws(3, 7, [5, 2, 5], 4)
    np.testing.assert_array_equal(together[0], uniform_draws(3, 7, [5], 4)[0])
    np.testing.assert_array_equal(together[0], together[2])
    others = [uniform_draws(4, 7, [5], 4), uniform_draws(3, 8, [5], 4), together[1:2]]
    assert all((other != together[0]).all() for other in others)
    assert uniform_draws(0, 0, [], 4).shape == (0, 4)


def test_an_affine_is_shear_then_rotation_then_scale_around_the_middle():
    views = AffineViews(rotation_deg=50, shear_deg=20, scale=(0.5, 1.5), colour=0.4)
    view = views.draw(np.array([[0.9, 0.2, 0.7, 0.25, 0.5, 1.0]]), WH)
    angle, shear, scale = np.deg2rad(40), np.tan(np.deg2rad(-12)), 1.2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle, point = np.array([11.5, 15.5]), np.array([3.0, 20.0])
    expected = middle + scale * turn @ np.array([[1, shear], [0, 1]]) @ (point - middle)
    np.testing.assert_allclose(apply_affine(view.affine, point[None])[0, 0], expected)
    np.testing.assert_allclose(view.colour, [[0.8, 1.0, 1.4]])


def test_the_ranges_of_the_defaults():
    lowest, highest = (
        AffineViews().draw(np.full((1, DRAWS), end, float), WH) for end in (0.0, 1.0)
    )
    for view, angle, scale in ((lowest, -60, 0.6), (highest, 60, 1.3)):
        linear = view.affine[0, :, :2]
        assert np.sqrt(np.linalg.det(linear)) == pytest.approx(scale)
        assert np.rad2deg(np.arctan2(linear[1, 0], linear[0, 0])) == pytest.approx(angle)
    assert lowest.colour.tolist() == [[0.75] * 3]


@pytest.mark.parametrize(
    "wrong", [{"scale": (0.0, 1.0)}, {"scale": (2.0, 1.0)}, {"shear_deg": 90.0}]
)
def test_a_range_that_allows_singular_views_is_one_line(wrong):
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        AffineViews(**wrong)


def test_warping_is_that_of_opencv():
    images = np.random.default_rng(1).random((3, 32, 24)).astype(np.float32)
    affine = random_views(3).affine
    ours = warp(torch.from_numpy(images)[:, None], affine)[:, 0].numpy()
    for own, image, matrix in zip(ours, images, affine, strict=True):
        # OpenCV rounds positions to 1/32 px
        np.testing.assert_allclose(own, cv2.warpAffine(image, matrix, WH), atol=0.06)


def test_warping_by_an_affine_and_its_inverse_gives_the_image_back():
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(24.0), indexing="ij")
    image = torch.exp(-((x - 11) ** 2 + (y - 17) ** 2) / 32)[None, None]
    affine = random_views(1).affine
    back = warp(warp(image, affine), invert_affine(affine))
    assert (back - image).abs().max() < 0.05


def test_a_view_is_the_same_in_every_batch():
    crops = torch.randint(0, 256, (4, 3, 32, 24), dtype=torch.uint8)
    view = random_views(4)
    alone = View(view.affine[2:3], view.colour[2:3])
    torch.testing.assert_close(apply_views(crops, view)[2:3], apply_views(crops[2:3], alone))


def test_colours_follow_their_formulas_and_surroundings_stay_black():
    crops = torch.randint(1, 256, (2, 3, 8, 8)).float()
    colour = np.array([[1.2, 0.8, 1.1], [0.8, 1.25, 0.75]])
    for crop, own, (b, c, s) in zip(
        crops.numpy(), recolour(crops, colour).numpy(), colour, strict=True
    ):
        luma = np.array([0.299, 0.587, 0.114])
        values = b * crop
        mean = np.tensordot(luma, values, 1).mean()
        values = mean + c * (values - mean)
        grey = np.tensordot(luma, values, 1)
        np.testing.assert_allclose(own, np.clip(grey + s * (values - grey), 0, 255), rtol=1e-4)
    away = View(np.array([[[1.0, 0, 100], [0, 1, 0]]] * 2), colour)
    assert not apply_views(crops, away).any()


CODECS = [
    HeatmapCodec((96, 128), (24, 32), sigma=2.0, decoder=argmax_decode),
    UdpCodec((96, 128), (24, 32), sigma=2.0, decoder=argmax_decode),
    MoveNetCodec((96, 128), (24, 32), sigma=2.0),
]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: type(codec).__name__)
def test_a_warped_heatmap_has_its_peak_where_the_joint_moves(codec):
    """Heatmap px to crop px and back by the codec's own encoding of joints."""
    wh = codec.input_wh
    views = AffineViews(shear_deg=0, scale=(1.0, 1.0))  # circles remain circles
    affine = random_views(6, views, wh).affine
    joints = torch.tensor([[[40.0, 60.0], [55.0, 70.0]]]).expand(6, -1, -1)
    labelled = torch.ones(6, 2)
    gaussians = HeatmapCodec.encode
    before, _ = gaussians(codec, joints, labelled)
    expected, _ = gaussians(codec, move_points(joints, affine), labelled)
    warped = warp(before, heatmap_affine(affine, codec))
    assert (warped - expected).abs().max() < 0.13  # bilinear interpolation lowers peaks


def test_points_move_as_in_numpy():
    xy = np.random.default_rng(2).random((5, 17, 2))
    affine = random_views(5).affine
    ours = move_points(torch.from_numpy(xy), affine)
    np.testing.assert_allclose(ours, apply_affine(affine, xy))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_mixed_precision_does_not_round_positions(dtype):
    crops = torch.randint(0, 256, (3, 3, 32, 24), dtype=torch.uint8)
    view, points = random_views(3), torch.rand(3, 17, 2) * 30
    plain = apply_views(crops, view), move_points(points, view.affine)
    with torch.autocast("cpu", dtype):
        mixed = apply_views(crops, view), move_points(points, view.affine)
    torch.testing.assert_close(mixed, plain)


def test_content_and_points_move_alike_without_a_bias():
    """A bias of a fraction of a pixel would drift in self-training."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(48.0), indexing="ij")
    joint = torch.tensor([27.0, 35.5])
    blob = 200 * torch.exp(-((x - joint[0]) ** 2 + (y - joint[1]) ** 2) / 18)
    views = AffineViews(colour=0, scale=(0.8, 1.2))
    view = random_views(40, views, (48, 64))
    mass = apply_views(blob.expand(40, 3, -1, -1), view)[:, 0]
    mass = mass / mass.sum((1, 2), keepdim=True)
    seen = torch.stack([(mass * x).sum((1, 2)), (mass * y).sum((1, 2))], dim=1)
    moved = move_points(joint.expand(40, 1, 2), view.affine)[:, 0]
    assert (seen - moved).abs().max() < 0.05
