"""Schemas of codecs, networks and domain heads."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from fidip.cli.components.component import Component, one_of
from fidip.cli.fields import (
    Bins,
    Channels,
    Count,
    FractionBelow1,
    Kernel,
    Name,
    Positive,
    PositiveFloat,
    Size,
    Statistics,
    Text,
)


class Decoder(Component):
    targets = ("fidip.codecs.decoders.argmax_decode", "fidip.codecs.decoders.quarter_decode")


class DarkDecoder(Component):
    targets = ("fidip.codecs.decoders.dark_decode", "fidip.codecs.udp.dark_udp_decode")

    kernel: Kernel = 11


class Codec(Component):
    targets = (
        "fidip.codecs.gaussian.HeatmapCodec",
        "fidip.codecs.udp.UdpCodec",
        "fidip.codecs.centernet.MoveNetCodec",
    )

    input_wh: Size
    heatmap_wh: Size
    sigma: Annotated[float, Field(gt=0, le=1000)]
    decoder: Annotated[Any, one_of(Decoder, DarkDecoder)]


class SimccCodec(Component):
    targets = ("fidip.codecs.simcc.SimccCodec",)

    input_wh: Size
    bins_wh: Bins
    sigma: Annotated[
        list[Annotated[float, Field(gt=0, le=1000)]], Field(min_length=2, max_length=2)
    ]


Codecs = one_of(Codec, SimccCodec)


class HRNet(Component):
    targets = ("fidip.nn.HRNet",)

    name: Name = "hrnet_w48"


class TimmPyramid(Component):
    targets = ("fidip.nn.TimmPyramid",)

    name: Name
    width: Channels = 128
    stem_width: Channels | None = None
    channels: list[Channels] | None = None
    zero_init_last: bool | None = None
    output_stride: Positive | None = None
    drop_path_rate: FractionBelow1 | None = None


class TimmModel(Component):
    """A model of timm by its name. No files: timm would unpickle a ``checkpoint_path``."""

    targets = ("timm.create_model",)

    model_name: Annotated[str, Field(pattern=r"^\w+(\.\w+)?$")]
    num_classes: Literal[0] = 0
    global_pool: Literal[""] = ""
    output_stride: Positive | None = None
    drop_path_rate: FractionBelow1 | None = None


class ViT(Component):
    targets = ("fidip.nn.ViT",)

    width: Channels
    depth: Annotated[int, Field(ge=1, le=100)]
    heads: Annotated[int, Field(ge=1, le=64)]
    input_wh: Size = [192, 256]
    drop_path: FractionBelow1 = 0.0


class MoveNetBackbone(Component):
    targets = ("fidip.nn.MoveNetBackbone",)

    width: Annotated[float, Field(ge=0.125, le=4)] = 1.0
    norm: bool = False


class MoveNetHead(Component):
    targets = ("fidip.nn.MoveNetHead", "fidip.nn.MoveNetFullHead")

    joints: Channels = 17


class ConvHead(Component):
    targets = ("fidip.nn.ConvHead",)

    joints: Channels = 17


class DeconvHead(Component):
    targets = ("fidip.nn.DeconvHead",)

    joints: Channels = 17
    width: Channels = 256
    doublings: Annotated[int, Field(ge=1, le=8)] = 3


class UpsampleHead(Component):
    targets = ("fidip.nn.UpsampleHead",)

    joints: Channels = 17
    scale: Annotated[int, Field(ge=1, le=64)] = 4


class PixelShuffleHead(Component):
    targets = ("fidip.nn.PixelShuffleHead",)

    joints: Channels = 17
    width: Channels = 256


class SimccHead(Component):
    targets = ("fidip.nn.SimccHead",)

    grid_wh: Annotated[list[Channels], Field(min_length=2, max_length=2)]
    bins_wh: Bins
    joints: Channels = 17


class PoseNet(Component):
    targets = ("fidip.nn.PoseNet",)

    backbone: Annotated[Any, one_of(HRNet, TimmPyramid, TimmModel, ViT, MoveNetBackbone)]
    head: Annotated[
        Any,
        one_of(ConvHead, DeconvHead, UpsampleHead, PixelShuffleHead, MoveNetHead, SimccHead),
    ]
    mean: Statistics | None = None
    std: Annotated[list[PositiveFloat], Field(min_length=3, max_length=3)] | None = None
    frozen: list[Text] = []
    frozen_statistics: bool | Literal["all"] = True


class HeatmapFusion(Component):
    targets = ("fidip.nn.HeatmapFusion",)

    past: Annotated[int, Field(ge=0, le=32)] = 2
    future: Annotated[int, Field(ge=0, le=32)] = 2
    joints: Channels = 17
    first_map: Count = 0
    width: Channels = 16
    dilations: Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(max_length=16)] = [1, 2, 4]


class SequenceNet(PoseNet):
    targets = ("fidip.nn.SequenceNet",)

    fusion: Annotated[Any, one_of(HeatmapFusion)]


Nets = one_of(PoseNet, SequenceNet)


class DomainHead(Component):
    targets = ("fidip.nn.DomainHead",)

    width: Channels = 32
    grid: Annotated[int, Field(ge=1, le=64)] = 4


class PaperDomainHead(Component):
    targets = (
        "fidip.nn.HRNetDomainHead",
        "fidip.nn.MobileNetDomainHead",
        "fidip.nn.ResNetDomainHead",
    )
