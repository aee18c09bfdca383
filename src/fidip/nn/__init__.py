"""Networks: backbones, pose heads, domain heads and pretrained weights."""

from fidip.nn.backbone import TimmPyramid
from fidip.nn.domain_head import (
    DomainHead,
    HRNetDomainHead,
    MobileNetDomainHead,
    ResNetDomainHead,
)
from fidip.nn.hrnet import HRNet
from fidip.nn.interpolation import interpolate
from fidip.nn.movenet import MoveNetBackbone, MoveNetFullHead, MoveNetHead
from fidip.nn.pose_head import ConvHead, DeconvHead, PixelShuffleHead, SimccHead, UpsampleHead
from fidip.nn.pose_net import PoseNet, PoseOutput
from fidip.nn.temporal import HeatmapFusion, SequenceNet
from fidip.nn.vit import ViT
from fidip.nn.weights.net_weights import LoadReport, load_weights, save_weights

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
