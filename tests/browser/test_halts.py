"""The brake in a real browser: the pages, the banner on every page, and closing everything until the desk is flat."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Halt, TradingAccount, User
from accounts.services.pulses import ORDERS, pulse_write
from brokers.models import BrokerConnection, BrokerPosition
from tests.browser.conftest import Tour
from tests.trades.orders.kit import connected_account, make_order, make_position, make_quote
from trades.execution.intents import account_halt, desk_halt
from trades.models import Order

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[Page, User], None]
Visit = Callable[[Page, str], None]


@pytest.fixture
def account(page: Page, alice: User, sign_in: SignIn) -> TradingAccount:
    account = connected_account(alice)
    sign_in(page, alice)
    return account


def test_the_pages_of_the_brake_are_shown_well(account: TradingAccount, alice: User, tour: Tour) -> None:
    tour.visit("halt", "/halt/")
    tour.visit("flatten", "/flatten/")
    tour.visit("flatten-progress-flat", "/flatten/progress/")
    make_position(account, "KO", "50")
    make_position(connected_account(alice, "Second"), "AAPL", "-20")
    BrokerConnection.objects.filter(account__name="Second").update(is_active=False, status="disabled")
    tour.visit("flatten-progress", "/flatten/progress/")
    account_halt(owner=alice, account_id=account.pk, reason="Three losses in a row, and the fourth would be revenge")
    desk_halt(by="bob", reason="The broker confirms orders twice; we wait for its answer")
    pulse_write(ORDERS)
    with database.cursor() as cursor:
        cursor.execute("UPDATE pulses SET at = at - interval '7 minutes'")
    BrokerConnection.objects.update(last_sync=timezone.now() - timedelta(minutes=9))
    Halt.objects.create(level="user", user=alice, reason="Tilt", by_name="alice", halted_at=timezone.now())
    tour.visit("halt-every-level", "/halt/")
    tour.visit("halt-account-exits-too", f"/accounts/{account.pk}/halt/")
    tour.visit("banner", "/")


def test_the_banner_suits_every_layout(page: Page, bob: User, sign_in: SignIn, tour: Tour) -> None:
    """The desk's own pages are shown above: here the narrow ones, signing in, security and the admin's."""
    account = connected_account(bob)
    sign_in(page, bob)
    desk_halt(by="bob", reason="The broker confirms orders twice; we wait for its answer")
    BrokerConnection.objects.update(last_sync=timezone.now() - timedelta(minutes=9))
    tour.visit("banner-narrow", f"/accounts/{account.pk}/halt/")
    tour.visit("banner-sign-in", "/auth/reauthenticate/")
    tour.visit("banner-security", "/auth/2fa/")
    tour.visit("banner-admin", "/admin/")
    tour.visit("banner-admin-list", "/admin/accounts/halt/")


def test_all_accounts_are_halted_and_resumed_by_hand_without_scripts(
    account: TradingAccount, page: Page, visit: Visit
) -> None:
    entry = make_order(account)
    visit(page, "/")
    page.get_by_role("link", name="Halt", exact=True).click()
    page.get_by_role("button", name="Halt all accounts").click()
    expect(page.get_by_text("Say why, in a word or two.").first).to_be_visible()
    expect(page.get_by_label("Keep them: positions stay protected")).to_be_checked()
    page.get_by_label("Reason").fill("The feed looks wrong")
    page.get_by_role("button", name="Halt all accounts").click()
    expect(page.get_by_text("All your accounts are halted by you since")).to_be_visible()
    page.get_by_label("Reason").fill("The stops look wrong, too")
    page.get_by_role("button", name="Cancel stops and targets").click()
    expect(page.get_by_text("positions are without protection")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel stops and targets")).to_have_count(0)
    entry.refresh_from_db()
    assert entry.status == "cancelling"
    page.get_by_role("button", name="Resume all accounts").click()
    expect(page.get_by_text("Your accounts trade again.")).to_be_visible()
    assert Halt.objects.get().resumed_by_name == "alice"


def test_everything_is_closed_and_the_page_follows_until_it_is_flat(
    account: TradingAccount, page: Page, visit: Visit
) -> None:
    make_position(account, "KO", "50")
    make_quote("KO", "70", "70.1")
    visit(page, "/halt/")
    page.get_by_role("link", name="Close every position").click()
    page.get_by_role("button", name="Close everything").click()
    expect(page.get_by_text("1 position left")).to_be_visible()
    assert Order.objects.get().side == "sell"
    BrokerPosition.objects.all().delete()
    expect(page.get_by_text("Nothing is held through a broker")).to_be_visible(timeout=15_000)
