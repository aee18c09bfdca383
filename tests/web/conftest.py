"""A real browser for the tests of the pages."""

import shutil

import pytest

CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    there = shutil.which("chromium") or shutil.which("google-chrome")
    if there is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=there, args=["--no-sandbox", *CAMERA])
        yield opened
        opened.close()
