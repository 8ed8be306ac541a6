"""The parts of the look, in a real browser under the real Content-Security-Policy."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = [pytest.mark.urls("tests.look.pages"), pytest.mark.django_db(transaction=True)]

Visit = Callable[[Page, str], None]


def test_every_part_is_shown_to_everybody(
    page: Page, alice: "User", sign_in: "Callable[[Page, User], None]", visit: Visit, screenshots: Visit
) -> None:
    sign_in(page, alice)
    visit(page, "/look/")

    screenshots(page, "look")
    assert page.locator("figure[data-drawn=true]").count() == 3


def test_a_refused_form_says_all_reasons_and_keeps_what_was_typed(
    page: Page, alice: "User", sign_in: "Callable[[Page, User], None]", visit: Visit, screenshots: Visit
) -> None:
    sign_in(page, alice)
    visit(page, "/look/?quiet=1")
    page.locator("#plan").evaluate("form => form.noValidate = true")
    page.get_by_label("Symbol").fill("AAPL")
    page.get_by_label("Entry").fill("ten")
    page.get_by_role("button", name="Save plan").click()

    expect(page.get_by_label("Symbol")).to_have_value("AAPL")
    expect(page.get_by_label("Entry")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#form-errors")).to_be_focused()
    expect(page.locator("#form-errors li")).to_have_count(2)
    screenshots(page, "look-form-refused")


@pytest.mark.parametrize(
    ("name", "path", "heading"),
    [
        ("confirm", "/look/confirm/", "Delete the trade in AAPL?"),
        ("404", "/nothing/", "There is nothing here"),
        ("500", "/look/broken/", "Something broke on our side"),
    ],
)
def test_narrow_pages_are_shown_to_everybody(
    name: str, path: str, heading: str, page: Page, visit: Visit, screenshots: Visit
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    visit(page, path)

    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    screenshots(page, f"look-{name}")


def test_the_menu_of_a_phone_opens_by_keyboard(
    page: Page, bob: "User", sign_in: "Callable[[Page, User], None]", visit: Visit, screenshots: Visit
) -> None:
    sign_in(page, bob)
    page.set_viewport_size({"width": 390, "height": 900})
    visit(page, "/look/trades/trade-list/?quiet=1")
    page.get_by_role("checkbox", name="Menu").press("Space")

    expect(page.get_by_role("link", name="Trades").first).to_be_visible()
    expect(page.locator("nav [aria-current=page]")).to_have_text("Trades")
    screenshots(page, "look-menu")
