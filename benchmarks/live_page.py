"""Live view of the web page: ``python benchmarks/live_page.py [CLIP.mp4 [SECONDS]]``.

Starts ``fidip app`` with the bundled network, opens its page in Chromium without a window, and
films for SECONDS (20) with a fake camera that plays CLIP in a loop at 1280x720 and 30 frames/s.
Without CLIP, a clip of a moving infant (4 s) is rendered first, which takes a minute or two.

Chromium decodes a JPEG file per frame, as with most USB cameras, and has no GPU here: it draws the
page on the CPU, which a GPU would do otherwise. Needs Linux and an installed Chromium or Chrome.

``frames/s`` counts the overlays drawn for distinct camera frames; the delay is the time from the
frame's arrival in the page to its overlay. Both use wall time and are valid only if 2 cores are
free. ``CPU ms`` is the CPU time of all threads per overlay, which other programs hardly affect: at
25 frames/s, 2 cores have 80 ms per frame. It includes the cost of camera frames that are left out.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from fidip.cli.loading import FAST

SECONDS, FPS = 20, 30
SIZE_WH = (1280, 720)
WARM_UP = 5
"""Seconds before the measurement: the network loads, and the infant is searched."""
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
OVERLAYS = """() => {
    window.delays = [];
    new PerformanceObserver(list => {
        window.delays.push(...list.getEntriesByName("overlay").map(overlay => overlay.duration));
    }).observe({ type: "measure" });
}"""


def render(folder: Path) -> Path:
    """Render a clip of an infant in supine position."""
    command = [sys.executable, "-m", "fidip.synthesize", "preset=clips", f"out={folder}",
               "preset.number=1", "preset.seconds=4", f"preset.fps={FPS}",
               f"preset.size_wh=[{SIZE_WH[0]},{SIZE_WH[1]}]", "workers=1"]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "videos" / "clips" / "clip0001.mp4"


def camera_file(clip: Path, folder: Path) -> Path:
    """Write the file of Chromium's fake camera: the frames of a clip as JPEG files in a row."""
    capture, path = cv2.VideoCapture(str(clip)), folder / "camera.mjpeg"
    with path.open("wb") as file:
        while (frame := capture.read()[1]) is not None:
            image = cv2.resize(frame, SIZE_WH, interpolation=cv2.INTER_AREA)
            file.write(cv2.imencode(".jpg", image)[1].tobytes())
    return path


@contextmanager
def served() -> Iterator[tuple[str, int]]:
    """Yield the address and the process id of a running ``fidip app``."""
    command = [sys.executable, "-m", "fidip.app", f"ckpt={FAST}", "port=0", "open_browser=false"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield re.findall(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0], process.pid
        finally:
            process.send_signal(signal.SIGINT)


@contextmanager
def filming(address: str, camera: Path) -> Iterator[Page]:
    """Yield the page in Chromium while its live view runs."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream",
                 f"--use-fake-device-for-media-stream=fps={FPS}",
                 f"--use-file-for-fake-video-capture={camera}"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        page.click("#webcam")
        page.wait_for_selector("body[data-live]")
        page.evaluate(OVERLAYS)
        yield page
        browser.close()


def stat(process: Path) -> list[str]:
    """Return the fields of a process's or thread's stat file after its name."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def browser_parts() -> dict[Path, str]:
    """Return the folder in /proc and the kind of all Chromium processes below this one."""
    parents = dict[str, str]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parents[process.name] = stat(process)[1]
        except OSError:  # it has just ended
            continue
    parts = dict[Path, str]()
    for pid in parents:
        ancestors, process = [pid], Path("/proc", pid)
        while (above := parents.get(ancestors[-1])) is not None:
            ancestors.append(above)
        command = (process / "cmdline").read_bytes().decode()
        if str(os.getpid()) in ancestors and "chrom" in command.partition("\0")[0]:
            kind = re.search(r"--type=([\w-]+)", command)
            parts[process] = kind[1] if kind else "browser"
    return parts


def cpu_ms(parts: dict[Path, str]) -> Counter[str]:
    """Return the CPU time so far of processes by their kind."""
    spent = Counter[str]()
    for process, kind in parts.items():
        spent[kind] += int(TICK_MS * sum(map(int, stat(process)[11:13])))
    return spent


def measure(page: Page, server: int, seconds: float) -> tuple[float, list[float], Counter[str]]:
    """Return the duration in s, the delays in ms, and the CPU time in ms by part."""
    parts = {**browser_parts(), Path("/proc", str(server)): "server"}
    page.evaluate("delays.length = 0")
    clock, before = time.perf_counter(), cpu_ms(parts)
    time.sleep(seconds)
    delays: Any = page.evaluate("delays")
    return time.perf_counter() - clock, delays, cpu_ms(parts) - before


def main() -> None:
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = Path(sys.argv[1]) if len(sys.argv) > 1 else render(folder / "clips")
        camera = camera_file(clip, folder)
        with served() as (address, server), filming(address, camera) as page:
            time.sleep(WARM_UP)
            duration, delays, spent = measure(page, server, seconds)
            words = page.locator("#rate").inner_text()
    count = len(delays)
    usual, high = np.percentile(delays, (50, 95))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; the page says: {words}")
    print(f"{count / duration:.1f} frames/s, delay {usual:.0f} ms (median), {high:.0f} ms (95th "
          "percentile)")  # fmt: skip
    print("\nCPU ms per overlay")
    for part, ms in (*spent.most_common(), ("all", spent.total())):
        print(f"{part:<14}{ms / count:8.1f}")


if __name__ == "__main__":
    main()
