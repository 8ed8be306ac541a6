"""Orders and positions in a real browser: the ticket with and without scripts, pages that follow what happens without
a reload, and what is said when the desk does not answer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.calendars import session_for
from accounts.models import TradingAccount, User
from tests.browser.conftest import Tour
from tests.factories import make_plan
from tests.trades.orders.kit import connected_account, d, make_bracket, make_event, make_leg, make_order
from trades.models import Order

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[Page, User], None]
Visit = Callable[[Page, str], None]


@pytest.fixture
def account(page: Page, alice: User, sign_in: SignIn) -> TradingAccount:
    account = connected_account(alice)
    # The first question about a session loads the calendars, which takes seconds.
    session_for(account.exchange, timezone.now())
    sign_in(page, alice)
    return account


def story(account: TradingAccount) -> Order:
    """Orders in every state, one of them with legs and a long history."""
    plan = make_plan(account)
    bracket = make_bracket(account, trade=plan, status="filled", filled_quantity=d(100), filled_average_price=d("187.4321"))
    at = timezone.now() - timedelta(minutes=20)
    for fact, status in (("intend", "new"), ("claim", "submitting"), ("accept", "accepted"), ("fill", "filled")):
        detail = {"filled_quantity": "100", "status": "filled"} if fact == "fill" else {}
        make_event(bracket, fact, status, at=at, happened_at=at, from_status="", detail=detail)
    make_leg(bracket, "stop_loss", "183", status="cancelling", cancel_asked_at=at)
    reason = "The position would be 42.10 % of equity; 30 % is the most. The last quote is 95 seconds old; 60 is the most."
    for symbol, fields in {
        "MSFT": {"status": "partially_filled", "filled_quantity": d("40.5"), "filled_average_price": d("411.2")},
        "NVDA": {"status": "queued", "send_after": at + timedelta(days=1), "side": "sell", "type": "market"},
        "BRK.B": {"status": "in_doubt", "doubted_at": at, "reason_detail": "The broker did not answer; it is being asked."},
        "TSLA": {"status": "denied", "reason_detail": reason},
        "KO": {"status": "cancelled", "origin": "external"},
        "AMD": {"status": "rejected", "reason_detail": "insufficient buying power"},
    }.items():
        make_order(account, symbol, **fields)
    return bracket


def test_orders_are_shown_well(account: TradingAccount, tour: Tour) -> None:
    tour.visit("orders-empty", "/orders/")
    bracket = story(account)
    tour.visit("orders", "/orders/")
    tour.visit("orders-none-found", "/orders/?symbol=ZZZ")
    tour.visit("order", f"/orders/{bracket.pk}/")
    working = Order.objects.get(symbol="MSFT")
    tour.visit("order-cancel", f"/orders/{working.pk}/cancel/")
    tour.visit("order-replace", f"/orders/{working.pk}/replace/")
    tour.visit("order-cancel-all", "/orders/cancel-all/")
    tour.visit("account-halt", f"/accounts/{account.pk}/halt/")
    tour.visit("order-create", f"/orders/new/?trade={bracket.trade_id}")
