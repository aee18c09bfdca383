"""Person detectors, which propose boxes for the search."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fidip.core.arrays import Floats, Image
from fidip.core.errors import CheckpointError
from fidip.inference.devices import torch_device
from fidip.io.coco import PERSON
from fidip.nn.onnx_sessions import onnx_session

Detections = tuple[Floats, NDArray[np.float32]]
"""(N, 4) boxes xywh in image px and (N,) scores, in order of decreasing score."""


class Detector(Protocol):
    """Interface of person detectors for (H, W, 3) RGB images."""

    def __call__(self, image: Image) -> Detections:
        """Return boxes of people in an (H, W, 3) RGB image, and their scores."""
        ...


class NoDetector:
    """Detector that finds no one, so that the pose network searches the whole image."""

    def __call__(self, image: Image) -> Detections:
        """Return no boxes."""
        return np.zeros((0, 4)), np.zeros(0, np.float32)


NO_DETECTOR = NoDetector()


class TorchvisionDetector:
    """Faster R-CNN with MobileNetV3 from torchvision, trained on COCO.

    Args:
        weights: file with the weights; None for the file in PyTorch's cache. Nothing is downloaded.
        threshold: minimum score of a box.
        device: compute device; None for a GPU if available, else the CPU.

    Raises:
        CheckpointError: the file is missing or does not contain these weights.
    """

    def __init__(
        self, weights: str | None = None, threshold: float = 0.5, device: str | None = None
    ) -> None:
        from torchvision.models.detection import (  # takes seconds, and is rarely needed
            FasterRCNN_MobileNet_V3_Large_320_FPN_Weights,
            fasterrcnn_mobilenet_v3_large_320_fpn,
        )

        url = FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.DEFAULT.url
        cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
        path = Path(weights) if weights else cached
        if not path.is_file():
            raise CheckpointError(
                f"{path}: there is no such file; expected the weights of {url}. Save them there, "
                "or give another file as weights of the detector"
            )
        self._net = fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None)
        try:
            self._net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # damaged files raise various types
            raise CheckpointError(
                f"{path}: not the weights of {url}, or cut short. Download them again"
            ) from error
        self._device = torch_device(device)
        self._net.eval().to(self._device)
        self.threshold = threshold

    @torch.inference_mode()
    def __call__(self, image: Image) -> Detections:
        """Return boxes of people in an (H, W, 3) RGB image, and their scores."""
        found: dict[str, Tensor] = self._net([_as_tensor(image).to(self._device)])[0]
        boxes, scores, labels = (
            found[name].cpu().numpy() for name in ("boxes", "scores", "labels")
        )
        return confident_boxes(boxes, scores, labels, self.threshold)


class OnnxDetector:
    """Person detector in an ONNX file.

    The file has one input, a (1, 3, H, W) float32 RGB image with values from 0 to 1. If H and W are
    fixed, the image is scaled to fit and placed at the top left on black. The outputs are
    ``boxes``, (N, 4) xyxy in px of the input, ``scores``, (N,), and, for detectors with several
    classes, ``labels``, (N,). Overlapping boxes should already be suppressed.

    Args:
        path: ONNX file.
        threshold: minimum score of a box.
        person: label of people.
        device: ``cpu``, ``cuda`` or ``cuda:N``; None for the CPU.

    Raises:
        ConfigError: onnxruntime is not installed, or does not support the device.
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
                f"{path}: expected one float32 input (1, 3, H, W) and the outputs "
                f"boxes, scores and optionally labels; found {[(i.name, i.shape) for i in inputs]} "
                f"and {sorted(self._outputs)}"
            )
        self._input = inputs[0].name
        self._height, self._width = inputs[0].shape[2:]
        self.threshold = threshold
        self.person = person

    def __call__(self, image: Image) -> Detections:
        """Return boxes of people in an (H, W, 3) RGB image, and their scores."""
        scaled, scale = self._fit(image)
        names = [name for name in ("boxes", "scores", "labels") if name in self._outputs]
        found = self._session.run(names, {self._input: _as_tensor(scaled)[None].numpy()})
        boxes, scores = found[0] / scale, found[1]
        labels = found[2] if len(found) > 2 else np.full(len(scores), self.person)
        return confident_boxes(boxes, scores, labels, self.threshold, self.person)

    def _fit(self, image: Image) -> tuple[Image, float]:
        """Return the image scaled for the file, and the scale factor."""
        if not (isinstance(self._height, int) and isinstance(self._width, int)):
            return image, 1.0
        height, width = image.shape[:2]
        scale = min(self._height / height, self._width / width)
        wh = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = np.zeros((self._height, self._width, 3), np.uint8)
        canvas[: wh[1], : wh[0]] = cv2.resize(image, wh, interpolation=cv2.INTER_AREA)
        return canvas, scale


def confident_boxes(
    boxes_xyxy: NDArray[np.floating],
    scores: NDArray[np.floating],
    labels: NDArray[np.number],
    threshold: float,
    person: int = PERSON,
) -> Detections:
    """Return the confident boxes of people, in order of decreasing score.

    Args:
        boxes_xyxy: (N, 4) boxes in image px.
        scores: (N,) scores.
        labels: (N,) labels.
        threshold: minimum score.
        person: label of people.

    Returns:
        Boxes xywh in image px and their scores.

    Example:
        >>> boxes = np.array([[0, 0, 10, 10], [10, 20, 40, 80]])
        >>> confident_boxes(boxes, np.array([0.9, 0.8]), np.array([3, 1]), threshold=0.5)
        (array([[10., 20., 30., 60.]]), array([0.8], dtype=float32))
    """
    kept = np.flatnonzero((labels == person) & (scores >= threshold))
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    boxes = boxes_xyxy[kept].astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return boxes, scores[kept].astype(np.float32)


def _as_tensor(image: Image) -> Tensor:
    """Convert an (H, W, 3) uint8 image to (3, H, W) float32 with values from 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255
