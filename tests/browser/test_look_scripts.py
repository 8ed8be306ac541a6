"""What the scripts of every page promise, in a real browser."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.look import pages

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = [pytest.mark.urls("tests.look.pages"), pytest.mark.django_db(transaction=True)]

Visit = Callable[[Page, str], None]


@pytest.fixture
def desk(page: Page, alice: "User", sign_in: "Callable[[Page, User], None]", live_server: Any) -> Iterator[Page]:
    """A signed-in page that may open the note behind its own sign-in."""
    pages.posted.clear()
    pages.polls.clear()
    sign_in(page, alice)
    page.context.add_cookies([{"name": "signed", "value": "in", "url": live_server.url}])
    yield page
    # A page left with typed text would ask whether to leave when the browser closes it.
    page.goto("about:blank") if page.locator("[data-dirty]").count() == 0 else None


def _background(page: Page) -> list[int]:
    return [int(part) for part in page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")[:3]]


def test_the_theme_follows_the_system_until_the_reader_chooses(desk: Page, visit: Visit) -> None:
    desk.emulate_media(color_scheme="dark")
    visit(desk, "/look/")
    assert max(_background(desk)) < 60

    desk.locator("[data-theme-toggle]").click()
    assert min(_background(desk)) > 200
    answer = desk.reload()

    assert answer is not None
    assert '<html lang="en" data-bs-theme="light">' in answer.text()
    assert min(_background(desk)) > 200


def test_typed_text_survives_a_session_that_ended(desk: Page, visit: Visit, live_server: Any) -> None:
    visit(desk, "/look/note/")
    desk.get_by_label("Text").fill("Sold too early, again.")
    desk.get_by_label("Mood").select_option("tense")
    desk.get_by_label("Sure").check()
    desk.context.clear_cookies(name="signed")
    desk.get_by_role("button", name="Save note").click()
    expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()
    assert pages.posted == []

    desk.context.add_cookies([{"name": "signed", "value": "in", "url": live_server.url}])
    desk.get_by_role("link", name="Signed in again").click()

    expect(desk.get_by_label("Text")).to_have_value("Sold too early, again.")
    expect(desk.get_by_label("Mood")).to_have_value("tense")
    expect(desk.get_by_label("Sure")).to_be_checked()
    expect(desk.get_by_role("status").filter(has_text="not saved yet")).to_be_visible()
    desk.get_by_role("button", name="Save note").click()
    expect(desk.locator("#posted")).to_have_text("Sold too early, again. saved")
    expect(desk.get_by_label("Text")).to_have_value("")


def test_an_htmx_request_of_an_ended_session_keeps_typed_text_too(desk: Page, visit: Visit, live_server: Any) -> None:
    visit(desk, "/look/note/")
    desk.get_by_label("Text").fill("Half a thought")
    desk.context.clear_cookies(name="signed")
    desk.get_by_role("button", name="Size it").click()
    expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()

    desk.context.add_cookies([{"name": "signed", "value": "in", "url": live_server.url}])
    desk.get_by_role("link", name="Signed in again").click()

    expect(desk.get_by_label("Text")).to_have_value("Half a thought")
    desk.on("dialog", lambda dialog: dialog.accept())


def test_a_form_sent_twice_arrives_once(desk: Page, visit: Visit) -> None:
    visit(desk, "/look/note/")
    desk.get_by_label("Text").fill("once")

    desk.get_by_role("button", name="Save note").dblclick()
    expect(desk.locator("#posted")).to_have_text("once saved")

    assert pages.posted == ["once saved"]


def test_leaving_typed_text_is_asked_about_first(desk: Page, visit: Visit) -> None:
    visit(desk, "/look/note/")
    asked: list[str] = []
    desk.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    desk.get_by_label("Text").press_sequentially("unsaved")

    desk.get_by_role("link", name="TrendDojo").first.click()
    desk.wait_for_url("**/")

    assert asked == ["beforeunload"]


def test_destruction_is_asked_about_and_can_be_refused_by_keyboard(
    desk: Page, visit: Visit, axe: Callable[[Page], None]
) -> None:
    visit(desk, "/look/note/")
    desk.get_by_role("button", name="Delete").click()
    dialog = desk.get_by_role("dialog", name="Delete this note?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    axe(desk)
    desk.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert pages.posted == []

    desk.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(desk.locator("#posted")).to_have_text("deleted")


def test_htmx_sends_the_token_and_shows_sizes_refusals_and_failures(desk: Page, visit: Visit) -> None:
    visit(desk, "/look/note/")
    risk, send, answer = desk.get_by_label("Risk"), desk.get_by_role("button", name="Size it"), desk.locator("#size")
    risk.fill("100")
    send.click()
    expect(answer).to_have_text("100 shares")
    expect(desk.locator("#toasts")).to_contain_text("Sized")

    risk.fill("ten")
    send.click()
    expect(answer).to_have_text("Enter a number.")

    risk.fill("break")
    send.click()
    expect(desk.locator("#toasts")).to_contain_text("Nothing was changed")
    expect(answer).to_have_text("Enter a number.")


def test_progress_moves_by_itself_and_then_stops_asking(desk: Page, visit: Visit) -> None:
    visit(desk, "/look/note/")

    expect(desk.locator("#progress")).to_contain_text("3 of 3")

    assert desk.locator("#progress[hx-get]").count() == 0
    assert desk.locator("#progress progress").get_attribute("value") == "3"


def test_a_chart_is_walked_by_keyboard_and_drawn_anew_in_the_other_theme(desk: Page, visit: Visit) -> None:
    visit(desk, "/look/?quiet=1")
    figure = desk.locator("#equity")
    legend = figure.locator("[data-legend]")
    last = legend.text_content() or ""

    figure.locator("[data-area]").press("Home")
    expect(legend).to_contain_text("2025-01-02")
    expect(legend).to_have_attribute("aria-live", "polite")
    figure.locator("[data-area]").press("End")
    expect(legend).to_have_text(last)

    before = figure.locator("[data-area]").screenshot()
    desk.locator("[data-theme-toggle]").click(click_count=2)
    assert figure.locator("[data-area]").screenshot() != before


def test_the_account_switch_keeps_the_other_filters(desk: Page, visit: Visit) -> None:
    visit(desk, "/look/?quiet=1&tag=a&tag=b&cursor=x")

    desk.get_by_label("Account", exact=True).select_option("2")
    desk.wait_for_url("**account=2")

    assert desk.url.endswith("/look/?quiet=1&tag=a&tag=b&account=2")


@pytest.fixture
def plain(browser: Browser) -> Iterator[BrowserContext]:
    """A browser on a phone that runs no scripts and prefers dark."""
    context = browser.new_context(
        java_script_enabled=False, color_scheme="dark", viewport={"width": 390, "height": 800}
    )
    yield context
    context.close()


def test_the_desk_works_without_scripts(
    plain: BrowserContext, alice: "User", sign_in: "Callable[[Page, User], None]", live_server: Any
) -> None:
    page = plain.new_page()
    sign_in(page, alice)
    page.goto(live_server.url + "/look/")

    assert max(_background(page)) < 60
    expect(page.get_by_role("link", name="Security")).to_be_hidden()
    page.get_by_text("Menu").click()
    expect(page.get_by_role("link", name="Security")).to_be_visible()
    expect(page.get_by_role("button", name="Show", exact=True)).to_be_visible()
    expect(page.locator("[data-theme-toggle]")).to_be_hidden()
    page.locator("#equity summary").click()
    expect(page.locator("#equity table")).to_be_visible()
