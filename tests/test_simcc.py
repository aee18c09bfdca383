"""SimCC: labels, decoding as rtmlib does it, mirroring, the loss, the head and training."""

import math

import hydra
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.codecs.decoders import argmax_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.codecs.simcc import SimccCodec
from fidip.core.errors import ConfigError
from fidip.core.skeleton import COCO17
from fidip.io.paths import config_dir
from fidip.nn import PoseNet, SimccHead
from fidip.nn.losses import heatmap_mse, simcc_kl
from fidip.tasks import PoseTask

CODEC = SimccCodec((192, 256), (384, 512), (4.9, 5.66))
SMALL = SimccCodec((24, 32), (48, 64), (1.7, 2.0))


def joints_in(codec, count=4, seed=0):
    size = torch.tensor(codec.input_wh) - 1
    return torch.rand(count, 17, 2, generator=torch.Generator().manual_seed(seed)) * size


@pytest.mark.parametrize("codec", [CODEC, SMALL, SimccCodec((32, 32), (96, 96), (2.0, 2.0))])
def test_decoding_undoes_encoding(codec):
    joints = joints_in(codec)
    maps, weights = codec.encode(joints, torch.ones(4, 17))
    assert maps.shape[1:] == codec.map_shape(17)
    assert weights.min() == 1
    xy, scores = codec.decode(maps)
    assert (xy - joints).abs().max() <= 0.5 / codec.bins_per_px + 1e-4  # half a bin
    assert scores.min() > 0.96


def test_labels_are_gaussians_of_height_1():
    joints = torch.full((1, 1, 2), 50.25)
    x, y = CODEC.split(CODEC.encode(joints, torch.ones(1, 1))[0])
    for axis, sigma in ((x, 4.9), (y, 5.66)):
        bins = np.arange(axis.shape[2])
        wanted = np.exp(-((bins - 100.5) ** 2) / (2 * sigma**2))
        np.testing.assert_allclose(axis[0, 0], wanted, atol=1e-5)


def test_joints_without_a_label_or_far_outside_weigh_nothing():
    inside, near, far = (100.0, 100.0), (-5.0, 100.0), (100.0, 256 + 9.0)
    joints = torch.tensor([[inside, inside, near, far]])
    maps, weights = CODEC.encode(joints, torch.tensor([[1, 0, 1, 1]]))
    assert weights.tolist() == [[1, 0, 1, 0]]
    assert maps[0, [1, 3]].abs().max() == 0


def test_decoding_is_that_of_rtmlib():
    processing = pytest.importorskip("rtmlib.tools.pose_estimation.post_processings")
    maps = torch.rand(3, 17, 896, generator=torch.Generator().manual_seed(1)) - 0.1
    xy, scores = CODEC.decode(maps)
    x, y = (axis.numpy() for axis in CODEC.split(maps))
    locations, values = processing.get_simcc_maximum(x, y)
    np.testing.assert_array_equal(xy, locations / 2)
    np.testing.assert_allclose(scores, values, rtol=1e-6)


def test_where_no_score_is_positive_there_is_no_keypoint():
    xy, scores = CODEC.decode(-torch.rand(1, 17, 896) - 0.1)
    assert xy.abs().max() == 0
    assert scores.max() < 0


@pytest.mark.parametrize("codec", [CODEC, SMALL])
def test_maps_of_mirrored_crops_are_mirrored_back(codec):
    joints, order = joints_in(codec), COCO17.flip_order
    mirrored = joints[:, order].clone()
    mirrored[..., 0] = codec.input_wh[0] - 1 - mirrored[..., 0]
    (plain, _), (maps, _) = (codec.encode(each, torch.ones(4, 17)) for each in (joints, mirrored))
    (x, y), (back_x, back_y) = (codec.split(m) for m in (plain, codec.flip_back(maps, order)))
    torch.testing.assert_close(back_x[..., :-1], x[..., :-1])
    torch.testing.assert_close(back_y, y)
    with pytest.raises(ConfigError, match="flip_shift=true"):
        codec.flip_back(maps, order, shift=True)


def test_the_loss_is_the_divergence_of_both_axes():
    """Equals the definition with MMPose's constants: mean over bins, sum over samples, over K."""
    bins, beta = CODEC.bins_wh, 10.0
    target, _ = CODEC.encode(joints_in(CODEC), torch.ones(4, 17))
    output = torch.rand(4, 17, 896, generator=torch.Generator().manual_seed(2))
    weight = torch.ones(4, 17)
    weight[:, 5:] = 0
    wanted = 0.0
    for ours, theirs in zip(CODEC.split(output), CODEC.split(target), strict=True):
        p, q = (torch.softmax(beta * axis.double(), 2) for axis in (theirs, ours))
        wanted += ((p * (p / q).log()).sum(2) * weight).sum() / weight.numel()
    loss = simcc_kl(output, target, weight, bins, beta)
    torch.testing.assert_close(loss.double(), wanted)
    assert simcc_kl(target, target, weight, bins) == pytest.approx(0, abs=1e-6)
    shifted = simcc_kl(output + 3, target, weight, bins)  # distributions do not change
    torch.testing.assert_close(shifted, loss)


