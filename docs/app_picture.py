"""Take a picture of the page of ``fidip app``.

``python docs/app_picture.py http://127.0.0.1:8000 VIDEO OUT.jpg [dark]``
"""

import shutil
import sys

from playwright.sync_api import sync_playwright

url, video, out, *scheme = sys.argv[1:]
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox"]
    )
    page = browser.new_page(
        viewport={"width": 1120, "height": 900}, color_scheme="dark" if scheme else "light"
    )
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    page.set_input_files("#file", video)
    page.wait_for_selector("#result:not([hidden])", timeout=600_000)
    page.evaluate("document.getElementById('player').currentTime = 1")
    page.wait_for_timeout(2000)
    page.screenshot(path=out, full_page=True, type="jpeg", quality=80)
