"""The trades list in a browser: choosing all rows, tagging them, finding them again."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import make_account, make_closed_trade
from trades.models import Trade

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_all_rows_are_chosen_tagged_and_found_by_their_tag(
    page: Page, alice: User, sign_in: Callable[[Page, User], None], visit: Callable[[Page, str], None]
) -> None:
    account = make_account(alice)
    for symbol in ("AAPL", "MSFT", "GME"):
        make_closed_trade(account, symbol)
    sign_in(page, alice)
    visit(page, "/trades/")
    page.get_by_label("Choose all trades of this page").check()
    expect(page.locator("input[name=trade]:checked")).to_have_count(3)
    page.get_by_label("Choose GME", exact=False).uncheck()
    expect(page.get_by_label("Choose all trades of this page")).not_to_be_checked()
    page.get_by_label("Words").fill("gap, earnings")
    page.get_by_role("button", name="Tag", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("gap, earnings: put on 2 trades.")
    assert sorted(Trade.objects.filter(tags__name="gap").values_list("symbol", flat=True)) == ["AAPL", "MSFT"]
    page.get_by_text("More filters").click()
    page.get_by_label("Tags, mistakes, emotions").select_option(label="gap")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_role("link", name="Without Tags, mistakes, emotions")).to_be_visible()


def test_the_list_filters_and_tags_without_javascript(
    page: Page, alice: User, sign_in: Callable[[Page, User], None], live_server: Any
) -> None:
    make_closed_trade(make_account(alice), "AAPL")
    sign_in(page, alice)
    context = page.context.browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state())
    plain = context.new_page()
    plain.goto(f"{live_server.url}/trades/?outcome=win")
    plain.get_by_label("Choose AAPL", exact=False).check()
    plain.locator("details.desk-bulk summary").click()
    plain.get_by_label("Words").fill("calm")
    plain.get_by_label("Kind").select_option("emotion")
    plain.get_by_role("button", name="Tag", exact=True).click()
    expect(plain.get_by_text("calm: put on 1 trade.")).to_be_visible()
    assert plain.url.endswith("/trades/?outcome=win")
    context.close()
