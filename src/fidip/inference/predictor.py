"""Prediction of poses, in crop windows of an image or in a batch of crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fidip.codecs.base import Codec
from fidip.core.arrays import Floats
from fidip.core.crop_window import CropWindow
from fidip.core.errors import ArgumentError, CheckpointError
from fidip.core.geometry import apply_affine, invert_affine
from fidip.core.poses import Poses
from fidip.core.samples import Batch
from fidip.core.skeleton import COCO17
from fidip.inference.runtime import Runtime, SequenceRuntime


class Predictor:
    """Predictor of keypoints in crop windows of an image, or in a batch of crops.

    Args:
        runtime: computes the maps.
        codec: decodes the maps.
        flip_test: average with the maps of mirrored crops; more accurate, but takes twice the time.
        rotation_test: average with the maps of windows rotated by these angles in degrees; each
            angle adds the time of one prediction.
        flip_shift: shift the maps of mirrored crops by one pixel, see ``flip_back`` of the codec.

    Raises:
        ArgumentError: ``rotation_test`` is set, and the codec does not support it.
    """

    def __init__(
        self,
        runtime: Runtime,
        codec: Codec,
        flip_test: bool = True,
        rotation_test: Sequence[float] = (),
        flip_shift: bool = False,
    ) -> None:
        self.runtime = runtime
        self.codec = codec
        self.flip_order = COCO17.flip_order if flip_test else None
        self.flip_shift = flip_shift
        if rotation_test and not codec.can_turn_back:
            raise ArgumentError(
                "rotation_test",
                list(rotation_test),
                f"the maps of {type(codec).__name__} cannot be rotated back; expected []. Leave "
                "out rotation_test",
            )
        self.turns = (0.0, *rotation_test)

    def with_averages(self, flip_test: bool, rotation_test: Sequence[float] = ()) -> Predictor:
        """Return a predictor with the same network and other averages.

        Args:
            flip_test: as for the constructor.
            rotation_test: as for the constructor.
        """
        return Predictor(self.runtime, self.codec, flip_test, rotation_test, self.flip_shift)

    @property
    def past(self) -> int:
        """Number of frames before the target frame that ``predict_clip`` needs."""
        return self.runtime.fusion.past if isinstance(self.runtime, SequenceRuntime) else 0

    @property
    def future(self) -> int:
        """Number of frames after the target frame that ``predict_clip`` needs."""
        return self.runtime.fusion.future if isinstance(self.runtime, SequenceRuntime) else 0

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
        poses = self.predict_windows(image, windows)
        return replace(poses, scores=poses.scores.clip(0, 1))

    @torch.inference_mode()
    def predict_windows(self, image: NDArray[np.uint8], windows: Sequence[CropWindow]) -> Poses:
        """Predict the people in N windows of an image.

        Args:
            image: (H, W, 3) uint8 RGB.
            windows: one window per person.

        Returns:
            N poses as of ``__call__``, but their scores are the maxima of the maps, which are not
            limited to [0, 1].

        Raises:
            CheckpointError: the output of the network is not finite.
        """
        if not len(windows):
            shape = (0, len(COCO17))
            return Poses.of_keypoints(np.zeros((*shape, 2)), np.zeros(shape, np.float32))
        affines = self._affines(windows)
        return self._predict(np.stack([self._crop(image, a) for a in affines]), affines, windows)

    @torch.inference_mode()
    def predict_clip(self, images: Sequence[NDArray[np.uint8]], window: CropWindow) -> Poses:
        """Predict a person in the target frame of a window of frames.

        All frames are cropped by the same window, as in ``fidip.data.ClipDataset``.

        Args:
            images: T frames of a clip, (H, W, 3) uint8 RGB, as many as ``past + 1 + future``.
            window: window of the person in the target frame.

        Returns:
            One pose, as of ``__call__``.

        Raises:
            CheckpointError: the output of the network is not finite.
        """
        affines = self._affines([window])
        crops = np.stack([[self._crop(image, affine) for image in images] for affine in affines])
        poses = self._predict(crops, affines, [window])
        return replace(poses, scores=poses.scores.clip(0, 1))

    def _affines(self, windows: Sequence[CropWindow]) -> Floats:
        """Return (A N, 2, 3) affines to crop px of N windows, rotated by each of A angles."""
        return np.stack(
            [
                replace(w, rotation_deg=w.rotation_deg + turn).image_to_crop(self.codec.input_wh)
                for turn in self.turns
                for w in windows
            ]
        )

    def _crop(self, image: NDArray[np.uint8], affine: Floats) -> NDArray[np.uint8]:
        return np.asarray(cv2.warpAffine(image, affine, self.codec.input_wh), np.uint8)

    def _predict(
        self, crops: NDArray[np.uint8], affines: Floats, windows: Sequence[CropWindow]
    ) -> Poses:
        """Return N poses.

        Args:
            crops: (A N, ..., H, W, 3) crops of N windows rotated by each of A angles.
            affines: (A N, 2, 3) affines from image px to these crops.
            windows: the N windows.
        """
        maps = self._maps(torch.from_numpy(crops).movedim(-1, -3))
        if len(self.turns) > 1:
            by_turn = maps.unflatten(0, (len(self.turns), len(windows)))
            maps = self.codec.turn_back(by_turn, self.turns).mean(dim=0)
        crop_to_image = invert_affine(affines[: len(windows)])
        poses = self._poses(maps, crop_to_image, boxes_xywh=self._boxes(windows))
        if not poses.is_finite:
            raise bad_weights("the predictions are NaN or infinite")
        return poses

    def predict_batch(self, batch: Batch) -> tuple[Tensor, Poses]:
        """Predict the people of a batch, without ``rotation_test``.

        Args:
            batch: B crops of people.

        Returns:
            The maps of the B crops, and B poses in the order of the batch, which are not finite if
            the maps are not. Their scores are the maxima of the maps.
        """
        maps = self._maps(batch.crops)
        poses = self._poses(
            maps,
            batch.crop_to_image.numpy(),
            image_ids=batch.image_ids.numpy(),
            boxes_xywh=batch.boxes_xywh.numpy(),
            box_scores=batch.box_scores.numpy(),
            index=batch.index.numpy(),
        )
        return maps, poses

    def _maps(self, crops: Tensor) -> Tensor:
        """Return the maps of (N, 3, H, W) crops or (N, T, 3, H, W) windows of frames."""
        if self.flip_order is None:
            return self.runtime(crops)
        # Both in one batch, which is faster than two calls.
        plain, mirrored = self.runtime(torch.cat([crops, crops.flip(-1)])).chunk(2)
        return (plain + self.codec.flip_back(mirrored, self.flip_order, self.flip_shift)) / 2

    def _poses(self, maps: Tensor, crop_to_image: Floats, **columns: NDArray[Any]) -> Poses:
        """Return the poses in the maps of N crops.

        Args:
            maps: maps of the N crops.
            crop_to_image: (N, 2, 3) affines from crop px to image px.
            columns: further attributes of the poses.
        """
        xy_crop, scores = self.codec.decode(maps)
        xy = apply_affine(crop_to_image, xy_crop.double().cpu().numpy())
        return Poses.of_keypoints(xy, scores.float().cpu().numpy(), **columns)

    def _boxes(self, windows: Sequence[CropWindow]) -> Floats:
        """Return the (N, 4) boxes xywh of windows before rotation.

        Inverse of ``box_to_center_size`` without padding.
        """
        widths = np.array([window.width for window in windows])
        sizes = np.stack([widths, widths / self.aspect_ratio], axis=1)
        corners = np.stack([window.center for window in windows]) - (sizes - 1) / 2
        return np.concatenate([corners, sizes], axis=1)


def bad_weights(what: str) -> CheckpointError:
    """Return the error of weights that give no finite numbers.

    Args:
        what: what is not finite, a sentence.
    """
    return CheckpointError(
        f"ckpt: {what}; expected finite numbers. The weights are damaged or their training "
        "diverged. Choose another ckpt"
    )
