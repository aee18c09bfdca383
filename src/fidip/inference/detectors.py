"""Detectors of people: where in an image a search begins."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection import (
    FasterRCNN_MobileNet_V3_Large_320_FPN_Weights,
    fasterrcnn_mobilenet_v3_large_320_fpn,
)

from fidip.core.arrays import Floats, Image
from fidip.core.errors import CheckpointError
from fidip.inference.devices import torch_device
from fidip.io.coco import PERSON
from fidip.nn.onnx_sessions import onnx_session

Detections = tuple[Floats, NDArray[np.float32]]
"""(N, 4) boxes xywh in image px and their (N,) scores, surest first."""


class Detector(Protocol):
    """People in an (H, W, 3) RGB image."""

    def __call__(self, image: Image) -> Detections: ...


class NoDetector:
    """Never finds anybody, so that the pose network searches the whole image."""

    def __call__(self, image: Image) -> Detections:
        return np.zeros((0, 4)), np.zeros(0, np.float32)


NO_DETECTOR = NoDetector()


class TorchvisionDetector:
    """Faster R-CNN on MobileNetV3, trained on COCO, of torchvision.

    Args:
        weights: a file of its weights; None for the one in PyTorch's cache. Nothing is downloaded.
        threshold: boxes with lower scores are left out.
        device: where to compute; None for a GPU if there is one, else the CPU.

    Raises:
        CheckpointError: the file is missing or holds something else.
    """

    def __init__(
        self, weights: str | None = None, threshold: float = 0.5, device: str | None = None
    ) -> None:
        url = FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.DEFAULT.url
        cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
        path = Path(weights) if weights else cached
        if not path.is_file():
            raise CheckpointError(
                f"{path}: there is no such file; detector=torchvision needs the weights of {url}, "
                "there or at detector.weights=FILE"
            )
        self._net = fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None)
        try:
            self._net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # a class of its own for every kind of damage
            raise CheckpointError(
                f"{path}: does not hold the weights of {url}, or is cut short"
            ) from error
        self._device = torch_device(device)
        self._net.eval().to(self._device)
        self.threshold = threshold

    @torch.inference_mode()
    def __call__(self, image: Image) -> Detections:
        found: dict[str, Tensor] = self._net([_as_tensor(image).to(self._device)])[0]
        boxes, scores, labels = (
            found[name].cpu().numpy() for name in ("boxes", "scores", "labels")
        )
        return people(boxes, scores, labels, self.threshold)


class OnnxDetector:
    """Any detector in an ONNX file.

    Its one input is a (1, 3, H, W) float32 RGB image from 0 to 1, of any size or of a fixed one, to
    which the image is then scaled, at the top left, with black beside or below. Its outputs are
    named ``boxes``, (N, 4) xyxy in px of the input, ``scores``, (N,), and, where it finds more than
    people, ``labels``, (N,). Overlapping boxes should be suppressed already.

    Args:
        path: the file.
        threshold: boxes with lower scores are left out.
        person: label of people.
        device: ``cpu`` or ``cuda``; None for the CPU.

    Raises:
        ConfigError: onnxruntime is not installed, or has no such device.
        CheckpointError: the file is missing, not ONNX, or has other inputs and outputs.
    """

    def __init__(
        self, path: str, threshold: float = 0.5, person: int = PERSON, device: str | None = None
    ) -> None:
        self._session = onnx_session(Path(path), device or "cpu")
        inputs = self._session.get_inputs()
        self._outputs = {output.name for output in self._session.get_outputs()}
        fits = len(inputs) == 1 and len(inputs[0].shape) == 4 and inputs[0].type == "tensor(float)"
        if not fits or not {"boxes", "scores"} <= self._outputs:
            raise CheckpointError(
                f"detector.path={path}: expected one float32 input (1, 3, H, W) and the outputs "
                f"boxes, scores and perhaps labels; found {[(i.name, i.shape) for i in inputs]} "
                f"and {sorted(self._outputs)}"
            )
        self._input = inputs[0].name
        self._height, self._width = inputs[0].shape[2:]
        self.threshold = threshold
        self.person = person

    def __call__(self, image: Image) -> Detections:
        scaled, scale = self._fit(image)
        names = [name for name in ("boxes", "scores", "labels") if name in self._outputs]
        found = self._session.run(names, {self._input: _as_tensor(scaled)[None].numpy()})
        boxes, scores = found[0] / scale, found[1]
        labels = found[2] if len(found) > 2 else np.full(len(scores), self.person)
        return people(boxes, scores, labels, self.threshold, self.person)

    def _fit(self, image: Image) -> tuple[Image, float]:
        """The image as the file takes it, and how much larger it is there."""
        if not (isinstance(self._height, int) and isinstance(self._width, int)):
            return image, 1.0
        height, width = image.shape[:2]
        scale = min(self._height / height, self._width / width)
        wh = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = np.zeros((self._height, self._width, 3), np.uint8)
        canvas[: wh[1], : wh[0]] = cv2.resize(image, wh, interpolation=cv2.INTER_AREA)
        return canvas, scale


def people(
    boxes_xyxy: NDArray[np.floating],
    scores: NDArray[np.floating],
    labels: NDArray[np.number],
    threshold: float,
    person: int = PERSON,
) -> Detections:
    """The boxes of people that are sure enough, xywh, surest first."""
    kept = np.flatnonzero((labels == person) & (scores >= threshold))
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    boxes = boxes_xyxy[kept].astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return boxes, scores[kept].astype(np.float32)


def _as_tensor(image: Image) -> Tensor:
    """(3, H, W) float32 from 0 to 1 of an (H, W, 3) image."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255
