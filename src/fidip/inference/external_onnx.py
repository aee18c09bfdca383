"""ONNX files of other programs: RTMPose, ViTPose and other models that rtmlib supports.

Such a file takes normalised crops, (N, 3, H, W) float32, and returns either one output of heatmaps,
(N, K, h, w), or the two outputs of SimCC, (N, K, Wx) and (N, K, Wy). The kind follows from the
shapes.

Crops are RGB, normalised by mean and standard deviation of ImageNet, as in the training of these
networks in MMPose (``bgr_to_rgb=True``). rtmlib does not convert colours, so it feeds BGR if OpenCV
read the image (https://github.com/Tau-J/rtmlib/issues/48). Keypoints equal those of rtmlib for RGB
images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fidip.codecs.base import Codec
from fidip.codecs.simcc import SimccCodec
from fidip.codecs.udp import UdpCodec, dark_udp_decode
from fidip.core.arrays import ImageSize
from fidip.core.errors import CheckpointError, ConfigError
from fidip.core.skeleton import COCO17
from fidip.nn.onnx_sessions import run_onnx, try_onnx
from fidip.nn.pose_net import IMAGENET_MEAN, IMAGENET_STD

SMALLEST, LARGEST = 8, 2048
"""Limits of the sides of a crop in px."""
SIMCC = ("simcc_x", "simcc_y")
"""Names of the outputs of RTMPose; outputs with other names are used in their order."""


class ExternalFile:
    """ONNX file of another program as a runtime.

    Attributes:
        codec: codec of the maps: UDP for heatmaps, as in ViTPose, or SimCC.

    Args:
        session: ONNX Runtime session of the file.
        path: path of the file, for messages.

    Raises:
        CheckpointError: inputs or outputs are not supported.
    """

    def __init__(self, session: Any, path: Path) -> None:
        self._session = session
        self._batch, (width, height) = _input_of(session, path)
        names = [output.name for output in session.get_outputs()]
        self._order = [names.index(n) for n in SIMCC] if set(names) == set(SIMCC) else None
        self._mean, self._std = (
            255 * torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD)
        )
        # Two crops, to check that the file really accepts any batch size.
        images = torch.zeros(self._batch or 2, 3, height, width)
        outputs = self._sorted(try_onnx(session, path, images))
        self.codec = _codec_of(path, (width, height), len(images), names, outputs)

    def __call__(self, crops: Tensor) -> Tensor:
        """Return the maps of (B, 3, H, W) uint8 RGB crops."""
        images = (crops.cpu().float() - self._mean) / self._std
        size = self._batch or len(images)
        return torch.cat([self._maps(part, size) for part in images.split(size)])

    def _maps(self, images: Tensor, size: int) -> Tensor:
        """Return the maps of up to ``size`` images, padded to a batch of that size."""
        filling = images.new_zeros(size - len(images), *images.shape[1:])
        outputs = self._sorted(run_onnx(self._session, torch.cat([images, filling])))
        return torch.cat([o.float() for o in outputs], dim=-1)[: len(images)]

    def _sorted(self, outputs: list[Tensor]) -> list[Tensor]:
        return outputs if self._order is None else [outputs[i] for i in self._order]


def _input_of(session: Any, path: Path) -> tuple[int | None, ImageSize]:
    """Return the fixed batch size of a file, None for any size, and the crop (width, height)."""
    inputs = session.get_inputs()
    found = [(i.name, i.type, i.shape) for i in inputs]
    shape = inputs[0].shape if len(inputs) == 1 else []
    fits = len(shape) == 4 and shape[1] == 3 and inputs[0].type == "tensor(float)"
    if not fits or not all(_is_between(side, SMALLEST, LARGEST) for side in shape[2:]):
        raise CheckpointError(
            f"{path}: takes {found}; expected one float32 input (N, 3, H, W) with fixed H and W of "
            f"{SMALLEST} to {LARGEST}. Export it with such an input"
        )
    batch = shape[0]
    if isinstance(batch, int) and not _is_between(batch, 1, 1024):
        raise CheckpointError(
            f"{path}: takes {batch} images at once; expected 1 to 1024, or any number. Export it "
            "with such an input"
        )
    return (batch if isinstance(batch, int) else None), (shape[3], shape[2])


def _is_between(value: Any, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and lowest <= value <= highest


def _codec_of(
    path: Path, input_wh: ImageSize, count: int, names: Sequence[str], outputs: Sequence[Tensor]
) -> Codec:
    """Return the codec for the outputs of a file.

    Args:
        path: path of the file, for messages.
        input_wh: (width, height) of the crops in px.
        count: number of images that the outputs belong to.
        names: names of the outputs.
        outputs: the outputs.

    Raises:
        CheckpointError: the outputs are neither heatmaps nor SimCC maps of the 17 COCO joints.
    """
    shapes = [tuple(output.shape) for output in outputs]
    is_heatmaps = [len(shape) for shape in shapes] == [4]
    is_simcc = [len(shape) for shape in shapes] == [3, 3]
    if not (is_heatmaps or is_simcc) or {shape[0] for shape in shapes} != {count}:
        found = ", ".join(f"{n} {s}" for n, s in zip(names, shapes, strict=True)) or "nothing"
        raise CheckpointError(
            f"{path}: gives {found} for {count} images; expected heatmaps (N, K, H, W), or SimCC "
            "(N, K, Wx) and (N, K, Wy). Choose a pose network of one person in a crop"
        )
    joints = {shape[1] for shape in shapes}
    if joints != {len(COCO17)}:
        raise CheckpointError(
            f"{path}: gives {' and '.join(map(str, sorted(joints)))} keypoints; expected "
            f"{len(COCO17)}, in COCO's order. Choose a network of COCO's body keypoints"
        )
    try:
        return _simcc(input_wh, shapes) if is_simcc else _udp(input_wh, shapes[0])
    except ConfigError as error:
        width, height = input_wh
        raise CheckpointError(
            f"{path}: gives maps of shapes {shapes}; expected sides in the ratio of the input's, "
            f"{width}x{height}. Choose another file"
        ) from error


def _udp(input_wh: ImageSize, shape: tuple[int, ...]) -> Codec:
    height, width = shape[2:]
    if min(width, height) < 2:
        raise ConfigError("one pixel has no place")
    return UdpCodec(input_wh, (width, height), 2.0, partial(dark_udp_decode, kernel=11))


def _simcc(input_wh: ImageSize, shapes: Sequence[tuple[int, ...]]) -> Codec:
    bins_x, bins_y = (shape[2] for shape in shapes)
    if min(bins_x, bins_y) < 1:
        raise ConfigError("there are no bins")
    return SimccCodec(input_wh, (bins_x, bins_y), (math.sqrt(bins_x / 16), math.sqrt(bins_y / 16)))
