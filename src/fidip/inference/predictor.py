"""Prediction of poses in crop windows of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fidip.codecs.base import Codec
from fidip.core.arrays import Floats
from fidip.core.crop_window import CropWindow
from fidip.core.errors import CheckpointError, ConfigError
from fidip.core.geometry import apply_affine, invert_affine
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.inference.runtime import Runtime


class Predictor:
    """Predictor of keypoints in crop windows of an image.

    Args:
        runtime: computes the maps.
        codec: decodes the maps.
        flip_test: average with the maps of mirrored crops; more accurate, but takes twice the time.
        rotation_test: average with the maps of windows rotated by these angles in degrees; each
            angle adds the time of one prediction.

    Raises:
        ConfigError: ``rotation_test`` is set, and the codec does not support it.
    """

    def __init__(
        self,
        runtime: Runtime,
        codec: Codec,
        flip_test: bool = True,
        rotation_test: Sequence[float] = (),
    ) -> None:
        self.runtime = runtime
        self.codec = codec
        self.flip_order = COCO17.flip_order if flip_test else None
        if rotation_test and not codec.can_turn_back:
            raise ConfigError(
                f"rotation_test={list(rotation_test)}: the maps of {type(codec).__name__} cannot "
                "be turned back; expected []. Leave out rotation_test="
            )
        self.turns = (0.0, *rotation_test)

    @property
    def aspect_ratio(self) -> float:
        """Width / height of a window."""
        return self.codec.input_wh[0] / self.codec.input_wh[1]

    def __call__(
        self, image: NDArray[np.uint8], windows: Sequence[CropWindow] | None = None
    ) -> Poses:
        """Predict the people in N windows of an image, or search the image for the infant.

        Args:
            image: (H, W, 3) uint8 RGB.
            windows: one window per person; None to search for one infant with ``find_person``.

        Returns:
            N poses with scores clipped to [0, 1]; their boxes are the windows before rotation.

        Raises:
            CheckpointError: the output of the network is not finite.
        """
        if windows is None:
            from fidip.inference.search import find_person  # avoids an import cycle

            return find_person(self, image)
        xy, scores = self.keypoints(image, windows)
        widths = np.array([window.width for window in windows])
        sizes = np.stack([widths, widths / self.aspect_ratio], axis=1)
        corners = np.stack([window.center for window in windows]) - sizes / 2
        boxes = np.concatenate([corners, sizes], axis=1)
        return Poses.of_keypoints(xy, scores.clip(0, 1), boxes_xywh=boxes)

    @torch.inference_mode()
    def keypoints(
        self, image: NDArray[np.uint8], windows: Sequence[CropWindow]
    ) -> tuple[Floats, NDArray[np.float32]]:
        """Predict the keypoints in N windows of an image.

        Args:
            image: (H, W, 3) uint8 RGB.
            windows: one window per person.

        Returns:
            (N, K, 2) keypoints in image px and (N, K) scores: the maxima of the maps, which are not
            limited to [0, 1].

        Raises:
            CheckpointError: the output of the network is not finite.
        """
        wh = self.codec.input_wh
        affines = np.stack(
            [
                replace(w, rotation_deg=w.rotation_deg + turn).image_to_crop(wh)
                for turn in self.turns
                for w in windows
            ]
        )
        crops = np.stack([cv2.warpAffine(image, affine, wh) for affine in affines])
        heatmaps = self._heatmaps(crops)
        if len(self.turns) > 1:
            by_turn = heatmaps.unflatten(0, (len(self.turns), len(windows)))
            heatmaps = self.codec.turn_back(by_turn, self.turns).mean(dim=0)
        xy_crop, scores = self.codec.decode(heatmaps)
        if not (xy_crop.isfinite().all() and scores.isfinite().all()):
            raise CheckpointError(
                "ckpt: the maps of the network are NaN or infinite; expected finite numbers. Its "
                "weights are damaged or its training diverged. Choose another ckpt="
            )
        xy = apply_affine(invert_affine(affines[: len(windows)]), xy_crop.double().cpu().numpy())
        return xy, scores.float().cpu().numpy()

    def _heatmaps(self, crops: NDArray[np.uint8]) -> Tensor:
        """Return the maps of (N, H, W, 3) crops."""
        batch = torch.from_numpy(crops).permute(0, 3, 1, 2)
        if self.flip_order is None:
            return self.runtime(batch)
        # Both in one batch, which is faster than two calls.
        plain, mirrored = self.runtime(torch.cat([batch, batch.flip(-1)])).chunk(2)
        return (plain + self.codec.flip_back(mirrored, self.flip_order)) / 2
