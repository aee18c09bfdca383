"""Teachers that average over views, against plain loops and a network that finds coloured spots."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from fidip.adapt import AveragedViews
from fidip.codecs.decoders import dark_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.codecs.simcc import SimccCodec
from fidip.core.errors import ArgumentError, ConfigError
from fidip.core.skeleton import COCO17

CODEC = HeatmapCodec((64, 64), (32, 32), sigma=1.5, decoder=dark_decode)
SPOT = (39.0, 24.0)


class Brightness(nn.Module):
    """Shows the brightness of the image, halved in size, as the heatmap of every joint.

    Attributes:
        blind: numbers of the calls that see nothing.
        calls: the images of every call.
    """

    def __init__(self, blind=()):
        super().__init__()
        self.blind, self.calls = set(blind), []

    def normalize(self, crops):
        return crops.float() / 255

    def forward(self, images):
        self.calls.append(images)
        seen = nn.functional.avg_pool2d(images.mean(1, keepdim=True), 2)
        maps = seen.expand(-1, len(COCO17), -1, -1)
        if len(self.calls) - 1 in self.blind:
            maps = torch.zeros_like(maps)
        return SimpleNamespace(heatmaps=maps)


def crop_with_spot(at=SPOT):
    y, x = np.mgrid[:64, :64]
    spot = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 3.0**2))
    return torch.tensor(np.round(255 * spot), dtype=torch.uint8).expand(1, 3, -1, -1)


@pytest.mark.parametrize("zoom", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("rotations", [[0], [0, -25, 25], [90, 180]])
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_view_finds_the_spot_at_its_place_in_the_crop(zoom, rotations, mirrored):
    net = Brightness()
    views = AveragedViews(rotations, mirrored, zoom)
    joints, confidence = views.predict(net, CODEC, crop_with_spot())
    assert joints.shape == (1, len(COCO17), 2)
    expected = torch.tensor(SPOT).expand_as(joints)
    torch.testing.assert_close(joints, expected, rtol=0, atol=0.35)
    assert confidence.min() > 0.5
    assert [len(call) for call in net.calls] == [1] * len(rotations) * (1 + mirrored)
    assert {call.shape[-1] for call in net.calls} == {round(64 * zoom)}


def test_confidence_is_the_mean_of_the_views():
    """A network that sees nothing in one of four views has three quarters of the confidence."""
    views = AveragedViews([0, 0], mirrored=True, zoom=1)
    _, all_seen = views.predict(Brightness(), CODEC, crop_with_spot())
    _, one_blind = views.predict(Brightness(blind=[2]), CODEC, crop_with_spot())
    torch.testing.assert_close(one_blind, all_seen * 3 / 4)


class Halves(Brightness):
    """The heatmap of left joints is the left half of the image; others see the right half."""

    def forward(self, images):
        maps = super().forward(images).heatmaps.clone()
        is_left = torch.tensor([name.startswith("left") for name in COCO17.joints])
        maps[:, is_left, :, 16:] = 0
        maps[:, ~is_left, :, :16] = 0
        return SimpleNamespace(heatmaps=maps)


def test_mirrored_views_exchange_left_and_right():
    """In the mirrored view, the spot in the right half is in the left half, so left joints see it,
    which are the right joints of the crop."""
    _, confidence = AveragedViews([0], mirrored=True, zoom=1).predict(
        Halves(), CODEC, crop_with_spot((50.0, 30.0))
    )
    by_name = dict(zip(COCO17.joints, confidence[0].tolist(), strict=True))
    assert by_name["right_wrist"] > 0.8  # in both views
    assert by_name["left_wrist"] < 0.1
    assert by_name["nose"] == pytest.approx(by_name["right_wrist"] / 2, rel=0.1)  # in one view


def test_no_crops_have_no_joints():
    joints, confidence = AveragedViews().predict(
        Brightness(), CODEC, torch.zeros(0, 3, 64, 64).byte()
    )
    assert joints.shape == (0, len(COCO17), 2)
    assert confidence.shape == (0, len(COCO17))


@pytest.mark.parametrize("angles", [[], [0, 181], [-200]])
def test_impossible_rotations_are_refused(angles):
    with pytest.raises(ArgumentError, match=r"rotations_deg"):
        AveragedViews(angles)


def test_maps_that_cannot_be_turned_or_enlarged_are_refused():
    codec = SimccCodec((64, 64), (128, 128), (3.0, 3.0))
    with pytest.raises(ConfigError, match=r"rotations_deg.*SimccCodec"):
        AveragedViews([0, 9], zoom=1).predict(Brightness(), codec, crop_with_spot())
    with pytest.raises(ConfigError, match=r"zoom=2.*SimccCodec"):
        AveragedViews([0], zoom=2).predict(Brightness(), codec, crop_with_spot())
