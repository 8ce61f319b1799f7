"""Takes the pictures of the desk that docs/ shows: `python -m support.desk_pictures`, in tests/."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from support.browser import new_page, running_browser, sign_in
from support.busy_desk import busy_desk
from support.office import STORE

from orders_sync.testing.clock import SettableClock

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH = 900


def take() -> None:
    """Take each picture anew, of orders of people who never were."""
    IMAGES.mkdir(exist_ok=True)
    with (
        TemporaryDirectory() as home,
        running_browser() as browser,
        busy_desk(Path(home), SettableClock()) as busy,
    ):
        page = new_page(browser, width=WIDTH)
        sign_in(page, busy.desk.url, "maria")
        pages = {
            "needs": "/desk/",
            "command": f"/desk/command?id={busy.commands['over']}",
            "order": f"/desk/order?account={STORE}&id={busy.orders[0]}",
        }
        for name, path in pages.items():
            page.goto(f"{busy.desk.url}{path}")
            page.screenshot(path=IMAGES / f"desk-{name}.png")


if __name__ == "__main__":
    take()
