"""A real Chromium for the browser tests, and what they share: signing in, axe, screenshots.

Chromium is looked for in CHROMIUM, on PATH, and where Playwright keeps its own. Without one the tests are skipped and
say so; with CI=true they fail.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Playwright, Request

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The last width of each is the one axe looks at. The colours change nothing about the widths, but pictures want all.
SHOWN = {"light": (390, 820, 1440), "dark": (1440, 820, 390)}
# A violation is told by the HTML of its elements; selectors of all that is in order would cost as much as the rules.
AXE_OPTIONS = {"resultTypes": ["violations"], "selectors": False}
SERIOUS = frozenset({"serious", "critical"})
# Chromium and htmx write such a line for every answer of 400 and above; tests look at answers themselves.
# The last are htmx's when a page is left while it waits for an answer, as a form sent right after typing does, and when
# a busy machine answers what a page asks by itself too late: the page asks again, and tests look at what it says.
EXPECTED_CONSOLE = (
    *("Failed to load resource", "Response Status Error Code"),
    *("htmx:afterRequest", "htmx:sendError", "htmx:sendAbort", "htmx:timeout"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser: ``-m "not browser"`` leaves it out."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _chromium(playwright: Playwright) -> str | None:
    named = os.environ.get("CHROMIUM", "")
    if named:
        return named if Path(named).is_file() else shutil.which(named)
    found = next(filter(None, map(shutil.which, ON_PATH)), None)
    own = playwright.chromium.executable_path
    return found or (own if Path(own).is_file() else None)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], playwright: Playwright) -> dict[str, Any]:
    path = _chromium(playwright)
    if path is None:
        reason = "No Chromium: set CHROMIUM to one, put one on PATH, or run `playwright install chromium`."
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return {**browser_type_launch_args, "executable_path": path, "args": ARGUMENTS, "headless": True}


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that must neither break the Content-Security-Policy, nor throw, nor leave this machine."""
    problems: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(EXPECTED_CONSOLE):
            problems.append(f"{page.url}: {message.text}")

    def on_request(request: Request) -> None:
        if urlsplit(request.url).hostname not in {"127.0.0.1", "localhost", None}:
            problems.append(f"left this machine: {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on("request", on_request)
    page.set_default_timeout(15_000)
    yield page
    assert problems == []


@pytest.fixture
def sign_in(live_server: Any, client_for: "Callable[[User], Client]") -> "Callable[[Page, User], None]":
    """Signs a user in by the session cookie: ``sign_in(page, alice)``."""
    from django.conf import settings

    def signed_in(page: Page, user: "User") -> None:
        session = client_for(user).cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])

    return signed_in


@pytest.fixture
def visit(live_server: Any) -> "Callable[[Page, str], None]":
    """Opens a path of the live server and waits for its scripts and charts: ``visit(page, "/trades/")``."""

    def visited(page: Page, path: str) -> None:
        page.goto(live_server.url + path)
        settled(page)

    return visited


def settled(page: Page) -> None:
    """Wait until every chart of the page is drawn, or said why it is not."""
    page.wait_for_load_state("load")
    # wait_for_function would need eval, which the Content-Security-Policy forbids.
    for figure in page.locator("figure[data-chart]").all():
        figure.and_(page.locator("[data-drawn]:not([data-drawn=pending])")).wait_for(state="attached")


@pytest.fixture
def axe() -> Callable[[Page], None]:
    """Asserts that axe-core finds nothing serious or critical on the page as it is shown: ``axe(page)``."""

    def checked(page: Page) -> None:
        found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
        serious = [
            f"{violation['id']}: {violation['help']}: "
            + "; ".join(node["html"][:160] for node in violation["nodes"][:5])
            for violation in found
            if violation["impact"] in SERIOUS
        ]
        assert serious == [], f"{page.url}\n" + "\n".join(serious)

    return checked


@pytest.fixture
def screenshots(axe: Callable[[Page], None]) -> Callable[[Page, str], None]:
    """Shows the page at each width in light and dark: no sideways scrolling, and axe once in each scheme.

    Where SCREENSHOTS names a folder, the pictures are kept in it.
    """
    folder = os.environ.get("SCREENSHOTS", "")

    def taken(page: Page, name: str) -> None:
        for scheme, widths in SHOWN.items():
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            for width in widths:
                page.set_viewport_size({"width": width, "height": 900})
                # Colours and sizes are the new ones once a frame was drawn with them.
                page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls at {width} px"
                if folder:
                    settled(page)
                    Path(folder).mkdir(parents=True, exist_ok=True)
                    path = Path(folder, f"{name}-{width}-{scheme}.png")
                    page.screenshot(path=path, full_page=True, timeout=60_000)
            axe(page)

    return taken


class Tour:
    """Goes from page to page and gathers what is wrong, so that one run names every page that is not fit."""

    def __init__(self, page: Page, address: str, screenshots: Callable[[Page, str], None]) -> None:
        self.page = page
        self.address = address
        self.screenshots = screenshots
        self.refused: list[str] = []

    def visit(self, name: str, path: str, status: int = 200) -> None:
        """Open a path and show what comes; anything but the expected status is refused."""
        answer = self.page.goto(self.address + path)
        if answer is None or answer.status != status:
            self.refused.append(f"{name}: {path} answered {answer and answer.status}, not {status}")
            return
        settled(self.page)
        self.show(name)

    def send(self, name: str, button: str) -> None:
        """Press a button that sends a form, and show the answer."""
        self.page.get_by_role("button", name=button, exact=True).click()
        self.page.wait_for_load_state("load")
        self.page.locator("main .alert").first.wait_for(state="attached")
        settled(self.page)
        self.show(name)

    def show(self, name: str) -> None:
        """Check the page as it stands."""
        try:
            self.screenshots(self.page, name)
        except AssertionError as problem:
            self.refused.append(f"{name}: {problem}")


@pytest.fixture
def tour(page: Page, live_server: Any, screenshots: Callable[[Page, str], None]) -> Iterator[Tour]:
    """Every page it visited is fit to be shown to a customer, or the test fails and names those that are not."""
    going = Tour(page, live_server.url, screenshots)
    yield going
    assert not going.refused, "\n".join(going.refused)
