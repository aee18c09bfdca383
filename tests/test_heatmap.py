"""The codec against the official code's numbers, a whole-map DARK and its own inverse."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fidip.codecs.centernet import MoveNetCodec
from fidip.codecs.decoders import argmax_decode, dark_decode, quarter_decode
from fidip.codecs.gaussian import HeatmapCodec, flip_back
from fidip.codecs.simcc import SimccCodec
from fidip.codecs.udp import UdpCodec, dark_udp_decode
from fidip.core.errors import ConfigError
from fidip.core.geometry import apply_affine, crop_affine, invert_affine
from fidip.core.skeleton import COCO17

GOLDEN = Path(__file__).parent / "golden"
A1 = np.load(GOLDEN / "a1_affine.npz")
A2 = np.load(GOLDEN / "a2_targets.npz")
A3 = np.load(GOLDEN / "a3_dark_decode.npz")
A5 = np.load(GOLDEN / "a5_flip_accuracy.npz")

SIZES = {"96x72": (72, 96), "64x48": (48, 64)}
INPUTS = {"96x72": (288, 384), "64x48": (192, 256)}
EDGE_CASES = (
    "all zero", "flat", "all negative", "first corner", "last corner", "one px from the corner",
    "two px from the corner", "two px from the last corner", "one px from the last corner", "tie",
    "plateau", "ridge", "negative floor", "tiny values", "first column",
)  # fmt: skip
DECODERS = (argmax_decode, quarter_decode, dark_decode)


def golden_heatmaps(tag):
    return torch.from_numpy(A3[f"heatmap_{tag}"].astype(np.float32))


def gaussians(centers, heatmap_wh=(72, 96), sigma=3.0):
    """(1, N, h, w) float32 Gaussians around N centres in heatmap px."""
    x, y = np.arange(heatmap_wh[0]), np.arange(heatmap_wh[1])[:, None]
    maps = [np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)) for cx, cy in centers]
    return torch.from_numpy(np.stack(maps)[None]).float()


def codec(input_wh=(288, 384), heatmap_wh=(72, 96), sigma=3, decoder=dark_decode):
    return HeatmapCodec(input_wh, heatmap_wh, sigma, decoder)


# encode


@pytest.mark.parametrize("case", range(len(A2["sigma"])))
def test_targets_are_those_of_the_official_code(case):
    heatmap_wh = tuple(A2["heatmap_wh"][case].tolist())
    same_space = codec(heatmap_wh, heatmap_wh, int(A2["sigma"][case]))
    joints = torch.from_numpy(A2["joints"][case : case + 1, :, :2])
    labelled = torch.from_numpy(A2["joints_vis"][case : case + 1, :, 0])
    heatmaps, weights = (tensor[0].numpy() for tensor in same_space.encode(joints, labelled))

    by_joint = np.ones(17)
    if A2["use_diff_weight"][case]:
        by_joint[[7, 8, 13, 14]], by_joint[[9, 10, 15, 16]] = 1.2, 1.5
    np.testing.assert_allclose(weights * by_joint, A2["target_weight"][case, :, 0], rtol=1e-6)

    y, x = A2["probe_yx"][case].T
    np.testing.assert_allclose(heatmaps[:, y, x], A2["probe_val"][case], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(heatmaps.sum((1, 2)), A2["tsum"][case], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(heatmaps.max((1, 2)), A2["tmax"][case], rtol=1e-4, atol=1e-7)
    at_golden_peak = np.take_along_axis(
        heatmaps.reshape(17, -1), A2["targmax"][case, :, None], axis=1
    )  # the position itself is a tie where a joint lies between pixels
    np.testing.assert_allclose(at_golden_peak[:, 0], heatmaps.max((1, 2)), rtol=1e-5)
    if f"target_{case:02}" in A2:
        np.testing.assert_allclose(heatmaps, A2[f"target_{case:02}"], rtol=1e-4, atol=1e-7)


def test_encode_draws_gaussians_in_heatmap_px():
    crop_px = 287 / 71
    centers = np.array([[10.25, 80.5], [60, 3]])
    joints = (centers - [35.5, 47.5]) * crop_px + [143.5, 191.5]
    heatmaps, weights = codec().encode(torch.tensor(joints)[None], torch.ones(1, 2))
    torch.testing.assert_close(heatmaps, gaussians(centers), rtol=1e-4, atol=1e-6)
    assert heatmaps.dtype == weights.dtype == torch.float32


def test_unlabelled_joints_have_no_weight_and_an_empty_map():
    joints = torch.full((1, 2, 2), 100.0)
    heatmaps, weights = codec().encode(joints, torch.tensor([[1.0, 0.0]]))
    assert weights.tolist() == [[1, 0]]
    assert heatmaps[0, 0].max() > 0.9
    assert heatmaps[0, 1].abs().max() == 0


@pytest.mark.parametrize(("input_wh", "sigma"), [((288, 380), 3), ((288, 384), 0)])
def test_a_codec_that_cannot_be_is_refused(input_wh, sigma):
    words = r"^(heatmap_wh=.*aspect ratio differs from|sigma=0: expected more than 0)[^\n]*$"
    with pytest.raises(ConfigError, match=words):
        codec(input_wh=input_wh, sigma=sigma)


CODECS = [
    HeatmapCodec((64, 64), (16, 16), 1.5, quarter_decode),
    UdpCodec((64, 64), (16, 16), 1.5, dark_udp_decode),
    SimccCodec((64, 64), (128, 128), (5.0, 5.0)),
    MoveNetCodec((64, 64), (16, 16), 1.5),
]


@pytest.mark.parametrize("each", CODECS, ids=lambda each: type(each).__name__)
def test_a_codec_computes_on_the_device_of_its_input(each):
    """The meta device refuses operands of another device, as a GPU does."""
    joints, labelled = torch.zeros(2, 17, 2, device="meta"), torch.ones(2, 17, device="meta")
    maps, weights = each.encode(joints, labelled)
    mirrored = each.flip_back(maps, COCO17.flip_order)
    assert {x.device.type for x in (maps, weights, mirrored, *each.decode(maps))} == {"meta"}


def test_settings_become_plain_tuples_and_partials():
    class Configured(partial):
        pass

    made = codec([288, 384], [72, 96], decoder=Configured(dark_decode, kernel=17))
    assert (made.input_wh, made.heatmap_wh) == ((288, 384), (72, 96))
    assert type(made.decoder) is partial
    assert (made.decoder.func, made.decoder.keywords) == (dark_decode, {"kernel": 17})
    assert codec().decoder is dark_decode


def test_a_codec_has_the_shape_of_its_maps():
    assert codec().map_shape(17) == (17, 96, 72)


# decode


@pytest.mark.parametrize("tag", SIZES)
def test_argmax_is_that_of_the_official_code(tag):
    xy, scores = argmax_decode(golden_heatmaps(tag))
    np.testing.assert_array_equal(xy, A3[f"argmax_preds_{tag}"])
    np.testing.assert_array_equal(scores, A3[f"argmax_vals_{tag}"][..., 0])


@pytest.mark.parametrize("kernel", [11, 17])
@pytest.mark.parametrize("tag", SIZES)
def test_dark_is_that_of_the_official_code(tag, kernel):
    xy, scores = dark_decode(golden_heatmaps(tag), kernel)
    np.testing.assert_allclose(xy, A3[f"coords_hm_{tag}_k{kernel}"], rtol=0, atol=1e-4)
    np.testing.assert_array_equal(scores, A3[f"maxvals_{tag}_k{kernel}"][..., 0])


@pytest.mark.parametrize("joint", range(len(EDGE_CASES)), ids=EDGE_CASES)
@pytest.mark.parametrize("tag", SIZES)
def test_dark_of_edge_cases(tag, joint):
    xy, scores = dark_decode(golden_heatmaps(tag)[-1:, joint : joint + 1])
    np.testing.assert_allclose(xy[0, 0], A3[f"coords_hm_{tag}_k11"][-1, joint], atol=1e-4)
    np.testing.assert_array_equal(scores[0], A3[f"maxvals_{tag}_k11"][-1, joint])


@pytest.mark.parametrize("kernel", [11, 17])
@pytest.mark.parametrize("tag", SIZES)
def test_predictions_in_image_px_are_those_of_the_official_code(tag, kernel):
    decoder = partial(dark_decode, kernel=kernel)
    xy_crop, _ = codec(INPUTS[tag], SIZES[tag], decoder=decoder).decode(golden_heatmaps(tag))
    windows = zip(A3[f"center_{tag}"].astype(float), A3[f"scale_{tag}"][:, 0] * 200.0, strict=True)
    crop_to_image = invert_affine(
        np.stack([crop_affine(center, float(width), INPUTS[tag]) for center, width in windows])
    )
    xy_image = apply_affine(crop_to_image, xy_crop.double().numpy())
    np.testing.assert_allclose(xy_image, A3[f"preds_{tag}_k{kernel}"], rtol=0, atol=5e-3)


@pytest.mark.parametrize("case", range(0, len(A1["bbox"]), 7))
def test_heatmap_px_become_crop_px_as_the_official_affines_imply(case):
    input_wh, heatmap_wh = (tuple(A1[f"{name}_wh"][case].tolist()) for name in ("input", "heatmap"))
    xy_heatmap = torch.tensor(A1["pts_hm"][case], dtype=torch.float32)[None]
    found = codec(input_wh, heatmap_wh, decoder=lambda _: (xy_heatmap, torch.ones(1, 5)))
    xy_crop, _ = found.decode(torch.zeros(1, 5, 1, 1))
    np.testing.assert_allclose(xy_crop[0], A1["pts_in"][case], atol=5e-3)


def whole_map_dark(heatmap, kernel):
    """The paper's algorithm on one (h, w) map, in float64: xy, and whether they can be trusted.

    Trusted where the blurred map is positive at every pixel that the differences touch and the
    Hessian is far from singular.
    """
    border, (height, width) = kernel // 2, heatmap.shape
    sigma = 0.3 * ((kernel - 1) / 2 - 1) + 0.8
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return (x, y), True
    blurred = cv2.GaussianBlur(np.pad(heatmap.astype(float), border), (kernel, kernel), sigma)
    blurred = blurred[border:-border, border:-border] * (heatmap.max() / blurred.max())
    trusted = blurred[y - 2 : y + 3, x - 2 : x + 3].min() > 1e-6
    at = np.log(np.maximum(blurred, 1e-10))
    slope = [(at[y, x + 1] - at[y, x - 1]) / 2, (at[y + 1, x] - at[y - 1, x]) / 2]
    xx = (at[y, x + 2] - 2 * at[y, x] + at[y, x - 2]) / 4
    yy = (at[y + 2, x] - 2 * at[y, x] + at[y - 2, x]) / 4
    xy = (at[y + 1, x + 1] - at[y - 1, x + 1] - at[y + 1, x - 1] + at[y - 1, x - 1]) / 4
    hessian = np.array([[xx, xy], [xy, yy]])
    if abs(np.linalg.det(hessian)) < 1e-4:
        return (x, y), False
    return np.array([x, y]) - np.linalg.solve(hessian, slope), trusted


@pytest.mark.parametrize("kernel", [3, 11, 17])
@pytest.mark.parametrize("noise", [0, 0.03, 0.3])
def test_dark_near_the_peaks_is_dark_on_whole_maps(kernel, noise):
    rng = np.random.default_rng(kernel)
    heatmaps = gaussians(rng.uniform(-2, [50, 66], (120, 2)), SIZES["64x48"], sigma=2)
    heatmaps = heatmaps + noise * torch.from_numpy(rng.normal(size=heatmaps.shape)).float()
    found = dark_decode(heatmaps, kernel)[0][0].numpy()
    expected, trusted = zip(*(whole_map_dark(m, kernel) for m in heatmaps[0].numpy()), strict=True)
    assert sum(trusted) > 60
    keep = np.array(trusted)
    np.testing.assert_allclose(found[keep], np.array(expected)[keep], rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("pixel", "moves"),
    [((2, 2), True), ((69, 93), True), ((1, 40), False), ((70, 40), False), ((30, 1), False),
     ((30, 94), False), ((2, 40), True), ((30, 93), True), ((0, 0), False), ((71, 95), False)],
)  # fmt: skip
def test_dark_moves_peaks_two_pixels_inside_the_border(pixel, moves):
    center = np.array(pixel) + [0.3, -0.2] * np.where(np.array(pixel) > 35, -1, 1)
    xy, _ = dark_decode(gaussians([center]))
    assert (xy[0, 0].tolist() != list(pixel)) == moves


@pytest.mark.parametrize("axis", [2, 3])
def test_dark_stays_on_a_ridge(axis):
    heatmap = gaussians([(30.3, 40.3)]).amax(axis, keepdim=True).expand(1, 1, 96, 72).clone()
    heatmap[0, 0, 40, 30] += 1e-6  # puts the maximum inside
    xy, _ = dark_decode(heatmap)
    assert (xy[0, 0] - torch.tensor([30, 40])).abs().max() < 1


def test_dark_takes_the_logarithm_of_empty_surroundings():
    heatmap = torch.zeros(1, 1, 20, 20)
    heatmap[0, 0, 9, 9], heatmap[0, 0, 9, 10] = 1, 0.5
    xy, _ = dark_decode(heatmap, kernel=3)  # leaves zeros two pixels from the maximum
    assert 9 < xy[0, 0, 0] < 10
    assert xy[0, 0, 1] == 9


def test_dark_does_not_depend_on_a_factor():
    heatmaps = golden_heatmaps("96x72")[4:8]
    torch.testing.assert_close(dark_decode(heatmaps * 8)[0], dark_decode(heatmaps)[0])


@pytest.mark.parametrize("kernel", [-1, 1, 10])
def test_dark_refuses_a_kernel_without_a_middle(kernel):
    with pytest.raises(ConfigError, match=f"kernel={kernel}: expected an odd number"):
        dark_decode(torch.ones(1, 1, 8, 8), kernel)


def test_dark_decodes_maps_smaller_than_its_kernel():
    xy, _ = dark_decode(gaussians([(3.2, 2.9)], (7, 6), sigma=1))
    assert (xy[0, 0] - torch.tensor([3.2, 2.9])).abs().max() < 0.4


def test_quarter_moves_towards_the_higher_neighbours():
    heatmaps = torch.zeros(1, 4, 7, 8)
    heatmaps[0, :, 3, 4] = 1
    heatmaps[0, 0, 3, 5] = 0.5
    heatmaps[0, 1, 3, 3] = heatmaps[0, 1, 2, 4] = 0.1
    heatmaps[0, 2, 4, 4], heatmaps[0, 2, 2, 4] = 0.2, -0.3
    xy, scores = quarter_decode(heatmaps)
    assert xy[0].tolist() == [[4.25, 3], [3.75, 2.75], [4, 3.25], [4, 3]]
    assert scores[0].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(("x", "moves"), [(0, False), (1, False), (2, True), (6, True), (7, False)])
def test_quarter_moves_only_inside_the_border(x, moves):
    heatmap = torch.rand(1, 1, 9, 8, generator=torch.Generator().manual_seed(0)) / 2
    heatmap[0, 0, 4, x] = 1
    assert (quarter_decode(heatmap)[0][0, 0].tolist() != [x, 4]) == moves


# what every decoder must do


@pytest.mark.parametrize(
    ("decoder", "tolerance_px"),
    [(argmax_decode, 0.5), (quarter_decode, 0.3), (partial(dark_decode, kernel=17), 0.01)],
)
def test_joints_come_back_through_heatmaps(decoder, tolerance_px):
    """The tolerance is in heatmap px: half a pixel, a quarter and rounding, and nearly nothing."""
    rng = np.random.default_rng(0)
    joints = torch.from_numpy(rng.uniform([60, 60], [220, 320], (8, 17, 2))).float()
    both_ways = codec(decoder=decoder)
    heatmaps, weights = both_ways.encode(joints, torch.ones(8, 17))
    xy_crop, scores = both_ways.decode(heatmaps)
    assert weights.min() == 1
    assert scores.min() > np.exp(-0.25 / 9)
    assert (xy_crop - joints).abs().max() <= tolerance_px * 287 / 71 + 1e-3


@pytest.mark.parametrize("decoder", DECODERS)
def test_no_positive_value_means_no_keypoint_and_the_maximum_as_score(decoder):
    heatmaps = -gaussians([(20, 30), (40, 50)]) - 0.25
    heatmaps[0, 0] = 0
    xy, scores = decoder(heatmaps)
    assert xy.abs().max() == 0
    torch.testing.assert_close(scores, heatmaps.amax((2, 3)))


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_first_of_several_maxima_in_reading_order_wins(decoder):
    heatmaps = torch.zeros(1, 1, 20, 20)
    heatmaps[0, 0, 5, 15] = heatmaps[0, 0, 5, 9] = heatmaps[0, 0, 12, 3] = 1
    assert decoder(heatmaps)[0][0, 0].round().tolist() == [9, 5]


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_decoders_compute_half_precision_maps_in_float32(decoder, dtype):
    heatmaps = golden_heatmaps("64x48")[:3].to(dtype)
    xy, scores = decoder(heatmaps)
    assert xy.dtype == scores.dtype == torch.float32
    torch.testing.assert_close((xy, scores), decoder(heatmaps.float()))


@pytest.mark.parametrize("decoder", DECODERS)
def test_autocast_changes_nothing(decoder):
    both_ways, heatmaps = codec(decoder=decoder), golden_heatmaps("96x72")[:2]
    joints, labelled = 300 * torch.rand(2, 17, 2), torch.ones(2, 17)
    plain = both_ways.decode(heatmaps), both_ways.encode(joints, labelled)
    with torch.autocast("cpu", torch.bfloat16):
        cast = both_ways.decode(heatmaps), both_ways.encode(joints, labelled)
    torch.testing.assert_close(cast, plain, rtol=0, atol=0)


@pytest.mark.parametrize("decoder", DECODERS)
def test_each_map_is_decoded_by_itself_and_no_person_is_no_error(decoder):
    heatmaps = golden_heatmaps("64x48")[:4]
    xy, scores = decoder(heatmaps)
    alone = decoder(heatmaps[2:3, 5:6].clone())
    torch.testing.assert_close(alone, (xy[2:3, 5:6], scores[2:3, 5:6]), rtol=0, atol=1e-5)
    assert decoder(heatmaps[:0])[0].shape == (0, 17, 2)


@pytest.mark.parametrize("decoder", DECODERS)
def test_channels_last_maps_decode_alike(decoder):
    heatmaps = golden_heatmaps("64x48")[:2]
    torch.testing.assert_close(
        decoder(heatmaps.contiguous(memory_format=torch.channels_last)), decoder(heatmaps)
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("decoder", DECODERS)
def test_the_gpu_decodes_and_encodes_as_the_cpu(decoder):
    both_ways, heatmaps = codec(decoder=decoder), golden_heatmaps("96x72")
    joints, labelled = 300 * torch.rand(2, 17, 2), torch.ones(2, 17)
    expected = both_ways.decode(heatmaps), both_ways.encode(joints, labelled)
    with torch.autocast("cuda"):
        found = both_ways.decode(heatmaps.cuda()), both_ways.encode(joints.cuda(), labelled.cuda())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3, check_device=False)


# flip


def test_flip_back_is_that_of_the_official_code():
    flipped = flip_back(torch.from_numpy(A5["heatmap"]), COCO17.flip_order)
    np.testing.assert_array_equal(flipped, A5["flipped_back"])


def test_flipped_back_twice_is_the_same():
    heatmaps = torch.rand(2, 17, 6, 5)
    twice = flip_back(flip_back(heatmaps, COCO17.flip_order), COCO17.flip_order)
    torch.testing.assert_close(twice, heatmaps, rtol=0, atol=0)


def test_a_shifted_flip_back_moves_by_one_pixel_and_keeps_the_first_column():
    heatmaps = torch.rand(2, 17, 4, 5)
    plain = flip_back(heatmaps, COCO17.flip_order)
    shifted = flip_back(heatmaps, COCO17.flip_order, shift=True)
    assert torch.equal(shifted[..., 1:], plain[..., :-1])
    assert torch.equal(shifted[..., 0], plain[..., 0])
