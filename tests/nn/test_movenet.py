"""MoveNet: TensorFlow's arithmetic, the original's numbers, training and export."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from fidip.cli.composition import choice
from fidip.codecs.centernet import MoveNetCodec
from fidip.core.errors import ConfigError
from fidip.nn import MoveNetBackbone, MoveNetFullHead, MoveNetHead, PoseNet, load_weights
from fidip.nn.export_formats import write_onnx
from fidip.nn.losses import movenet_loss
from fidip.nn.movenet import SameConv2d
from fidip.nn.portable_export import Portable
from tests.nn.movenet_files import crops_of, picture

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "movenet.npz")
CASES = [("lightning", 192, seed) for seed in range(3)] + [
    ("thunder", 256, seed) for seed in range(3)
]


def configured(group, name):
    return instantiate(choice(group, name))


def weights_of(net):
    if net == "lightning":
        return "bundled:movenet-lightning"
    folder = os.environ.get("FIDIP_MOVENET")
    if not folder:
        pytest.skip("set FIDIP_MOVENET to the folder of the TF.js files")
    return Path(folder) / f"movenet-{net}.json"


@pytest.fixture(scope="module")
def lightning():
    net = configured("net", "movenet_lightning_full")
    load_weights(net, weights_of("lightning"))
    return net.eval()


def small_net(head=MoveNetFullHead, **settings):
    torch.manual_seed(0)
    return PoseNet(MoveNetBackbone(0.25, **settings), head, [0.5] * 3, [0.5] * 3)


@pytest.mark.parametrize(("name", "size", "seed"), CASES)
def test_outputs_are_those_of_tfjs(name, size, seed):
    image = picture(size, seed)
    key = f"{name}_{seed}"
    assert hashlib.sha256(image.tobytes()).hexdigest() == str(GOLDEN[f"{key}_sha256"])
    net = configured("net", f"movenet_{name}_full")
    load_weights(net, weights_of(name))
    step = size // 32
    with torch.inference_mode():
        output = net.eval()(net.normalize(crops_of(image)))
        xy, scores = configured("codec", f"movenet_{size}").decode(output.heatmaps)
    maps = output.heatmaps[0, :, ::step, ::step].numpy()
    np.testing.assert_allclose(
        output.features[0, :, ::step, ::step], GOLDEN[f"{key}_features"], atol=1e-5
    )
    np.testing.assert_allclose(maps[:18], GOLDEN[f"{key}_maps"][:18], atol=1e-5)
    # Vectors are up to 66 cells long, in float32.
    np.testing.assert_allclose(maps[18:], GOLDEN[f"{key}_maps"][18:], atol=2e-4, rtol=1e-5)
    expected = GOLDEN[f"{key}_keypoints"]
    # Lightning's graph multiplies by 1/48 in half precision, which is 0.02 % too small.
    tolerance = 1e-3 if name == "lightning" else 1e-5
    np.testing.assert_allclose(xy[0] / size, expected[:, [1, 0]], atol=tolerance)
    np.testing.assert_allclose(scores[0], expected[:, 2], atol=1e-5)


def test_pixels_are_scaled_as_in_the_graph(lightning):
    crops = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    expected = torch.arange(256, dtype=torch.float64).view(16, 16) * 0.007843017578125 - 1
    for name in ("movenet_lightning", "movenet_thunder_full"):
        images = configured("net", name).normalize(crops)
        np.testing.assert_allclose(images[0, 2], expected, atol=1e-6)


@pytest.mark.parametrize("depthwise", [False, True])
def test_stride_2_pads_right_and_bottom(depthwise):
    torch.manual_seed(0)
    layer = SameConv2d(3, 3, 3, stride=2, depthwise=depthwise).double()
    x = torch.randn(1, 3, 8, 6, dtype=torch.float64)
    padded = np.zeros((3, 9, 7))
    padded[:, :8, :6] = x[0]
    kernel = layer.weight.detach().numpy()
    if depthwise:
        kernel = np.stack([np.eye(3)[i][:, None, None] * kernel[i] for i in range(3)])
    expected = np.zeros((3, 4, 3))
    for i in range(4):
        for j in range(3):
            patch = padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            expected[:, i, j] = (kernel * patch).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(layer(x)[0].detach(), expected, atol=1e-12)


def test_stride_1_pads_on_every_side():
    layer = SameConv2d(1, 1, 3)
    nn.init.ones_(layer.weight)
    counts = layer(torch.ones(1, 1, 3, 3))[0, 0]
    assert counts.tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


def test_upsampling_has_half_pixel_centres():
    """With nothing but the top of the pyramid, features are a bilinear enlargement."""
    backbone = MoveNetBackbone(0.25).double().eval()
    for module in backbone.modules():
        if isinstance(module, SameConv2d):
            nn.init.zeros_(module.weight)
    levels = torch.rand(1, 64, 3, 4, dtype=torch.float64)
    backbone.top.forward = lambda _: levels
    for merge in backbone.merges:
        with torch.no_grad():
            merge.depthwise.weight[:, 0, 1, 1] = 1
            for channel in range(24):
                merge.pointwise.conv.weight[channel, channel] = 1
    features = backbone(torch.zeros(1, 3, 96, 128, dtype=torch.float64))[0]
    expected = levels[0, :24].numpy()
    for _ in range(3):
        expected = doubled(doubled(expected, 1), 2)
    np.testing.assert_allclose(features.detach(), expected, atol=1e-12)


def doubled(values, axis):
    """Twice as many samples: output j is at (j + 1/2) / 2 - 1/2, with the border repeated."""
    length = values.shape[axis]
    at = ((np.arange(2 * length) + 0.5) / 2 - 0.5).clip(0, length - 1)
    left = np.floor(at).astype(int)
    right = np.minimum(left + 1, length - 1)
    part = (at - left).reshape([-1 if a == axis else 1 for a in range(3)])
    return np.take(values, left, axis) * (1 - part) + np.take(values, right, axis) * part


@pytest.mark.parametrize("wh", [(96, 96), (128, 96), (160, 256), (192, 192), (256, 224)])
def test_any_size_divisible_by_32(wh):
    output = small_net().eval()(torch.zeros(2, 3, wh[1], wh[0]))
    assert output.features.shape == (2, 24, wh[1] // 4, wh[0] // 4)
    assert output.heatmaps.shape == (2, 86, wh[1] // 4, wh[0] // 4)


@pytest.mark.parametrize("wh", [(96, 100), (200, 192), (16, 32)])
def test_other_sizes_are_refused(wh):
    with pytest.raises(
        ConfigError, match=rf"input_wh=\[{wh[0]}, {wh[1]}\].*divisible by 32"
    ) as error:
        small_net()(torch.zeros(1, 3, wh[1], wh[0]))
    assert "\n" not in str(error.value)


def test_channels_last_gives_the_same_numbers(lightning):
    images = lightning.normalize(crops_of(picture(192, 1)))
    assert images.is_contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        last = lightning(images)
        first = lightning(images.contiguous(memory_format=torch.contiguous_format))
    assert last.features.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last.heatmaps, first.heatmaps, atol=1e-4, rtol=1e-4)


def test_a_batch_gives_what_single_images_give(lightning):
    images = lightning.normalize(crops_of(*(picture(192, seed) for seed in range(3))))
    with torch.inference_mode():
        together = lightning(images).heatmaps
        alone = torch.cat([lightning(image[None]).heatmaps for image in images])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("norm", [False, True])
def test_every_parameter_gets_a_gradient(norm):
    net = small_net(norm=norm)
    net(torch.randn(2, 3, 64, 64)).heatmaps.square().mean().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_norm_adds_to_the_same_names():
    plain, normed = (set(small_net(norm=norm).state_dict()) for norm in (False, True))
    assert plain < normed
    assert all(".norm." in name for name in normed - plain)


def test_heatmaps_of_both_heads_are_the_same(lightning):
    net = configured("net", "movenet_lightning")
    report = load_weights(net, weights_of("lightning"))
    assert len(report.unused) == 15
    images = lightning.normalize(crops_of(picture(192, 0)))
    with torch.inference_mode():
        torch.testing.assert_close(net.eval()(images).heatmaps, lightning(images).heatmaps[:, 1:18])


def test_an_untrained_head_starts_low():
    heatmaps = small_net(MoveNetHead)(torch.rand(1, 3, 64, 64)).heatmaps
    assert 0.05 < heatmaps.mean() < 0.2


def test_a_random_net_learns_two_images():
    """All four maps, from random weights with BatchNorm."""
    net = small_net(norm=True)
    codec = MoveNetCodec((64, 64), (16, 16), 1.5)
    images = net.normalize(crops_of(picture(64, 0), picture(64, 2)))
    joints = torch.rand(2, 17, 2, generator=torch.Generator().manual_seed(0)) * 40 + 12
    target, weight = codec.encode(joints, torch.ones(2, 17))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(150):
        loss = movenet_loss(net(images).heatmaps, target, weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
    xy, scores = codec.decode(net(images).heatmaps)
    assert (xy - joints).norm(dim=2).median() < 2
    assert scores.min() > 0.5


@pytest.mark.parametrize("decode", [False, True])
def test_onnx_gives_the_same(lightning, tmp_path, decode):
    model = Portable(lightning, configured("codec", "movenet_192"), decode=decode)
    check = write_onnx(model, tmp_path / "net.onnx")
    assert check.largest > 1
    assert check.error < 1e-5 * check.largest


def test_rtmlib_cannot_read_the_four_maps(lightning):
    codec = configured("codec", "movenet_192")
    with pytest.raises(ConfigError, match="rtmlib cannot decode"):
        Portable(lightning, codec, "rtmlib")
    Portable(lightning, codec, "rtmlib", decode=True)
