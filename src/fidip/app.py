"""``fidip app``: the prediction pipeline in a local web page."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("app")

import os
import socket
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from omegaconf import DictConfig

from fidip.cli.loading import default_ckpt
from fidip.cli.page_settings import page_facts, page_options, page_pipelines, person_finder
from fidip.cli.predict_settings import camera_pipeline, flips, make_predictor
from fidip.core.errors import ConfigError, DiskError


def app(config: DictConfig) -> None:
    """Serve the page until Ctrl-C is pressed."""
    missing = [name for name in ("fastapi", "uvicorn", "websockets") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"fidip app needs {', '.join(missing)}; pip install 'fidip[app]'")
    import uvicorn

    from fidip.data.label_store import LabelStore
    from fidip.web.camera_stream import Live
    from fidip.web.labelling import Labelling
    from fidip.web.server import LOCAL, configured, make_server
    from fidip.web.tabs import Limits, Tabs
    from fidip.web.worker import cameras, prefill, worker

    with listen(str(config.host), int(config.port)) as door, folder(config.keep) as root:
        store = LabelStore(Path(config.label)) if config.label else None
        url = f"http://{config.host}:{door.getsockname()[1]}{'/label' if store else ''}"
        ckpt = str(config.ckpt or default_ckpt(has_video=True, device=config.device))
        torch.set_num_threads(max(1, torch.get_num_threads() - 1))  # one core for the browser
        predictor = make_predictor(ckpt, config)
        limits = Limits(config.max_upload_mb, config.max_queued, config.max_queued_per_page)
        tabs = Tabs(root, bool(config.keep), worker(page_pipelines(predictor, config)), limits)
        hosts = LOCAL if config.host in LOCAL else ("*",)
        camera = camera_pipeline(predictor.with_averages(flips(config, is_live=True)), config)
        labelling = None
        if store:
            predict = prefill(person_finder(predictor, config), config.lost)
            labelling = Labelling(store, predict)
        facts, live = page_facts(ckpt, config), Live(cameras(camera))
        server = make_server(tabs, facts, hosts, page_options(), live, labelling)
        print(f"fidip is at {url} (Ctrl-C ends it)", flush=True)
        if config.open_browser and has_display():
            webbrowser.open(url)
        uvicorn.Server(configured(server)).run(sockets=[door])


def listen(host: str, port: int) -> socket.socket:
    """Open the server's socket.

    Args:
        host: address to listen on.
        port: port; 0 for any free one.

    Raises:
        ConfigError: the address is not available.
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise ConfigError(
            f"host={host} port={port}: {error.strerror}; try another, or port=0 for any free port"
        ) from error


def has_display() -> bool:
    """Return whether a browser would open in a window; a text browser would block the terminal."""
    windows = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("darwin", "win32") or any(name in os.environ for name in windows)


@contextmanager
def folder(keep: str | None) -> Iterator[Path]:
    """Yield the folder of all files: ``keep``, or a temporary folder.

    Args:
        keep: folder to keep the files in; None for a temporary folder.

    Raises:
        DiskError: it cannot be written.
    """
    is_new = bool(keep) and not Path(str(keep)).exists()
    try:
        if keep:
            Path(keep).mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(prefix="fidip-app-", dir=keep)
    except OSError as error:
        raise DiskError(
            f"keep={keep or 'null'}: {error.filename or 'the temporary folder'} cannot be written: "
            f"{error.strerror}; expected a folder that fidip can write to. Choose one with "
            "keep=DIR."
        ) from error
    if not keep:
        with temporary as made:
            yield Path(made).resolve()
        return
    temporary.cleanup()  # it was only a test that the folder is writable
    try:
        yield Path(keep).resolve()
    finally:
        if is_new:
            with suppress(OSError):  # it is usually not empty
                Path(keep).rmdir()


@command("app")
def main(config: DictConfig) -> None:
    """Run the command."""
    app(config)


if __name__ == "__main__":
    main()
