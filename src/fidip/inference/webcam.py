"""Camera as a stream of frames."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2

from fidip.core.errors import DataError
from fidip.io.video import Frame

WEBCAM = "webcam"
"""Name of the camera in ``source=``, and of its output files."""


def camera_of(source: str) -> int | str | None:
    """Return the camera that ``source=`` names.

    Args:
        source: ``0``, ``webcam``, ``webcam:1`` or ``webcam:ADDRESS`` for cameras.

    Returns:
        Number or address of the camera; None for other sources.

    Example:
        >>> camera_of("webcam"), camera_of("webcam:1"), camera_of("video.mp4")
        (0, 1, None)
    """
    name = source.removeprefix(f"{WEBCAM}:")
    if source == WEBCAM:
        return 0
    if name.isdecimal():
        return int(name)
    return name if name != source else None


class Webcam:
    """Frames of a camera until it ends or the time is over.

    Times come from the driver, or from the clock if the driver has none, and count from the first
    frame.

    Args:
        device: number of the camera, or an address or file that OpenCV can read.
        seconds: recording time in s; None for no limit.

    Attributes:
        is_live: whether frames arrive in real time, so that frames are lost if not read in time;
            false for files.

    Raises:
        DataError: the camera cannot be opened.
    """

    def __init__(self, device: int | str, seconds: float | None = None) -> None:
        # OpenCV's message would repeat the error below
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        self.device = device
        self.seconds = seconds
        self.is_live = isinstance(device, int) or "://" in device
        self._capture = cv2.VideoCapture(device)
        if not self._capture.isOpened():
            raise DataError(
                f"{WEBCAM}:{device}: no camera can be opened there. Check that it is "
                "connected, that this program may use it, and that no other program uses it. "
                f"Other cameras are {WEBCAM}:1, {WEBCAM}:2"
            )

    def __iter__(self) -> Iterator[Frame]:
        """Iterate over the frames.

        Raises:
            DataError: the camera delivers no frame.
        """
        began, first, latest = 0.0, 0.0, -1.0
        index = 0
        while True:
            there, image = self._capture.read()
            arrived = time.perf_counter()
            if not there:
                break
            stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if index == 0:
                began, first = arrived, stamp
            now = stamp - first
            if now <= latest:
                now = max(arrived - began, latest + 1e-3)
            if self.seconds is not None and now >= self.seconds:
                break
            yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index, now, arrived)
            index, latest = index + 1, now
        self._capture.release()
        if index == 0:
            raise DataError(
                f"{WEBCAM}:{self.device}: the camera delivers no frames; expected at least "
                "one. Check that no other program uses it"
            )
