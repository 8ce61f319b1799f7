"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from support.desk_site import PASSWORD

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: Ample for a slow machine; what goes well never waits so long.
_MILLISECONDS = 120_000


def chromium() -> str:
    """Return where the browser is; skip the test without one, and fail it where CI has none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None and "CI" in os.environ:  # noqa: TID251 - where it may not be skipped.
        pytest.fail("There is no Chromium: apt-get install chromium")
    if found is None:
        pytest.skip("There is no Chromium: apt-get install chromium")
    return found


@contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield browser
        browser.close()


def new_page(
    browser: Browser,
    *,
    scripts: bool = True,
    scheme: str = "light",
    width: int = 1000,
    scale: float = 1.0,
    language: str = "en",
) -> Page:
    """Return the page of a browser that was never here."""
    context = browser.new_context(
        java_script_enabled=scripts,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 800},
        device_scale_factor=scale,
        locale=language,
    )
    context.set_default_timeout(_MILLISECONDS)
    return context.new_page()


def sign_in(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/desk/")
    page.locator("#name").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.locator("#password").press("Enter")
    page.get_by_role("navigation").wait_for()
