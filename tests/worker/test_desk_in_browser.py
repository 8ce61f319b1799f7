"""The order desk as people meet it: by mouse, by keyboard, on a phone, in the dark, unscripted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from support.browser import new_page, running_browser, sign_in
from support.busy_desk import BusyDesk, busy_desk
from support.desk_pictures import IMAGES, take
from support.desk_site import PASSWORD, serving_desk, settings_of
from support.waiting import until

from orders_sync.doctor.findings import Finding, State
from orders_sync.domain.rules import Standing
from orders_sync.gateway.desk.live import LiveFigures, Look, Sample
from orders_sync.status.overview import Overview
from orders_sync.testing.clock import SettableClock

OVER = "More is invoiced than the order is worth"
PHONE = 360
LANGUAGES = ("en", "pt", "es")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def seen(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusyDesk]:
    """A desk that nobody changes."""
    del browser
    with busy_desk(tmp_path_factory.mktemp("seen"), SettableClock()) as busy:
        yield busy


@pytest.fixture
def busy(browser: Browser, tmp_path: Path, clock: SettableClock) -> Iterator[BusyDesk]:
    """A desk of its own for a test that changes it."""
    del browser
    with busy_desk(tmp_path, clock) as busy:
        yield busy


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    opened: list[Page] = []

    def open_one(desk: BusyDesk, name: str, **how: object) -> Page:
        page = new_page(browser, **how)  # type: ignore[arg-type]
        opened.append(page)
        sign_in(page, desk.desk.url, name)
        return page

    yield open_one
    for page in opened:
        page.context.close()


def standing(busy: BusyDesk, name: str) -> str:
    row = busy.desk.ledger.inquiries.command(busy.commands[name])
    assert row is not None
    return str(row["standing"])


@pytest.mark.parametrize("scripts", [True, False])
def test_a_parked_invoice_is_found_understood_and_mended(
    busy: BusyDesk, open_page: Callable[..., Page], *, scripts: bool
) -> None:
    page = open_page(busy, "otto", scripts=scripts)

    page.get_by_role("link", name=OVER, exact=True).click()
    page.get_by_role("link", name="Invoice 7", exact=True).click()
    assert page.get_by_text("Correct the value (it counts freight in)").is_visible()
    page.get_by_label("Value").fill("100,00")
    page.get_by_role("button", name="Change and send").click()

    assert page.get_by_role("status").inner_text() == "It is changed, and will be sent."
    assert standing(busy, "over") == Standing.ACTIVE
    row = busy.desk.ledger.inquiries.command(busy.commands["over"])
    assert row is not None
    assert '"value_cents":10000' in row["body"]


@pytest.mark.parametrize("scripts", [True, False])
def test_all_of_a_cause_are_retried_once_it_was_said_which(
    busy: BusyDesk, open_page: Callable[..., Page], *, scripts: bool
) -> None:
    page = open_page(busy, "otto", scripts=scripts)

    page.get_by_role("link", name=f"Retry all… {OVER}").click()
    assert standing(busy, "over") == Standing.PARKED
    page.get_by_label("Why").fill("the prices were mended")
    page.get_by_role("button", name="Retry 3").click()

    assert page.get_by_text("3 are tried again.").is_visible()
    assert {standing(busy, name) for name in ("over", "over-0", "over-1")} == {
        Standing.ACTIVE,
    }


@pytest.mark.parametrize("scripts", [True, False])
def test_an_admin_makes_a_token_and_ends_it(
    busy: BusyDesk, open_page: Callable[..., Page], *, scripts: bool
) -> None:
    page = open_page(busy, "anna", scripts=scripts)

    page.get_by_role("link", name="Tokens").click()
    page.get_by_label("Who will call").fill("warehouse")
    page.get_by_label("send:invoice").check()
    page.get_by_label("All accounts").check()
    page.get_by_role("button", name="Make a token").click()
    token = page.get_by_role("status").locator("code").inner_text()
    page.get_by_text("in force warehouse").click()
    page.get_by_role("button", name="End for good warehouse").click()

    assert page.get_by_role("status").inner_text() == "This token is ended."
    assert token.startswith("osync_")
    callers = {caller.name: caller for caller in busy.desk.ledger.callers.all()}
    assert callers["warehouse"].scopes == {"send:invoice"}
    assert callers["warehouse"].revoked_at is not None


def test_the_keyboard_is_enough(seen: BusyDesk, browser: Browser) -> None:
    page = new_page(browser)
    page.goto(f"{seen.desk.url}/desk/")
    keys = page.keyboard

    keys.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for name, text in (("name", "vera"), ("password", PASSWORD)):
        _tab_to(page, name)
        keys.type(text)
    keys.press("Enter")
    page.get_by_role("heading", name="Needs you").wait_for()
    _tab_to(page, "q")
    shown = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    keys.type("100")
    keys.press("Enter")

    page.get_by_role("heading", name=f"Order {seen.orders[1]}").wait_for()
    assert shown == "solid"
    page.context.close()


def _tab_to(page: Page, name: str) -> None:
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == name:
            return
    pytest.fail(f"The keyboard does not get to {name}.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_is_wider_than_a_phone(
    seen: BusyDesk, open_page: Callable[..., Page], language: str
) -> None:
    page = open_page(seen, "anna", width=PHONE, language=language)

    widths = {}
    for path in [*seen.pages(), *seen.admin_pages()]:
        page.goto(f"{seen.desk.url}{path}")
        assert page.locator("html").get_attribute("lang") == language
        widths[path] = page.evaluate("document.documentElement.scrollWidth")

    assert {path for path, width in widths.items() if width > PHONE} == set()


@pytest.mark.parametrize(
    ("language", "scheme"), [*((language, "light") for language in LANGUAGES), ("en", "dark")]
)
def test_a_checker_of_accessibility_finds_nothing(
    seen: BusyDesk, open_page: Callable[..., Page], language: str, scheme: str
) -> None:
    page, axe = open_page(seen, "anna", scheme=scheme, language=language), Axe()
    # The one rule of WCAG 2.2 AA, which axe leaves out by itself.
    rules = {"rules": {"target-size": {"enabled": True}}}

    found, passed = {}, set()
    for path in [*seen.pages(), *seen.admin_pages()]:
        page.goto(f"{seen.desk.url}{path}")
        response = axe.run(page, options=rules).response
        passed |= {rule["id"] for rule in response["passes"]}
        violations = response["violations"]
        found[path] = [(each["id"], each["nodes"][0]["html"][:200]) for each in violations]

    assert "target-size" in passed
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_the_pictures_of_the_documentation_can_be_taken_anew(
    seen: BusyDesk, browser: Browser, tmp_path: Path
) -> None:
    take(browser, seen, tmp_path)

    sizes = {picture.name: picture.stat().st_size for picture in tmp_path.iterdir()}
    assert set(sizes) == {picture.name for picture in IMAGES.glob("desk-*.png")}
    assert {name for name, size in sizes.items() if not 10_000 < size < 150_000} == set()


def test_a_browser_complains_of_nothing(seen: BusyDesk, open_page: Callable[..., Page]) -> None:
    page = open_page(seen, "ines")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    for path in seen.pages():
        if path != "/desk/nowhere":
            page.goto(f"{seen.desk.url}{path}")

    assert said == []


def test_findings_come_by_themselves_once_they_are_read(browser: Browser, tmp_path: Path) -> None:
    may_end = threading.Event()

    def read(samples: Sequence[Sample]) -> Look:
        may_end.wait()
        away = Finding("broker", "reachable", State.FAILED, "away")
        overview = Overview(datetime.now(UTC), [], 0, None)
        return Look(overview, [away], frozenset(), {}, {}, samples)

    with serving_desk(settings_of(tmp_path), live=LiveFigures(read, lambda: 1000.0)) as desk:
        page = new_page(browser)
        sign_in(page, desk.url, "vera")
        early = page.get_by_text("How the system stands is being looked at.").is_visible()
        may_end.set()

        page.get_by_role("heading", name="broker: reachable").wait_for()
        assert early
        page.context.close()


def test_accounts_are_filtered_while_one_types(
    seen: BusyDesk, open_page: Callable[..., Page]
) -> None:
    page = open_page(seen, "vera")
    page.goto(f"{seen.desk.url}/desk/accounts")
    page.get_by_role("heading", name="mystore").wait_for()

    page.get_by_label("Filter").press_sequentially("zzz")

    page.get_by_text("0 of 1 accounts").wait_for()


def test_figures_go_on_until_they_are_paused(
    seen: BusyDesk, open_page: Callable[..., Page]
) -> None:
    page = open_page(seen, "vera")
    page.goto(f"{seen.desk.url}/desk/now")

    page.evaluate("document.querySelector('[data-stream]').textContent = 'old'")
    until(lambda: page.locator("[data-stream]").inner_text() != "old", "figures come")
    page.get_by_role("button", name="Pause").click()

    assert page.get_by_role("button", name="Go on").is_visible()
