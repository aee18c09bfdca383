"""HRNet of timm as a backbone."""

from __future__ import annotations

from timm.models.hrnet import HighResolutionNetFeatures, cfg_cls
from torch import Tensor

from fidip.core.errors import ArgumentError


class HRNet(HighResolutionNetFeatures):
    """HRNet for pose estimation: the stride-4 branch of the last stage.

    The architecture of Sun et al., Deep High-Resolution Representation Learning for Human Pose
    Estimation, CVPR 2019, with timm's layers and parameter names.

    Args:
        name: name of a timm HRNet, such as ``hrnet_w48``.

    Raises:
        ArgumentError: timm has no HRNet of this name.
    """

    def __init__(self, name: str = "hrnet_w48") -> None:
        if name not in cfg_cls:
            raise ArgumentError("name", name, f"expected one of {', '.join(cfg_cls)}")
        super().__init__(cfg_cls[name], feature_location="", out_indices=(1,))
        # The last fusions of the coarser branches get no gradient, which DDP rejects.
        self.stage4[-1].fuse_layers = self.stage4[-1].fuse_layers[:1]
        self.num_features: int = self.feature_info.channels()[0]

    def forward(self, images: Tensor) -> Tensor:
        """Compute features.

        Args:
            images: (B, 3, H, W) normalised images.

        Returns:
            (B, C, H/4, W/4) features.
        """
        features: Tensor = super().forward(images)[0]
        return features
