"""Orders are taken back and changed; positions are closed and protected; accounts are halted."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.http import Http404

from accounts.models import Notification, User
from brokers.models import BrokerConnection
from tests.trades.desk_kit import NOW, at, d, make_account, make_fill, make_plan
from tests.trades.execution.gate_kit import (
    EVERYTHING,
    at_broker,
    broker,
    connected,
    held,
    placed,
    quoted,
)
from trades.execution import desks
from trades.execution.intents import (
    OrderEdit,
    account_halt,
    account_resume,
    order_cancel,
    order_create,
    order_from_trade,
    order_replace,
    position_close,
    positions_close_all,
    scale_out,
    stop_move,
    stop_trail,
)
from trades.models import AuditEntry, Order, StopMove, Trade
from trades.services.errors import LimitsBroken
from trenddojo.domain.orders import OrderError

__all__ = ["broker"]
pytestmark = pytest.mark.usefixtures("broker")


def bracket(account, **changes) -> tuple[Trade, Order]:
    """A plan of 200 at 100, stop 95, target 115, sent and taken by the broker."""
    trade = make_plan(account)
    given = order_from_trade(owner=account.owner, trade_id=trade.pk, **changes)
    return trade, order_create(owner=account.owner, given=given, creation_key=uuid4(), now=NOW)


def open_position(account) -> tuple[Trade, Order, Order]:
    """The bracket's entry is filled and booked: 200 held, its stop and its target work at the broker."""
    trade, order = bracket(account)
    at_broker(order, status="filled", filled_quantity=d(200), done_at=NOW)
    stop, target = (at_broker(order.legs.get(role=role)) for role in ("stop_loss", "take_profit"))
    make_fill(trade, "buy", 200, 100, at(4, 15))
    trade.refresh_from_db()
    return trade, stop, target


def cancel(order: Order) -> Order:
    return order_cancel(owner=order.owner, order_id=order.pk, now=NOW)


def test_what_was_not_sent_is_cancelled_at_once_with_its_legs_and_the_plan_waits_again(alice: User) -> None:
    trade, order = bracket(connected(alice))
    cancelled = cancel(order)
    assert (cancelled.status, cancelled.done_at, cancelled.cancel_asked_at) == ("cancelled", NOW, NOW)
    assert {leg.status for leg in order.legs.all()} == {"cancelled"}
    assert [event.fact for event in order.events.all()] == ["intend", "abandon"]
    trade.refresh_from_db()
    assert (trade.status, trade.broker_sync_status) == ("planned", "cancelled")


def test_what_the_broker_has_is_asked_for(alice: User) -> None:
    order = at_broker(placed(connected(alice)))
    asked_for = cancel(order)
    assert (asked_for.status, asked_for.cancel_asked_at, asked_for.done_at) == ("cancelling", NOW, None)


@pytest.mark.parametrize("status", ["submitting", "in_doubt"])
def test_what_is_on_its_way_keeps_the_wish(alice: User, status: str) -> None:
    order = at_broker(placed(connected(alice)), status=status, doubted_at=NOW, broker_order_id="")
    assert (cancel(order).status, order.events.last().fact) == (status, "ask_cancel")
    order.refresh_from_db()
    assert order.cancel_asked_at == NOW


def test_what_is_over_cannot_be_cancelled(alice: User) -> None:
    order = at_broker(placed(connected(alice)), status="filled")
    with pytest.raises(OrderError) as refused:
        cancel(order)
    assert (refused.value.code, refused.value.sentence) == ("order_over", "This order is filled already.")


def test_another_persons_order_does_not_exist(alice: User, charlie: User) -> None:
    order = placed(connected(alice))
    with pytest.raises(Http404):
        order_cancel(owner=charlie, order_id=order.pk, now=NOW)
    with pytest.raises(Http404):
        replaced(order, owner=charlie, limit_price=d(99))
    order.refresh_from_db()
    assert order.status == "new"


def replaced(order: Order, *, owner: User | None = None, key=None, **changes) -> Order:
    return order_replace(
        owner=owner or order.owner,
        order_id=order.pk,
        changes=OrderEdit(**changes),
        creation_key=key or uuid4(),
        now=NOW,
    )


