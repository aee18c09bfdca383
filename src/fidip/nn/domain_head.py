"""Domain heads: classifiers that predict from features whether an image is synthetic.

They normalise by batch statistics, so each training batch must contain both domains in their usual
ratio. In a batch of one domain, the normalisation would remove the difference from the other.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from fidip.core.errors import ConfigError


class DomainHead(nn.Module):
    """Small domain classifier for features of any size.

    Args:
        in_channels: channels of the features.
        width: channels of the two convolutions.
        grid: features are averaged to ``grid`` x ``grid`` cells before the fully connected layers,
            so the head uses spatial information for any input size.
    """

    def __init__(self, in_channels: int, width: int = 32, grid: int = 4) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(grid),
            nn.Flatten(),
            nn.Linear(width * grid**2, 64),
            nn.ReLU(inplace=True),
            nn.Linear(64, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Compute the (B,) logits of the class "synthetic" from (B, C, h, w) features."""
        logits: Tensor = self.layers(features)
        return logits.squeeze(1)


class _PaperHead(nn.Module):
    """Base class of the heads of the FiDIP paper, for features of one size (h, w)."""

    feature_hw: tuple[int, int]
    convolutions: nn.Module
    decision: nn.Module

    def forward(self, features: Tensor) -> Tensor:
        """Compute the (B,) logits of the class "synthetic" from (B, C, h, w) features.

        Raises:
            ConfigError: the features do not have the size ``feature_hw``.
        """
        height, width = features.shape[-2:]
        if (height, width) != self.feature_hw:
            raise ConfigError(
                f"{type(self).__name__} needs features of "
                f"{self.feature_hw[1]}x{self.feature_hw[0]} (width x height), got "
                f"{width}x{height}; fidip.nn.DomainHead takes any size"
            )
        logits: Tensor = self.decision(self.convolutions(features))
        return logits.squeeze(1)


class HRNetDomainHead(_PaperHead):
    """Domain head of the FiDIP paper for HRNet-W48 at 288x384 px, with 754,553 parameters.

    Args:
        in_channels: channels of the features.
    """

    feature_hw = (96, 72)

    def __init__(self, in_channels: int = 48) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *_normalised(nn.Conv2d(in_channels, 32, 3), nn.BatchNorm2d(32)),
            nn.MaxPool2d(2),
            *_normalised(nn.Conv2d(32, 8, 3), nn.BatchNorm2d(8)),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.decision = _decision(8 * 22 * 16, 256, 64)


class MobileNetDomainHead(_PaperHead):
    """Domain head of the FiDIP paper for MobileNetV2 at 224x224 px, with 847,153 parameters.

    Args:
        in_channels: channels of the features.
    """

    feature_hw = (7, 7)

    def __init__(self, in_channels: int = 1280) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *_normalised(nn.Conv2d(in_channels, 512, 1), nn.BatchNorm2d(512)),
            *_normalised(nn.Conv2d(512, 256, 1), nn.BatchNorm2d(256)),
            *_normalised(nn.Conv2d(256, 16, 1), nn.BatchNorm2d(16)),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.decision = _decision(16 * 3 * 3, 256, 64)


class ResNetDomainHead(_PaperHead):
    """Domain head of the FiDIP paper for ResNet-50 at 288x384 px, with 454,041,601 parameters.

    Args:
        in_channels: channels of the features.
    """

    feature_hw = (12, 9)

    def __init__(self, in_channels: int = 2048) -> None:
        super().__init__()
        self.convolutions = nn.Flatten()
        self.decision = _decision(in_channels * 12 * 9, 2048, 512)


def _decision(*widths: int) -> nn.Sequential:
    """Return fully connected layers of the given widths, followed by one output."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += _normalised(nn.Linear(before, after), nn.BatchNorm1d(after))
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1))


def _normalised(layer: nn.Module, norm: nn.Module) -> list[nn.Module]:
    return [layer, norm, nn.ReLU(inplace=True)]
