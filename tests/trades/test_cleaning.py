"""The story of an order and the trail of changes end where a business says so, and never while anything is open."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from accounts.models import Halt, Silence, TradingAccount, User
from accounts.services import retention
from tests.factories import make_account, make_closed_trade, make_plan
from trades.models import AuditEntry, Order, OrderCall, OrderEvent, Trade
from trades.services.cleaning import trails_clean

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=366)
NOTHING = dict.fromkeys(("order_events", "order_calls", "audit_entries", "halts", "silences", "looks"), 0)


@pytest.fixture(autouse=True)
def _a_year(settings: Any) -> None:
    settings.KEEP_ORDER_STORIES_DAYS = settings.KEEP_AUDIT_DAYS = 365


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


def over(account: TradingAccount, symbol: str, *, trade: Trade | None = None, at: datetime = LONG_AGO) -> Order:
    """An order with two steps and one call that was over at a moment."""
    order = Order.objects.create(
        owner=account.owner, account=account, trade=trade, symbol=symbol, side="buy", type="market", quantity=D(1),
        status="filled", done_at=at,
    )  # fmt: skip
    for fact in ("claim", "fill"):
        OrderEvent.objects.create(order=order, at=at, fact=fact, to_status="filled", source="worker")
    OrderCall.objects.create(order=order, at=at, verb="submit", answer="shown")
    return order


def told_of() -> set[str]:
    return set(OrderEvent.objects.values_list("order__symbol", flat=True))


def test_steps_of_orders_that_were_over_long_ago_go_and_the_orders_stay(account: TradingAccount) -> None:
    over(account, "OLD")
    over(account, "NEW", at=NOW - timedelta(days=364))

    assert trails_clean(now=NOW) == NOTHING | {"order_events": 2, "order_calls": 1}

    assert told_of() == {"NEW"}
    assert set(Order.objects.values_list("symbol", flat=True)) == {"OLD", "NEW"}
    assert trails_clean(now=NOW) == NOTHING


def test_the_story_of_an_open_trade_stays_whole(account: TradingAccount) -> None:
    over(account, "PLAN", trade=make_plan(account, "PLAN"))
    over(account, "OVER", trade=make_closed_trade(account, "OVER"))

    trails_clean(now=NOW)

    assert told_of() == {"PLAN"}


def test_nothing_goes_while_an_order_works_in_the_same_symbol(account: TradingAccount) -> None:
    """It may be the leg or the replacement of the one that is over."""
    over(account, "HELD")
    over(account, "FREE")
    Order.objects.create(
        owner=account.owner,
        account=account,
        symbol="HELD",
        side="sell",
        type="market",
        quantity=D(1),
        status="accepted",
    )

    trails_clean(now=NOW)

    assert told_of() == {"HELD"}


def test_an_order_that_works_keeps_its_story_however_old_it_is(account: TradingAccount) -> None:
    order = over(account, "GTC")
    Order.objects.filter(pk=order.pk).update(status="accepted", done_at=None)

    trails_clean(now=NOW)

    assert told_of() == {"GTC"}


def test_without_a_setting_everything_is_kept(account: TradingAccount, settings: Any) -> None:
    settings.KEEP_ORDER_STORIES_DAYS = settings.KEEP_AUDIT_DAYS = 0
    over(account, "OLD", at=NOW - timedelta(days=9_000))

    assert not any(trails_clean(now=NOW).values())
    assert OrderEvent.objects.count() == 2


def test_old_entries_of_the_trail_go_but_those_of_open_trades(account: TradingAccount) -> None:
    for number, (trade, days) in enumerate(((make_plan(account, "OPEN"), 400), (None, 400), (None, 10))):
        entry = AuditEntry.objects.create(
            account=account, action=f"entry.{number}", subject_id=account.pk, trade_id=trade and trade.pk
        )
        AuditEntry.objects.filter(pk=entry.pk).update(at=NOW - timedelta(days=days))

    assert trails_clean(now=NOW)["audit_entries"] == 1
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"entry.0", "entry.2"}


def test_halts_that_were_lifted_and_silences_that_ended_go_and_those_that_stand_stay(alice: User, bob: User) -> None:
    for reason, owner, resumed in (("stands", alice, None), ("old", bob, LONG_AGO), ("young", bob, NOW)):
        Halt.objects.create(level="user", user=owner, reason=reason, halted_at=LONG_AGO, resumed_at=resumed)
    for subject, ended in (("desk", None), ("connection:old", LONG_AGO), ("connection:young", NOW)):
        Silence.objects.create(subject=subject, since=LONG_AGO, noticed_at=LONG_AGO, ended_at=ended)

    assert trails_clean(now=NOW) == NOTHING | {"halts": 1, "silences": 1}

    assert set(Halt.objects.values_list("reason", flat=True)) == {"stands", "young"}
    assert set(Silence.objects.values_list("subject", flat=True)) == {"desk", "connection:young"}


def test_a_turn_that_takes_too_long_goes_on_in_the_next(
    account: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        over(account, f"S{number}")
    monkeypatch.setattr(retention, "BATCH", 3)
    clock = iter((0.0, 0.0, 99.0))
    monkeypatch.setattr(retention.time, "monotonic", lambda: next(clock))

    assert retention.rows_delete(OrderEvent.objects.all()) == 3

    monkeypatch.undo()
    monkeypatch.setattr(retention, "BATCH", 3)
    assert retention.rows_delete(OrderEvent.objects.all()) == 7