def test_an_unsent_order_is_rewritten_with_its_legs_and_its_room(alice: User) -> None:
    _, order = bracket(connected(alice))
    replaced(order, limit_price=d(99), quantity=d(100))
    order.refresh_from_db()
    assert (order.status, order.limit_price, order.quantity, order.pending_change) == ("new", d(99), d(100), None)
    assert (order.reserved_value, order.reserved_risk) == (d(9_900), d(400))
    assert {leg.quantity for leg in order.legs.all()} == {d(100)}
    event = order.events.last()
    assert (event.fact, event.detail["from"]["limit_price"], event.detail["to"]["limit_price"]) == (
        "rewrite",
        "100.000000000",
        "99",
    )


def test_the_broker_is_asked_for_other_terms_and_the_order_works_on(alice: User) -> None:
    order = at_broker(placed(connected(alice)))
    key = uuid4()
    for _ in range(2):
        replaced(order, key=key, limit_price=d("99.5"))
    order.refresh_from_db()
    assert (order.status, order.limit_price) == ("accepted", d(100))
    change = order.pending_change
    assert (change["limit_price"], change["reserved_value"], change["creation_key"]) == ("99.5", "9950.00", str(key))
    assert change["client_order_id"].startswith("td-")
    assert [event.fact for event in order.events.all()] == ["intend", "ask_replace"]
    with pytest.raises(OrderError) as refused:
        replaced(order, limit_price=d(98))
    assert refused.value.code == "change_pending"


def test_an_order_grows_only_as_far_as_the_limits_go(alice: User) -> None:
    order = at_broker(placed(connected(alice), quantity=d(200)))
    with pytest.raises(LimitsBroken) as refused:
        replaced(order, quantity=d(301))
    assert [breach.code for breach in refused.value.breaches] == ["max_position"]
    replaced(order, quantity=d(300))
    order.refresh_from_db()
    assert order.pending_change["quantity"] == "300"


def test_a_change_that_is_on_its_way_has_its_room_already(alice: User) -> None:
    account = connected(alice)
    replaced(at_broker(placed(account, quantity=d(100))), quantity=d(250))
    assert placed(account, quantity=d(50)).status == "new"
    assert placed(account, quantity=d(1)).reason_code == "max_position"


def test_an_order_may_become_smaller_whatever_the_limits_say(alice: User) -> None:
    account = connected(alice)
    order = at_broker(placed(account, quantity=d(200)))
    account_halt(owner=alice, account_id=account.pk, now=NOW)
    Order.objects.update(cancel_asked_at=None, status="accepted")
    assert replaced(order, quantity=d(100)).pending_change["quantity"] == d(100)


def test_an_order_never_asks_for_less_than_is_filled(alice: User) -> None:
    order = at_broker(placed(connected(alice)), status="partially_filled", filled_quantity=d(60))
    with pytest.raises(OrderError) as refused:
        replaced(order, quantity=d(60))
    assert (refused.value.code, refused.value.field) == ("already_filled", "quantity")


@pytest.mark.parametrize(
    ("price", "code"),
    [("114.99", None), ("115", "target_wrong_side"), ("94.001", "bad_tick")],
)
def test_a_stop_moves_below_its_target_in_steps_of_the_market(alice: User, price: str, code: str | None) -> None:
    _, stop, _ = open_position(connected(alice))
    if code is None:
        assert replaced(stop, stop_price=d(price)).pending_change["stop_price"] == d(price)
        return
    with pytest.raises(OrderError) as refused:
        replaced(stop, stop_price=d(price))
    assert refused.value.code == code


def test_the_size_of_an_exit_of_a_group_is_that_of_the_group(alice: User) -> None:
    _, stop, _ = open_position(connected(alice))
    with pytest.raises(OrderError) as refused:
        replaced(stop, quantity=d(100))
    assert (refused.value.code, refused.value.field) == ("exit_fixed", "quantity")


def close(trade: Trade, **changes) -> Order:
    return position_close(owner=trade.owner, trade_id=trade.pk, creation_key=uuid4(), now=NOW, **changes)


