"""The real server of the page with a light work function: what a file holds says what happens."""

import contextlib
import multiprocessing
import os
import socket
import time

import numpy as np
import uvicorn

from fidip.core.errors import DataError
from fidip.data.label_store import EditedPerson, LabelStore
from fidip.web import server
from fidip.web.camera_stream import Live
from fidip.web.labelling import Labelling
from fidip.web.tabs import Limits, Tabs

OPTIONS = ("blur_face", "dlc")


def work(job, report):
    content = job.source.read_bytes()
    while content == b"wait":
        report("waiting", 1, 2, 3.0)
        time.sleep(0.02)
    if content == b"bad":
        raise DataError(f"{job.source}: not a photo")
    if content == b"full":
        raise OSError(28, "No space left on device")
    job.out.mkdir()
    (job.out / f"{job.source.stem}.csv").write_bytes(content)
    return {"options": sorted(job.options), "files": [f"{job.source.stem}.csv"]}


def start():
    """A camera that counts its frames."""
    frames = []

    def follow(frame, seconds):
        if frame == b"bad":
            raise DataError("frame: not a JPEG image")
        if frame.startswith(b"slow"):
            time.sleep(0.5)
        frames.append(seconds)
        return {"bytes": len(frame), "frames": len(frames)}

    return follow


def predict(path):
    """A person in every image: a row of joints, the nose at (20, 30)."""
    xy = np.column_stack([20 + 4 * np.arange(17), np.full(17, 30)])
    keypoints = np.column_stack([xy, np.full(17, 2.0)])
    return [EditedPerson(None, keypoints, True, np.linspace(0.1, 0.9, 17))]


def serve(port, log, folder, keep, upload_mb, queued, per_page, stalled, label=None):
    """Send the port, and serve until Ctrl-C; stderr goes to a file."""
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
    server.STALLED = stalled
    tabs = Tabs(folder, keep == "keep", work, Limits(upload_mb, queued, per_page))
    app = server.make_server(
        tabs,
        {"about": "nothing"},
        options=OPTIONS,
        live=Live(start),
        labelling=label and Labelling(LabelStore(label), predict),
    )
    with socket.create_server(("127.0.0.1", 0)) as door, contextlib.suppress(KeyboardInterrupt):
        port.send(door.getsockname()[1])
        uvicorn.Server(server.configured(app)).run(sockets=[door])


CONTEXT = multiprocessing.get_context("forkserver")
"""Processes that start fast: a server of them imports this module once, and forks."""
CONTEXT.set_forkserver_preload([__name__])
