"""Networks that fuse the heatmaps of several frames of a video.

Frames before and after help where one frame is ambiguous, such as in motion blur. Lightning Pose
(Biderman et al., Nature Methods 2024) uses neighbouring frames as context in its network. Here the
context gives a residual of the heatmaps of any network for single frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fidip.core.errors import ArgumentError, ConfigError
from fidip.nn.pose_net import PoseNet, PoseOutput


class HeatmapFusion(nn.Module):
    """Residual network that adds the context of a window of frames to the heatmaps of one frame.

        H'_k = H_k(t) + R(H_k(t - past), ..., H_k(t + future); mean over joints)

    R has the same weights for all joints, and combines joints only by means over all of them, so
    the order of the joints has no effect. Its last layer starts at 0: the untrained fusion returns
    the heatmaps of the frame bit by bit. Frames are assumed to be evenly spaced.

    Args:
        past: number of frames before the target frame.
        future: number of frames after it; 0 for a causal network.
        joints: number of heatmaps, K.
        first_map: index of the first heatmap among the maps; 1 for ``MoveNetFullHead``. Other maps
            are those of the target frame.
        width: channels of each joint.
        dilations: dilation of each residual block, in heatmap px; they limit the distance over
            which a joint that moves is followed.

    Raises:
        ArgumentError: there is no frame besides the target frame.
    """

    def __init__(
        self,
        past: int = 2,
        future: int = 2,
        joints: int = 17,
        first_map: int = 0,
        width: int = 16,
        dilations: Sequence[int] = (1, 2, 4),
    ) -> None:
        super().__init__()
        if past + future < 1:
            raise ArgumentError(
                "past", past, "with future=0 there is no other frame; expected at least 1 of both"
            )
        self.past = past
        self.future = future
        self.joints = joints
        self.first_map = first_map
        self.stem = nn.Conv2d(self.frames, width, 3, padding=1)
        self.blocks = nn.ModuleList(JointBlock(width, dilation) for dilation in dilations)
        self.residual = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.residual.weight)
        assert self.residual.bias is not None
        nn.init.zeros_(self.residual.bias)

    @property
    def frames(self) -> int:
        """Number of frames of a window."""
        return self.past + 1 + self.future

    def forward(self, maps: Tensor) -> Tensor:
        """Compute the maps of the target frames.

        Args:
            maps: (B, T, M, h, w) maps of windows of T frames.

        Returns:
            (B, M, h, w) maps.

        Raises:
            ConfigError: the maps are of another kind or number.
        """
        self._check(maps)
        end = self.first_map + self.joints
        joints = maps[:, :, self.first_map : end].transpose(1, 2)
        x = self.stem(joints.flatten(0, 1)).relu().unflatten(0, joints.shape[:2])
        for block in self.blocks:
            x = block(x)
        residual = self.residual(x.flatten(0, 1)).view_as(joints[:, :, 0])
        target = maps[:, self.past]
        fused = joints[:, :, self.past] + residual
        return torch.cat([target[:, : self.first_map], fused, target[:, end:]], dim=1)

    def _check(self, maps: Tensor) -> None:
        if maps.ndim != 5:
            raise ConfigError(
                f"net: gives maps of shape {tuple(maps.shape[2:])} for each frame; expected (maps, "
                "height, width). Choose a net and a codec with heatmaps, not SimCC"
            )
        if maps.shape[1] != self.frames:
            raise ConfigError(
                f"net.fusion: got windows of {maps.shape[1]} frames; expected {self.frames}, "
                f"{self.past} before and {self.future} after the target frame. Choose data.past "
                "and data.future as in net.fusion"
            )
        if maps.shape[2] < self.first_map + self.joints:
            raise ArgumentError(
                "first_map",
                self.first_map,
                f"there are {maps.shape[2]} maps; expected {self.joints} heatmaps from this index "
                "on, which is 1 for MoveNetFullHead and 0 for other heads",
            )


class JointBlock(nn.Module):
    """Residual block: dilated depthwise convolution, then mixing of channels and of joints.

    Args:
        width: channels of each joint.
        dilation: dilation of the 3x3 convolution.
    """

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(
            width, width, 3, padding=dilation, dilation=dilation, groups=width, bias=False
        )
        self.own = nn.Conv2d(width, width, 1)
        self.others = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, K, C, h, w) features of K joints to features of the same shape."""
        y: Tensor = self.spatial(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        own = self.own(y.flatten(0, 1)).unflatten(0, x.shape[:2])
        return x + (own + self.others(y.mean(dim=1))[:, None]).relu()


class SequenceNet(PoseNet):
    """Pose network for single frames, and a fusion of the heatmaps of several frames.

    The modules of the network for single frames have the same names as in ``PoseNet``, so it starts
    from its weights: checkpoints without ``fusion`` can be loaded.

    Args:
        fusion: fuses the maps of a window of frames.
        backbone, head, mean, std, frozen, frozen_statistics: as for ``PoseNet``. ``frozen`` names
            parts of the network for single frames.
    """

    optional_parts = ("fusion",)

    def __init__(
        self,
        backbone: nn.Module,
        head: Callable[[int], nn.Module],
        fusion: HeatmapFusion,
        **pose_net: Any,
    ) -> None:
        super().__init__(backbone, head, **pose_net)
        self.fusion = fusion

    @property
    def past(self) -> int:
        """Number of frames of a window before its target frame."""
        return self.fusion.past

    @property
    def future(self) -> int:
        """Number of frames of a window after its target frame."""
        return self.fusion.future

    def forward(self, images: Tensor) -> PoseOutput:
        """Compute the features and fused maps of the target frames of windows.

        Args:
            images: (B, T, 3, H, W) normalised windows of T frames; or (B, 3, H, W) single frames,
                whose maps are not fused.

        Returns:
            The (B, C, h, w) features and (B, M, h', w') maps of the target frames.
        """
        if images.ndim == 4:
            return super().forward(images)
        features, maps = self.of_frames(images)
        return PoseOutput(features[:, self.past], self.fusion(maps))

    def of_frames(self, images: Tensor) -> PoseOutput:
        """Compute the features and maps of every frame, without fusion.

        Args:
            images: (B, T, 3, H, W) normalised windows.

        Returns:
            (B, T, C, h, w) features and (B, T, M, h', w') maps.
        """
        frames = images.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        output = super().forward(frames)
        return PoseOutput(*(each.unflatten(0, images.shape[:2]) for each in output))

    def predict_each(self, images: Tensor) -> Tensor:
        """Compute the fused maps of all frames of longer windows that have enough neighbours.

        Args:
            images: (B, T + S - 1, 3, H, W) normalised frames, where T is the length of a window.

        Returns:
            (B, S, M, h', w') maps of S consecutive target frames.
        """
        maps = self.of_frames(images).heatmaps
        length = self.fusion.frames
        starts = range(maps.shape[1] - length + 1)
        return torch.stack([self.fusion(maps[:, s : s + length]) for s in starts], dim=1)