def test_a_position_without_exits_is_closed_at_once(alice: User) -> None:
    account = connected(alice)
    held(account, -50)
    key = uuid4()
    orders = {
        position_close(owner=alice, account_id=account.pk, symbol="aapl", creation_key=key, now=NOW).pk
        for _ in range(2)
    }
    assert len(orders) == 1
    order = Order.objects.get()
    assert (order.side, order.type, order.quantity, order.status) == ("buy", "market", d(50), "new")
    assert (order.role, order.is_reducing) == ("exit", True)


def test_exits_in_the_way_are_cancelled_first_and_the_close_says_what_it_waits_for(alice: User) -> None:
    trade, stop, target = open_position(connected(alice))
    order = close(trade)
    assert (order.status, order.quantity, order.reason_code) == ("queued", d(200), "waits_for_exits")
    assert order.reason_detail == "It waits until the exits before it are cancelled."
    for leg in (stop, target):
        leg.refresh_from_db()
        assert leg.status == "cancelling"
    with pytest.raises(OrderError) as refused:
        close(trade)
    assert refused.value.code == "closing"


def test_a_part_is_closed_and_the_rest_is_protected_as_before(alice: User) -> None:
    trade, _, _ = open_position(connected(alice))
    order = scale_out(owner=alice, trade_id=trade.pk, quantity=d(80), creation_key=uuid4(), now=NOW)
    rest = Order.objects.exclude(pk=order.pk).get(status="queued")
    assert (order.quantity, order.status) == (d(80), "queued")
    assert (rest.order_class, rest.quantity, rest.limit_price, rest.role) == ("oco", d(120), d(115), "take_profit")
    assert rest.legs.get().stop_price == d(95)


@pytest.mark.parametrize(("quantity", "code"), [("200.01", "exceeds_position"), ("0", "not_positive")])
def test_no_more_is_closed_than_is_held(alice: User, quantity: str, code: str) -> None:
    trade, _, _ = open_position(connected(alice))
    with pytest.raises(OrderError) as refused:
        close(trade, quantity=d(quantity))
    assert (refused.value.code, refused.value.field) == (code, "quantity")


def test_what_is_filled_and_not_booked_yet_is_closed_too(alice: User) -> None:
    account = connected(alice)
    BrokerConnection.objects.update(last_sync=NOW - timedelta(minutes=1))
    order = placed(account, quantity=d(30))
    at_broker(order, status="filled", filled_quantity=d(30), reported_at=NOW)
    closing = position_close(owner=alice, account_id=account.pk, symbol="AAPL", creation_key=uuid4(), now=NOW)
    assert (closing.side, closing.quantity) == ("sell", d(30))


def test_a_working_entry_is_cancelled_before_its_position_is_closed(alice: User) -> None:
    account = connected(alice)
    held(account, 40)
    entry = at_broker(placed(account), status="partially_filled")
    closing = position_close(owner=alice, account_id=account.pk, symbol="AAPL", creation_key=uuid4(), now=NOW)
    entry.refresh_from_db()
    assert (entry.status, closing.status, closing.quantity) == ("cancelling", "queued", d(40))


def test_everything_is_closed_with_one_key(alice: User) -> None:
    account = connected(alice)
    held(account, 100)
    held(account, -20, "MSFT")
    quoted("TSLA", "10", "10")
    entry = placed(account, symbol="TSLA", limit_price=d(10), quantity=d(1))
    key = uuid4()
    closed = positions_close_all(owner=alice, account_id=account.pk, creation_key=key, now=NOW)
    again = positions_close_all(owner=alice, account_id=account.pk, creation_key=key, now=NOW)
    assert [(order.symbol, order.side, order.quantity) for order in closed] == [
        ("AAPL", "sell", d(100)),
        ("MSFT", "buy", d(20)),
    ]
    assert [order.pk for order in again] == [order.pk for order in closed]
    entry.refresh_from_db()
    assert (entry.status, Order.objects.count()) == ("cancelled", 3)


def move(trade: Trade, price: str) -> Order | StopMove:
    return stop_move(owner=trade.owner, trade_id=trade.pk, price=d(price), creation_key=uuid4(), now=NOW)


