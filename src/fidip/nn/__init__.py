"""Networks: backbones, pose heads, domain heads and pretrained weights.

The backbones of timm are imported when first used, because importing timm takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fidip.nn.domain_head import (
    DomainHead,
    HRNetDomainHead,
    MobileNetDomainHead,
    ResNetDomainHead,
)
from fidip.nn.interpolation import interpolate
from fidip.nn.movenet import MoveNetBackbone, MoveNetFullHead, MoveNetHead
from fidip.nn.pose_head import ConvHead, DeconvHead, PixelShuffleHead, SimccHead, UpsampleHead
from fidip.nn.pose_net import PoseNet, PoseOutput
from fidip.nn.temporal import HeatmapFusion, SequenceNet
from fidip.nn.weights.net_weights import LoadReport, load_weights, save_weights

if TYPE_CHECKING:
    from fidip.nn.backbone import TimmPyramid
    from fidip.nn.hrnet import HRNet
    from fidip.nn.vit import ViT

__all__ = [
    "ConvHead",
    "DeconvHead",
    "DomainHead",
    "HRNet",
    "HRNetDomainHead",
    "HeatmapFusion",
    "LoadReport",
    "MobileNetDomainHead",
    "MoveNetBackbone",
    "MoveNetFullHead",
    "MoveNetHead",
    "PixelShuffleHead",
    "PoseNet",
    "PoseOutput",
    "ResNetDomainHead",
    "SequenceNet",
    "SimccHead",
    "TimmPyramid",
    "UpsampleHead",
    "ViT",
    "interpolate",
    "load_weights",
    "save_weights",
]

_WITH_TIMM = {"HRNet": "hrnet", "TimmPyramid": "backbone", "ViT": "vit"}


def __getattr__(name: str) -> Any:
    """Import a backbone of timm."""
    if name not in _WITH_TIMM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WITH_TIMM[name]}"), name)
