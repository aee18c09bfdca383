"""A network with known output: joints 0, 1 and 2 lie where red, green and blue are brightest."""

import torch
import torch.nn.functional as F
from torch import nn

from fidip.codecs.decoders import dark_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.nn import PoseNet
from fidip.nn.pose_net import IMAGENET_MEAN, IMAGENET_STD

WH, HEATMAP_WH = (96, 96), (24, 24)


class Shrink(nn.Module):
    num_features = 3

    def forward(self, images):
        """Corner pixels stay corner pixels, as the codec has it."""
        smooth = F.avg_pool2d(images, 5, stride=1, padding=2, count_include_pad=False)
        return F.interpolate(smooth, HEATMAP_WH[::-1], mode="bilinear", align_corners=True)


class Colours(nn.Module):
    """Return 17 heatmaps: fractions of red, green and blue, repeated 100 times weaker."""

    def __init__(self, channels):
        super().__init__()
        self.final_layer = nn.Conv2d(channels, 17, 1)
        scale = torch.tensor([1.0 if joint < 3 else 0.01 for joint in range(17)])
        channel = torch.arange(17) % 3
        with torch.no_grad():
            weight = torch.diag(torch.tensor(IMAGENET_STD))[channel] * scale[:, None]
            self.final_layer.weight.copy_(weight[..., None, None])
            self.final_layer.bias.copy_(torch.tensor(IMAGENET_MEAN)[channel] * scale)

    def forward(self, features):
        return self.final_layer(features)


def spot_net():
    return PoseNet(Shrink(), Colours).eval()


def spot_codec():
    return HeatmapCodec(WH, HEATMAP_WH, 1.5, dark_decode)
