"""Takes the pictures of the desk that docs/ shows: `python -m support.desk_pictures`, in tests/."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser
from support.browser import new_page, running_browser, sign_in
from support.busy_desk import BusyDesk, busy_desk
from support.office import STORE

from orders_sync.testing.clock import SettableClock

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH = 900
#: Whole pages stay small, and what they say can be read.
SCALE = 0.8


def take(browser: Browser, busy: BusyDesk, folder: Path) -> None:
    """Take a picture of each page that docs/ shows, of orders of people who never were."""
    pages = {
        "maria": {
            "needs": "/desk/",
            "command": f"/desk/command?id={busy.commands['over']}",
            "order": f"/desk/order?account={STORE}&id={busy.orders[2]}",
        },
        "anna": {"tokens": "/desk/tokens", "endpoint": f"/desk/endpoint?id={busy.endpoint}"},
    }
    for visitor, paths in pages.items():
        page = new_page(browser, width=WIDTH, scale=SCALE)
        sign_in(page, busy.desk.url, visitor)
        for name, path in paths.items():
            page.goto(f"{busy.desk.url}{path}")
            page.screenshot(path=folder / f"desk-{name}.png", full_page=True)
        page.context.close()


if __name__ == "__main__":
    with (
        TemporaryDirectory() as home,
        running_browser() as running,
        busy_desk(Path(home), SettableClock()) as desk,
    ):
        take(running, desk, IMAGES)
