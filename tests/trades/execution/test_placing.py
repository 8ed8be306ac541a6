"""An order is checked under its account's lock and written with its first step."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.http import Http404
from django.utils import timezone

from accounts.models import Notification, User
from brokers.models import BrokerConnection
from tests.trades.desk_kit import NOW, d, make_account, make_plan
from tests.trades.execution.gate_kit import (
    EVENING,
    NEXT_OPEN,
    asked,
    at_broker,
    broker,
    codes,
    connected,
    held,
    placed,
    quoted,
    sell,
)
from trades.execution.intents import order_create, order_from_trade, order_preview
from trades.models import Order, OrderEvent, Trade
from trades.services.errors import TradeError
from trenddojo.domain.errors import SymbolError
from trenddojo.domain.orders import OrderError, StopLoss, TakeProfit, class_with

__all__ = ["broker"]
pytestmark = pytest.mark.usefixtures("broker")


def test_an_order_is_written_before_anything_is_sent(alice: User) -> None:
    account = connected(alice)
    order = placed(account)
    kept = Order.objects.get()
    assert kept.pk == order.pk
    assert kept.client_order_id == f"td-{order.pk.hex}"
    assert (kept.status, kept.role, kept.reserved_value, kept.reserved_risk) == ("new", "entry", d(10_000), d(0))
    event = OrderEvent.objects.get()
    assert (event.fact, event.from_status, event.to_status, event.source) == ("intend", "", "new", "trader")
    assert event.detail["bid"] == "99.990000000"


def test_a_plan_becomes_a_bracket_with_its_stop_and_its_target(alice: User) -> None:
    account = connected(alice)
    trade = make_plan(account)
    given = order_from_trade(owner=alice, trade_id=trade.pk)
    order = order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW)
    assert (order.order_class, order.type, order.time_in_force) == ("bracket", "limit", "gtc")
    assert (order.quantity, order.limit_price) == (d(200), d(100))
    assert (order.reserved_value, order.reserved_risk) == (d(20_000), d(1000))
    legs = {leg.role: leg for leg in order.legs.all()}
    stop, target = legs["stop_loss"], legs["take_profit"]
    assert (stop.type, stop.side, stop.stop_price, stop.quantity) == ("stop", "sell", d(95), d(200))
    assert (target.type, target.side, target.limit_price, target.is_reducing) == ("limit", "sell", d(115), True)
    assert (stop.client_order_id, stop.status, stop.trade_id) == ("", "new", trade.pk)
    trade.refresh_from_db()
    assert (trade.status, trade.broker, trade.broker_sync_status) == ("pending", "mock", "pending")


@pytest.mark.parametrize(
    ("planned", "asset_class", "ordered", "order_class"),
    [
        ("199.75", "stock", "199", "bracket"),
        ("1", "stock", "1", "bracket"),
        # Nothing whole to protect, or nothing that takes exits with it.
        ("0.75", "stock", "0.75", "simple"),
        ("1.75", "crypto", "1.75", "simple"),
    ],
)
def test_a_plan_in_parts_of_a_share_is_ordered_in_whole_ones_that_its_stop_can_protect(
    alice: User, planned: str, asset_class: str, ordered: str, order_class: str
) -> None:
    account = connected(alice)
    trade = make_plan(account)
    Trade.objects.filter(pk=trade.pk).update(planned_quantity=d(planned), asset_class=asset_class)
    given = order_from_trade(owner=alice, trade_id=trade.pk)
    assert (given.quantity, class_with(given.stop_loss, given.take_profit)) == (d(ordered), order_class)


def test_a_plan_has_one_entry_at_a_time(alice: User) -> None:
    account = connected(alice)
    given = order_from_trade(owner=alice, trade_id=make_plan(account).pk)
    order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW)
    with pytest.raises(OrderError) as refused:
        order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW)
    assert (refused.value.code, refused.value.field) == ("already_ordered", "trade")


def test_the_same_key_makes_one_order(alice: User) -> None:
    account, key = connected(alice), uuid4()
    first, second = (order_create(owner=alice, given=asked(account), creation_key=key, now=NOW) for _ in range(2))
    assert first.pk == second.pk
    assert (Order.objects.count(), OrderEvent.objects.count()) == (1, 1)


def test_the_same_key_with_other_words_is_asked_about(alice: User) -> None:
    account, key = connected(alice), uuid4()
    order_create(owner=alice, given=asked(account), creation_key=key, now=NOW)
    with pytest.raises(TradeError) as refused:
        order_create(owner=alice, given=asked(account, quantity=d(50)), creation_key=key, now=NOW)
    assert refused.value.code == "sent_before"


def test_the_same_key_returns_its_order_whatever_would_be_refused_by_now(alice: User, charlie: User) -> None:
    account, key = connected(alice), uuid4()
    first = order_create(owner=alice, given=asked(account), creation_key=key, now=NOW)
    BrokerConnection.objects.update(is_active=False, status="disabled")
    assert order_create(owner=alice, given=asked(account), creation_key=key, now=NOW).pk == first.pk
    with pytest.raises(OrderError) as refused:
        order_create(owner=alice, given=asked(account, quantity=d(50)), creation_key=key, now=NOW)
    assert refused.value.code == "connection_disabled"
    with pytest.raises(Http404):
        order_create(owner=charlie, given=asked(account), creation_key=key, now=NOW)
    assert Order.objects.count() == 1


def test_another_persons_account_does_not_exist(alice: User, charlie: User) -> None:
    account = connected(alice)
    with pytest.raises(Http404):
        order_create(owner=charlie, given=asked(account), creation_key=uuid4(), now=NOW)
    assert not Order.objects.exists()


def test_another_accounts_trade_does_not_exist(alice: User) -> None:
    plan = make_plan(connected(alice, "Other"))
    with pytest.raises(Http404):
        placed(connected(alice), trade_id=plan.pk)


def test_an_account_kept_by_hand_says_what_to_do(alice: User) -> None:
    account = make_account(alice)
    with pytest.raises(OrderError) as refused:
        placed(account)
    assert (refused.value.code, refused.value.field) == ("places_no_orders", "account")
    assert "connect it to a broker" in refused.value.sentence


def test_a_disabled_connection_sends_nothing(alice: User) -> None:
    account = connected(alice)
    BrokerConnection.objects.update(is_active=False, status="disabled")
    with pytest.raises(OrderError) as refused:
        placed(account)
    assert refused.value.code == "connection_disabled"


def test_a_denied_order_is_kept_with_every_reason_and_its_numbers(alice: User) -> None:
    account = connected(alice, policy={"max_open_positions": 1})
    quoted("MSFT", "10", "10")
    placed(account, symbol="MSFT", limit_price=d(10), quantity=d(1))
    order = placed(account, quantity=d(2100), stop_loss=StopLoss(d(95)))
    assert (order.status, order.done_at) == ("denied", NOW)
    assert codes(order) == [
        "max_position",
        "open_risk",
        "daily_loss",
        "weekly_loss",
        "max_open_positions",
        "insufficient_buying_power",
    ]
    breaches = {breach["code"]: breach for breach in order.events.get().detail["breaches"]}
    assert (breaches["max_position"]["limit"], breaches["max_position"]["actual"]) == ("30.00", "210.0000")
    assert (breaches["insufficient_buying_power"]["limit"], breaches["insufficient_buying_power"]["actual"]) == (
        "199990.00",
        "210000",
    )
    assert order.reason_code == "max_position"
    assert order.reason_detail.startswith("The position would be 210.00 % of equity; 30 % is the most.")
    assert [leg.status for leg in order.legs.all()] == ["denied"]


def test_a_denied_entry_leaves_its_plan_planned(alice: User) -> None:
    account = connected(alice)
    trade = make_plan(account)
    account.halted_at, account.halt_reason = NOW, "enough for today"
    account.save()
    given = order_from_trade(owner=alice, trade_id=trade.pk)
    order = order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW)
    assert (order.status, codes(order)) == ("denied", ["halted"])
    assert "enough for today" in order.reason_detail
    trade.refresh_from_db()
    assert trade.status == "planned"


def test_an_exit_that_reduces_passes_although_everything_says_no(alice: User) -> None:
    account = connected(alice, policy={"max_orders_per_minute": 1}, is_paper=False)
    account.halted_at = NOW
    account.save()
    held(account, 100)
    for quantity in (60, 40):
        order = order_create(owner=alice, given=sell(account, quantity), creation_key=uuid4(), now=NOW)
        assert (order.status, order.role, order.is_reducing, order.reserved_value) == ("new", "exit", True, d(0))


def test_exits_together_never_sell_more_than_is_held(alice: User) -> None:
    account = connected(alice)
    held(account, 100)
    order_create(owner=alice, given=sell(account, 60), creation_key=uuid4(), now=NOW)
    second = order_create(owner=alice, given=sell(account, 41), creation_key=uuid4(), now=NOW)
    assert (second.status, codes(second)) == ("denied", ["exceeds_position"])
    assert second.reason_detail == (
        "You hold 100 and exits for 60 work already: at most 40 can be closed. An order never turns a position round."
    )


def test_a_stop_with_a_target_holds_its_shares_once(alice: User) -> None:
    account = connected(alice)
    held(account, 100)
    oco = sell(
        account,
        60,
        type="limit",
        order_class="oco",
        time_in_force="gtc",
        stop_loss=StopLoss(d(95)),
        take_profit=TakeProfit(d(115)),
    )
    order = order_create(owner=alice, given=oco, creation_key=uuid4(), now=NOW)
    assert (order.role, order.limit_price, order.status) == ("take_profit", d(115), "new")
    assert [(leg.role, leg.side, leg.stop_price) for leg in order.legs.all()] == [("stop_loss", "sell", d(95))]
    assert order_create(owner=alice, given=sell(account, 40), creation_key=uuid4(), now=NOW).status == "new"


def test_working_orders_use_the_room_of_their_symbol(alice: User) -> None:
    account = connected(alice)
    placed(account, quantity=d(200))
    fits, exceeds = placed(account, quantity=d(100)), placed(account, quantity=d(1))
    assert (fits.status, exceeds.status, codes(exceeds)) == ("new", "denied", ["max_position"])
    assert "30.10 % of equity" in exceeds.reason_detail


def test_the_unfilled_rest_alone_counts_as_working(alice: User) -> None:
    account = connected(alice)
    at_broker(placed(account, quantity=d(300)), status="partially_filled", filled_quantity=d(100))
    assert placed(account, quantity=d(100)).status == "new"


def test_orders_the_broker_does_not_know_yet_are_taken_from_its_buying_power(alice: User) -> None:
    account = connected(alice, policy={"max_position_percent": d(100)})
    account.connection.snapshots.update(buying_power=d(25_000))
    first = placed(account, quantity=d(200))
    assert codes(placed(account, quantity=d(51))) == ["insufficient_buying_power"]
    # Told to the broker before its last word: it is in the 25,000 already.
    at_broker(first, at=NOW - timedelta(minutes=2))
    assert placed(account, quantity=d(51)).status == "new"


def test_a_plans_own_reservation_does_not_stand_in_its_way(alice: User) -> None:
    account = connected(alice)
    trade = make_plan(account, quantity=d(300), stop=d(97))
    order = order_create(
        owner=alice, given=order_from_trade(owner=alice, trade_id=trade.pk), creation_key=uuid4(), now=NOW
    )
    assert order.status == "new"
    # The plan and its order count once.
    preview = order_preview(owner=alice, given=asked(account, symbol="AAPL", quantity=d(1)), now=NOW)
    assert [breach.code for breach in preview.breaches] == ["max_position"]
    assert preview.position_percent == d("30.1")


@pytest.mark.parametrize(
    ("age", "code"),
    [(60, None), (61, "stale_quote")],
)
def test_a_quote_may_be_so_old_and_no_older(alice: User, age: int, code: str | None) -> None:
    account = connected(alice)
    quoted("AAPL", "99.99", "100.01", at=NOW - timedelta(seconds=age), received_at=NOW)
    assert codes(placed(account)) == ([code] if code else [])


def test_a_symbol_without_a_quote_is_not_bought(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    account = connected(alice)
    quoted("AAPL", "1", "1").delete()
    monkeypatch.setattr("trades.execution.desks.quote_fetch", _no_quote)
    assert codes(placed(account)) == ["missing_quote"]


def _no_quote(connection: BrokerConnection, symbol: str) -> None:
    from brokers.errors import NoMarketData

    raise NoMarketData("none")


def test_a_limit_far_beyond_the_market_is_a_slip_of_the_finger(alice: User) -> None:
    account = connected(alice)
    order = placed(account, limit_price=d("105.01"), quantity=d(1))
    assert codes(order) == ["price_collar"]
    assert placed(account, limit_price=d(105), quantity=d(1)).status == "new"
    assert placed(account, limit_price=d(50), quantity=d(1)).status == "new"


@pytest.mark.parametrize("symbol", ["../account", "", "AAPL\0", "ÄPFEL"])
def test_what_is_no_symbol_never_reaches_the_broker(alice: User, symbol: str) -> None:
    account = connected(alice)
    with pytest.raises(SymbolError) as refused:
        placed(account, symbol=symbol)
    assert refused.value.field == "symbol"


def test_an_order_no_column_can_hold_is_refused(alice: User) -> None:
    account = connected(alice)
    with pytest.raises(OrderError) as refused:
        placed(account, quantity=d("99999999999"), limit_price=d("99999999999"))
    assert (refused.value.code, refused.value.field) == ("too_large", "quantity")


def test_orders_within_a_minute_are_counted(alice: User) -> None:
    account = connected(alice, policy={"max_orders_per_minute": 2})
    orders = [placed(account, quantity=d(1)) for _ in range(3)]
    assert [order.status for order in orders] == ["new", "new", "denied"]
    assert codes(orders[2]) == ["orders_per_minute"]


def test_a_live_account_needs_its_switch(alice: User) -> None:
    account = connected(alice, is_paper=False)
    assert codes(placed(account)) == ["integrations_disabled", "not_armed"]


def test_a_live_account_whose_switch_is_on_trades_and_keeps_it_on(alice: User, settings: Any) -> None:
    settings.ENABLE_BROKER_INTEGRATIONS = True
    used = timezone.now() - timedelta(minutes=1)
    account = connected(alice, is_paper=False, live_armed_at=used, live_used_at=used)
    assert placed(account).status == "new"
    assert BrokerConnection.objects.get().live_used_at > used


def test_an_order_waits_for_the_open_and_its_trader_knows(alice: User) -> None:
    account = connected(alice)
    order = placed(account, now=EVENING)
    assert (order.status, order.send_after) == ("queued", NEXT_OPEN)
    told = Notification.objects.get()
    assert (told.kind, told.title) == ("order_queued", "AAPL: order waits for the open")


def test_an_exit_goes_to_a_broker_that_keeps_it_until_the_open(alice: User) -> None:
    account = connected(alice)
    held(account, 100)
    order = order_create(owner=alice, given=sell(account, 100), creation_key=uuid4(), now=EVENING)
    assert (order.status, order.send_after) == ("new", None)


def test_an_expiry_before_the_open_is_refused_at_its_field(alice: User) -> None:
    account = connected(alice)
    with pytest.raises(OrderError) as refused:
        placed(account, now=EVENING, send_before=NEXT_OPEN)
    assert (refused.value.code, refused.value.field) == ("expires_before_open", "send_before")
    with pytest.raises(OrderError) as refused:
        placed(account, send_before=NOW)
    assert refused.value.code == "expired"


def test_a_preview_says_everything_and_writes_nothing(alice: User) -> None:
    account = connected(alice)
    trade = make_plan(account)
    given = order_from_trade(owner=alice, trade_id=trade.pk)
    preview = order_preview(owner=alice, given=given, now=NOW)
    assert (preview.cost, preview.risk, preview.position_percent) == (d(20_000), d(1000), d(20))
    assert (preview.heat_before, preview.heat, preview.breaches, preview.warnings) == (d(0), d(1), (), ())
    assert preview.quote is not None
    assert preview.quote_age_seconds == 0
    assert not Order.objects.exists()


def test_placing_an_order_asks_the_database_a_bounded_number_of_times(
    alice: User, django_assert_max_num_queries
) -> None:
    account = connected(alice)
    given = order_from_trade(owner=alice, trade_id=make_plan(account).pk)
    with django_assert_max_num_queries(20):
        order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW)
