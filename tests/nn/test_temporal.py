"""Fusion of the heatmaps of several frames."""

from functools import partial

import pytest
import torch

from fidip.core.errors import ArgumentError, CheckpointError, ConfigError
from fidip.nn import (
    ConvHead,
    HeatmapFusion,
    MoveNetBackbone,
    MoveNetFullHead,
    PoseNet,
    SequenceNet,
    load_weights,
    save_weights,
)

FORMS = {"offline": (2, 2), "causal": (4, 0)}


def make_net(past, future, head=ConvHead, first_map=0, **settings):
    torch.manual_seed(0)
    fusion = HeatmapFusion(past, future, first_map=first_map, width=4)
    return SequenceNet(MoveNetBackbone(0.125), head, fusion, **settings)


def unzero(fusion):
    torch.nn.init.normal_(fusion.residual.weight)
    return fusion


def frames(count=2, length=5):
    return torch.randn(count, length, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("past", "future"), FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("head", "first_map"), [(ConvHead, 0), (MoveNetFullHead, 1)])
def test_an_untrained_fusion_changes_no_bit_of_the_target_frame(past, future, head, first_map):
    net = make_net(past, future, head, first_map).eval()
    images = frames()
    windows, singles = net(images), net.of_frames(images)
    assert torch.equal(windows.heatmaps, singles.heatmaps[:, past])
    assert torch.equal(windows.features, singles.features[:, past])
    alone = PoseNet.forward(net, images[:, past])
    torch.testing.assert_close(net(images[:, past]).heatmaps, alone.heatmaps)
    torch.testing.assert_close(windows.heatmaps, alone.heatmaps)


@pytest.mark.parametrize(("past", "future"), FORMS.values(), ids=FORMS)
def test_every_frame_of_the_window_has_an_effect_and_no_other_map(past, future):
    fusion = unzero(HeatmapFusion(past, future, first_map=1, width=4))
    maps = torch.rand(1, 5, 20, 8, 8, requires_grad=True)
    out = fusion(maps)
    out[:, 1:18].sum().backward()
    moved = maps.grad[0].abs().sum(dim=(2, 3)) > 0
    assert moved[:, 1:18].all()
    assert not moved[:, [0, 18, 19]].any()
    assert torch.equal(out[:, [0, 18, 19]], maps[:, past, [0, 18, 19]])


def test_the_order_of_the_joints_has_no_effect():
    fusion, order = unzero(HeatmapFusion(1, 1)), torch.randperm(17)
    maps = torch.rand(2, 3, 17, 8, 8)
    torch.testing.assert_close(fusion(maps[:, :, order]), fusion(maps)[:, order])


def test_predictions_of_consecutive_frames_are_those_of_their_windows():
    net, images = make_net(1, 1), frames(length=6)
    unzero(net.fusion)
    each = net.predict_each(images)
    assert each.shape == (2, 4, 17, 8, 8)
    for start in range(4):
        window = images[:, start : start + 3]
        torch.testing.assert_close(each[:, start], net(window).heatmaps, rtol=1e-4, atol=1e-5)


def test_only_the_fusion_learns_if_the_network_of_single_frames_is_frozen():
    net = make_net(2, 2, frozen=["backbone", "head"])
    net(frames()).heatmaps.square().sum().backward()
    learning = {name for name, p in net.named_parameters() if p.grad is not None}
    assert learning
    assert all(name.startswith("fusion.") for name in learning)


def test_it_starts_from_weights_of_single_frames(tmp_path):
    single, net = PoseNet(MoveNetBackbone(0.125), ConvHead), make_net(1, 1)
    save_weights(single, tmp_path / "single.safetensors", {})
    report = load_weights(net, tmp_path / "single.safetensors")
    assert not report.missing
    assert torch.equal(net.head.final_layer.weight, single.head.final_layer.weight)
    save_weights(net, tmp_path / "sequence.safetensors", {})
    unzero(net.fusion)
    load_weights(net, tmp_path / "sequence.safetensors")
    assert not net.fusion.residual.weight.any()
    with pytest.raises(CheckpointError, match="fusion"):  # it has a fusion, but of another width
        load_weights(
            SequenceNet(MoveNetBackbone(0.125), ConvHead, HeatmapFusion(1, 1, width=5)),
            tmp_path / "sequence.safetensors",
        )


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        (torch.zeros(1, 3, 17, 8, 8), "windows of 3 frames; expected 5"),
        (torch.zeros(1, 5, 16, 8, 8), "16 maps; expected 17"),
        (torch.zeros(1, 5, 17, 96), "SimCC"),
    ],
)
def test_maps_of_another_kind_are_refused(maps, words):
    with pytest.raises(ConfigError, match=words):
        HeatmapFusion(2, 2)(maps)


def test_a_window_of_one_frame_is_refused():
    with pytest.raises(ArgumentError, match="at least 1"):
        HeatmapFusion(0, 0)


def test_it_learns_to_recover_a_frame_from_its_neighbours():
    """Peaks move 1 px a frame; the target frame is blank for half of the joints."""
    torch.manual_seed(0)
    fusion = HeatmapFusion(1, 1, width=8)
    optimizer = torch.optim.Adam(fusion.parameters(), 1e-2)
    make = partial(moving_peaks, generator=torch.Generator().manual_seed(0))
    for _ in range(120):
        maps, truth = make()
        loss = (fusion(maps) - truth).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    maps, truth = make()
    before = (maps[:, 1] - truth).square().mean()
    assert (fusion(maps) - truth).square().mean() < before / 5


def moving_peaks(generator, count=4):
    """(B, 3, 17, 12, 12) heatmaps of moving joints, and those of the middle frame without gaps."""
    at = torch.rand(count, 1, 17, 2, 1, generator=generator) * 6 + 3
    step = torch.randint(-1, 2, (count, 1, 17, 2, 1), generator=generator)
    at = at + step * torch.arange(-1, 2).view(1, 3, 1, 1, 1)
    y, x = torch.exp(-(torch.arange(12) - at).square() / 2).unbind(3)
    truth = y[..., :, None] * x[..., None, :]
    maps = truth.clone()
    maps[:, 1, ::2] = 0
    return maps, truth[:, 1]
