"""A camera as a stream of frames."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2

from fidip.core.errors import DataError
from fidip.io.video import Frame

WEBCAM = "webcam"


def camera_of(source: str) -> int | str | None:
    """The camera that ``source=`` names: 0, webcam, webcam:1 or webcam:ADDRESS; None where it names none."""
    name = source.removeprefix(f"{WEBCAM}:")
    if source == WEBCAM:
        return 0
    if name.isdecimal():
        return int(name)
    return name if name != source else None


class Camera:
    """The frames of a camera until it ends or time is up.

    Times are the driver's, or by the clock where it tells none.

    Args:
        device: its number, or an address or file that OpenCV can play.
        seconds: how long; None for as long as frames come.

    Attributes:
        is_live: whether frames arrive at their own pace, so that frames not read in time are lost; a
            file waits.

    Raises:
        DataError: it cannot be opened.
    """

    def __init__(self, device: int | str, seconds: float | None = None) -> None:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # the error says it
        self.device = device
        self.seconds = seconds
        self.is_live = isinstance(device, int) or "://" in device
        self._capture = cv2.VideoCapture(device)
        if not self._capture.isOpened():
            raise DataError(
                f"source={WEBCAM}:{device}: no camera can be opened there; is it plugged in, allowed "
                f"for this program, and not in use by another? Others are {WEBCAM}:1, {WEBCAM}:2"
            )

    def __iter__(self) -> Iterator[Frame]:
        """Raises DataError where there is not a single frame."""
        begin, first, latest = time.perf_counter(), 0.0, -1.0
        index = 0
        while True:
            there, image = self._capture.read()
            arrived = time.perf_counter()
            if not there:
                break
            stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            first = stamp if index == 0 else first
            now = stamp - first
            if now <= latest:
                now = max(arrived - begin, latest + 1e-3)
            if self.seconds is not None and now >= self.seconds:
                break
            yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index, now, arrived)
            index, latest = index + 1, now
        self._capture.release()
        if index == 0:
            raise DataError(f"source={WEBCAM}:{self.device}: the camera gives no picture")