def test_the_loss_is_finite_and_has_gradients_in_half_precision():
    target, weight = CODEC.encode(joints_in(CODEC), torch.ones(4, 17))
    output = (100 * torch.randn(4, 17, 896)).half().requires_grad_()
    loss = simcc_kl(output, target, weight, CODEC.bins_wh)
    loss.backward()
    assert loss.isfinite()
    assert loss.dtype == torch.float32
    assert output.grad.isfinite().all()
    assert output.grad.abs().max() > 0


HEATMAPS = HeatmapCodec((96, 96), (24, 24), 1.5, argmax_decode)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: SimccCodec((192, 256), (384, 500), (1, 1)), "aspect ratio"),
        (lambda: SimccCodec((192, 256), (384, 512), (1, 0)), "^sigma=.*more than 0 bins"),
        (lambda: CODEC.decode(torch.rand(1, 17, 64, 48)), r"\(17, 64, 48\); expected \(17, 896\)"),
        (lambda: CODEC.decode(torch.rand(1, 17, 800)), r"expected \(17, 896\)"),
        (lambda: HEATMAPS.decode(torch.rand(1, 17, 896)), r"\(17, 896\); expected \(maps, height"),
        (lambda: simcc_kl(*2 * [torch.rand(1, 17, 896)], torch.ones(1, 17), [384, 500]), "bins_wh"),
        (lambda: simcc_kl(*2 * [torch.rand(1, 17, 9, 9)], torch.ones(1, 17), [9, 9]), "bins_wh"),
        (lambda: heatmap_mse(*2 * [torch.rand(1, 17, 896)], torch.ones(1, 17)), "simcc_kl"),
        (lambda: SimccHead(8, [6, 8], [384, 512])(torch.rand(1, 8, 6, 8)), r"grid_wh=\[6, 8\]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(make, expected):
    with pytest.raises(ConfigError, match=expected) as error:
        make()
    assert "\n" not in str(error.value)


class Shrink(torch.nn.Sequential):
    num_features = 16

    def __init__(self):
        super().__init__(torch.nn.Conv2d(3, 16, 8, stride=8), torch.nn.ReLU())


def test_a_small_net_learns_where_a_dot_is():
    """The loss of a network with the head falls, and flip-averaged keypoints are near the dots."""
    torch.manual_seed(0)
    net = PoseNet(Shrink(), lambda channels: SimccHead(channels, (3, 4), SMALL.bins_wh, joints=1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    size, losses = torch.tensor(SMALL.input_wh) - 1, []
    y, x = torch.meshgrid(torch.arange(32), torch.arange(24), indexing="ij")
    for _ in range(300):
        joints = torch.rand(32, 1, 2, generator=generator) * size
        distance = (x - joints[..., :1, None][:, 0]) ** 2 + (y - joints[..., 1:, None][:, 0]) ** 2
        images = (torch.exp(-distance / 18)[:, None] * 2).expand(-1, 3, -1, -1)
        target, weight = SMALL.encode(joints, torch.ones(32, 1))
        loss = simcc_kl(net(images).heatmaps, target, weight, SMALL.bins_wh)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.5 * losses[0]
    with torch.no_grad():
        maps, mirrored = (net(each).heatmaps for each in (images, images.flip(-1)))
    maps = (maps + SMALL.flip_back(mirrored, np.array([0]))) / 2
    errors = (SMALL.decode(maps)[0] - joints).norm(dim=2)
    assert errors.median() < 2.5


def test_the_configuration_brings_its_loss():
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        choices = ["experiment=scratch_demo", "net=resnet50_simcc", "codec=simcc_192x256"]
        config = hydra.compose("train", [*choices, "data.root=x", "ckpt=null", "run_dir=x"])
    assert OmegaConf.to_container(config.task.loss, resolve=True)["bins_wh"] == [384, 512]
    with torch.device("meta"):
        task = instantiate(config.task)
    assert isinstance(task, PoseTask)
    assert task.codec.bins_wh == (384, 512)
    np.testing.assert_allclose(
        task.codec.sigma, [math.sqrt(384 / 16), math.sqrt(512 / 16)], atol=0.01
    )
    maps = task.net(torch.zeros(2, 3, 256, 192, device="meta")).heatmaps
    assert maps.shape == (2, *task.codec.map_shape(17))
    loss = task.loss(maps, maps, torch.ones(2, 17, device="meta"))
    assert loss.shape == ()
