"""Domain heads: features to the log-odds that an image is synthetic.

They normalise by the batch, so a training batch must hold both domains in their usual share: a
batch of one domain alone would be shifted to look like any other.
"""

from __future__ import annotations

from torch import Tensor, nn

from fidip.errors import ConfigError


class DomainHead(nn.Module):
    """A small classifier for features of any size and number of channels.

    Args:
        in_channels: channels of the feature.
        width: channels of the two convolutions.
        grid: the feature is averaged to ``grid`` x ``grid`` cells before the decision, so the
            head sees where in the crop something is, whatever the input's size.
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
        """(B, C, h, w) features to (B,) logits of "synthetic"."""
        logits: Tensor = self.layers(features)
        return logits.squeeze(1)


class HRNetDomainHead(nn.Module):
    """The head of the FiDIP paper for HRNet-W48 at 288x384: 754,553 parameters.

    Args:
        in_channels: channels of the feature.
    """

    feature_hw = (96, 72)

    def __init__(self, in_channels: int = 48) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(in_channels, 32, 3),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 8, 3),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.decision = nn.Sequential(
            nn.Linear(8 * 22 * 16, 256),
            nn.BatchNorm1d(256),
            nn.ReLU(inplace=True),
            nn.Linear(256, 64),
            nn.BatchNorm1d(64),
            nn.ReLU(inplace=True),
            nn.Linear(64, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, 96, 72) features to (B,) logits of "synthetic".

        Raises:
            ConfigError: the feature has another size.
        """
        height, width = features.shape[-2:]
        if (height, width) != self.feature_hw:
            raise ConfigError(
                f"task.domain_head: HRNetDomainHead needs features of 72x96 (width x height), got "
                f"{width}x{height}; fidip.nn.DomainHead takes any size"
            )
        logits: Tensor = self.decision(self.convolutions(features))
        return logits.squeeze(1)