def test_a_stop_is_moved_where_it_works(alice: User) -> None:
    trade, stop, _ = open_position(connected(alice))
    moved = move(trade, "97.50")
    assert (moved.pk, moved.pending_change["stop_price"]) == (stop.pk, d("97.50"))
    trade.refresh_from_db()
    assert trade.stop_loss == d(95)


def test_a_stop_the_market_has_passed_is_refused(alice: User) -> None:
    trade, _, _ = open_position(connected(alice))
    with pytest.raises(OrderError) as refused:
        move(trade, "100")
    assert (refused.value.code, refused.value.sentence) == (
        "stop_wrong_side",
        "The stop belongs below the market's 99.99.",
    )


def test_a_first_stop_is_placed_for_all_that_is_held(alice: User) -> None:
    account = connected(alice)
    trade = make_plan(account)
    make_fill(trade, "buy", 200, 100, at(4, 15))
    order = move(trade, "96")
    assert (order.type, order.role, order.stop_price, order.quantity) == ("stop", "stop_loss", d(96), d(200))
    assert (order.status, order.time_in_force, order.trade_id) == ("new", "gtc", trade.pk)


def test_a_broker_that_replaces_nothing_gets_a_new_stop_with_the_old_target(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade, stop, _ = open_position(connected(alice))
    monkeypatch.setattr(desks, "capabilities_of", lambda name: replace(EVERYTHING, replaces=False))
    order = move(trade, "97")
    assert (order.order_class, order.status, order.limit_price) == ("oco", "queued", d(115))
    assert order.legs.get().stop_price == d(97)
    stop.refresh_from_db()
    assert stop.status == "cancelling"


def test_in_an_account_kept_by_hand_the_move_is_noted(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 200, 100, at(3))
    trade.refresh_from_db()
    moved = move(trade, "97")
    assert (moved.to_price, Order.objects.count()) == (d(97), 0)
    trade.refresh_from_db()
    assert trade.stop_loss == d(97)


def test_a_stop_that_trails_takes_the_place_of_stop_and_target(alice: User) -> None:
    trade, _, _ = open_position(connected(alice))
    order = stop_trail(owner=alice, trade_id=trade.pk, trail_percent=d("2.5"), creation_key=uuid4(), now=NOW)
    assert (order.type, order.trail_percent, order.quantity) == ("trailing_stop", d("2.5"), d(200))
    assert (order.status, order.role) == ("queued", "stop_loss")


def test_the_kill_switch_cancels_entries_keeps_exits_and_refuses_new_entries(alice: User) -> None:
    account = connected(alice)
    _, stop, _ = open_position(account)
    quoted("MSFT", "10", "10")
    unsent = placed(account, symbol="MSFT", limit_price=d(10), quantity=d(1))
    working = at_broker(placed(account, symbol="MSFT", limit_price=d(10), quantity=d(2)))
    for _ in range(2):
        account_halt(owner=alice, account_id=account.pk, reason="  enough \n for today ", now=NOW)
    for order in (unsent, working, stop):
        order.refresh_from_db()
    assert (unsent.status, working.status, stop.status) == ("cancelled", "cancelling", "accepted")
    assert placed(account, symbol="MSFT", limit_price=d(10), quantity=d(1)).reason_code == "halted"
    account.refresh_from_db()
    assert (account.is_halted, account.halt_reason) == (True, "enough for today")
    told = Notification.objects.get(kind="risk")
    assert told.text.startswith("Working entries cancelled: 2.")
    assert AuditEntry.objects.filter(action="account.halted").count() == 1
    account_resume(owner=alice, account_id=account.pk)
    assert placed(account, symbol="MSFT", limit_price=d(10), quantity=d(1)).status == "new"


def test_another_persons_account_cannot_be_halted(alice: User, charlie: User) -> None:
    account = connected(alice)
    with pytest.raises(Http404):
        account_halt(owner=charlie, account_id=account.pk)
    with pytest.raises(Http404):
        account_resume(owner=charlie, account_id=account.pk)
    account.refresh_from_db()
    assert not account.is_halted
