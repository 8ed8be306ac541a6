"""Reports become the state of our orders, in whatever order and however often they come."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Notification
from brokers.base import FillReport, OrderReport
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import (
    NOW,
    D,
    desk,
    events,
    external_report,
    fill_of,
    fresh,
    later,
    order_of,
    plan_of,
    report_of,
)
from trades.execution.fills import fills_apply
from trades.execution.track import report_apply, reports_apply
from trades.models import Fill, Order, OrderEvent, StopMove, Trade
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderClass, OrderType

pytestmark = pytest.mark.django_db

__all__ = ["desk"]


def poll(desk: BrokerConnection, *reports: OrderReport, seconds: float = 0) -> Any:
    return reports_apply(desk, reports, source="poll", now=later(seconds))


def test_a_report_is_found_by_our_id_and_then_by_the_brokers(desk: BrokerConnection) -> None:
    order = order_of(desk, status="submitting", claimed_at=NOW)
    poll(desk, report_of(order, broker_order_id="b-1"))
    assert (fresh(order).status, fresh(order).broker_order_id) == ("accepted", "b-1")
    poll(desk, report_of(order, OrderState.CANCELLED, broker_order_id="b-1", client_order_id="", updated_at=later(1)))
    assert fresh(order).status == "cancelled"


def test_our_id_on_another_order_is_not_ours(desk: BrokerConnection) -> None:
    order = order_of(desk, status="in_doubt", doubted_at=NOW)
    poll(desk, report_of(order, quantity=D(7), broker_order_id="b-1"))
    other = Order.objects.get(broker_order_id="b-1")
    assert fresh(order).status == "in_doubt"
    assert (other.origin, other.client_order_id, other.quantity) == ("external", "", 7)


def test_a_repeated_report_changes_nothing(desk: BrokerConnection) -> None:
    order = order_of(desk)
    report = report_of(order)
    poll(desk, report)
    version = fresh(order).version
    assert poll(desk, report, report).changed == set()
    assert (fresh(order).version, len(events(order))) == (version, 1)


def test_an_older_report_does_not_bring_back_what_was(desk: BrokerConnection) -> None:
    order = order_of(desk)
    done = report_of(
        order, OrderState.CANCELLED, updated_at=later(5), filled_quantity=D(40), filled_average_price=D(99)
    )
    poll(desk, done)
    poll(desk, report_of(order, OrderState.ACCEPTED, updated_at=later(1)))
    kept = fresh(order)
    assert (kept.status, kept.filled_quantity, kept.reported_at) == ("cancelled", 40, later(5))


def test_a_fill_told_after_the_cancellation_counts(desk: BrokerConnection) -> None:
    order = order_of(desk)
    poll(desk, report_of(order, OrderState.CANCELLED, updated_at=later(1)))
    full = {"filled_quantity": D(100), "filled_average_price": D(100), "filled_at": later(2)}
    applied = poll(desk, report_of(order, OrderState.FILLED, updated_at=later(2), **full))
    assert (fresh(order).status, fresh(order).filled_at, applied.wants_pull) == ("filled", later(2), True)


def test_an_unknown_status_is_kept_raw_and_shown(desk: BrokerConnection) -> None:
    order = order_of(desk)
    poll(desk, report_of(order))
    for _ in range(2):
        poll(desk, report_of(order, None, updated_at=later(1)))
    kept = fresh(order)
    assert (kept.status, kept.raw_status) == ("accepted", "under_consideration")
    assert [fact for fact, *_ in events(order)] == ["accept", "unknown_status"]
    assert Notification.objects.get().title == "AAPL: unknown order status"


def test_legs_are_bound_by_what_they_are_for(desk: BrokerConnection) -> None:
    order = order_of(desk, stop_loss="95", take_profit="110")
    target = report_of(order, broker_order_id="leg-1", client_order_id="their-1", side=Side.SELL, limit_price=D(110))
    stop = replace(target, broker_order_id="leg-2", client_order_id="their-2", type=OrderType.STOP, stop_price=D(95))
    poll(desk, report_of(order, legs=(target, stop)))
    assert dict(order.legs.values_list("role", "broker_order_id")) == {"take_profit": "leg-1", "stop_loss": "leg-2"}
    assert Order.objects.count() == 3


def test_a_leg_pushed_alone_is_found_where_only_one_can_be_meant(desk: BrokerConnection) -> None:
    order = order_of(desk, stop_loss="95")
    poll(desk, report_of(order))
    leg = report_of(
        order,
        OrderState.FILLED,
        broker_order_id="leg-1",
        client_order_id="their-1",
        side=Side.SELL,
        type=OrderType.STOP,
        stop_price=D(95),
        limit_price=None,
        filled_quantity=D(100),
    )
    applied = report_apply(desk, leg, source="stream", now=NOW)
    assert applied.wants_pull
    assert order.legs.get().status == "filled"


def test_an_order_made_elsewhere_is_adopted_by_a_pull_and_not_by_a_push(desk: BrokerConnection) -> None:
    assert report_apply(desk, external_report(), source="stream", now=NOW).wants_pull
    assert Order.objects.count() == 0
    poll(desk, external_report())
    poll(desk, external_report())
    order = Order.objects.get()
    assert (order.origin, order.status, order.role, order.trade_id) == ("external", "accepted", "entry", None)
    assert (order.reserved_value, order.owner_id, order.connection_id) == (D(10_000), desk.user_id, desk.pk)
    assert events(order) == [("adopted", "", "accepted")]


def test_a_bracket_made_elsewhere_is_kept_with_its_legs(desk: BrokerConnection) -> None:
    leg = external_report(2, side=Side.SELL, type=OrderType.STOP, stop_price=D(95), limit_price=None)
    poll(desk, external_report(order_class=OrderClass.OTO, legs=(leg,)))
    stop = Order.objects.get(broker_order_id="x-2")
    assert (stop.role, stop.parent.broker_order_id, stop.is_reducing) == ("stop_loss", "x-1", True)


def test_an_order_changed_elsewhere_stays_with_its_trade(desk: BrokerConnection) -> None:
    plan = plan_of(desk)
    order = order_of(desk, trade=plan, stop_loss="95")
    poll(desk, report_of(order, broker_order_id="b-1"))
    new = external_report(7, replaces="b-1", limit_price=D(98))
    old = report_of(order, OrderState.REPLACED, broker_order_id="b-1", updated_at=later(1), replaced_by="x-7")
    poll(desk, old, new)
    row = Order.objects.get(replaces=order)
    assert (row.origin, row.trade_id, row.role, row.limit_price) == ("external", plan.pk, "entry", 98)
    assert (fresh(order).status, row.legs.count(), fresh(plan).broker_order_id) == ("replaced", 1, "x-7")
    assert fresh(plan).status == "pending"


def test_a_trailing_stop_takes_the_trades_stop_along(desk: BrokerConnection) -> None:
    fills_apply(desk, [fill_of("x", "10", "100")], now=NOW)
    trade = Trade.objects.get()
    trail = order_of(desk, trade=trade, side="sell", type="trailing_stop", limit=None, role="stop_loss", quantity="10")
    for seconds, price in ((1, "97"), (2, "98"), (3, "98.50")):
        poll(desk, report_of(trail, stop_price=D(price), updated_at=later(seconds)), seconds=seconds)
    poll(desk, report_of(trail, stop_price=D(99), updated_at=later(400)), seconds=400)
    assert fresh(trade).stop_loss == 99
    assert list(StopMove.objects.values_list("to_price", "note")) == [
        (D("98.5"), "Trailing stop"),
        (D(99), "Trailing stop"),
    ]


def test_a_cancellation_refused_elsewhere_lets_the_order_work_on(desk: BrokerConnection) -> None:
    order = order_of(desk)
    poll(desk, report_of(order))
    poll(desk, report_of(order, OrderState.CANCELLING, updated_at=later(1)))
    assert fresh(order).status == "cancelling"
    poll(desk, report_of(order, updated_at=later(2)))
    assert fresh(order).status == "accepted"


def test_averages_of_many_places_are_kept_as_their_column_holds_them(desk: BrokerConnection) -> None:
    order = order_of(desk)
    report = report_of(
        order, OrderState.FILLED, filled_quantity=D(100), filled_average_price=D(1) / D(3), updated_at=later(1)
    )
    poll(desk, report)
    assert poll(desk, report).changed == set()


def test_unchanged_orders_take_the_same_few_queries_however_many(desk: BrokerConnection) -> None:
    def polled(count: int) -> int:
        reports = [external_report(number, symbol=f"S{number}") for number in range(count)]
        poll(desk, *reports)
        with CaptureQueriesContext(database) as queries:
            assert poll(desk, *reports).changed == set()
        return len(queries)

    assert (polled(3), polled(300)) == (1, 1)


def test_an_order_for_an_amount_of_money_is_as_large_as_what_it_bought(desk: BrokerConnection) -> None:
    poll(desk, external_report(quantity=None, type=OrderType.MARKET, limit_price=None))
    assert Order.objects.get().quantity == 0
    bought = {"filled_quantity": D("1.25"), "filled_average_price": D(80), "updated_at": later(1)}
    poll(desk, external_report(quantity=None, state=OrderState.FILLED, **bought))
    order = Order.objects.get()
    assert (order.status, order.quantity, order.filled_quantity) == ("filled", D("1.25"), D("1.25"))


def test_a_connection_without_an_account_keeps_no_orders(desk: BrokerConnection) -> None:
    BrokerConnection.objects.filter(pk=desk.pk).update(account=None)
    assert poll(fresh(desk), external_report()).adopted == []
    assert fills_apply(fresh(desk), [fill_of("x")], now=NOW).booked == 0
    assert (Order.objects.count(), Fill.objects.count()) == (0, 0)


def test_many_fills_are_told_together(desk: BrokerConnection) -> None:
    orders = [order_of(desk, symbol=f"S{number}", broker_order_id=f"b-{number}") for number in range(60)]
    full = {"filled_quantity": D(100), "filled_average_price": D(100)}
    reports = [report_of(order, OrderState.FILLED, **full) for order in orders]
    with CaptureQueriesContext(database) as queries:
        assert len(poll(desk, *reports).changed) == 60
    assert len(queries) <= 7
    assert Notification.objects.filter(kind="order_filled").count() == 60


def test_many_changes_are_written_together(desk: BrokerConnection) -> None:
    reports = [external_report(number, symbol=f"S{number}") for number in range(100)]
    poll(desk, *reports)
    gone = [replace(one, state=OrderState.CANCELLED, raw_status="canceled", updated_at=later(1)) for one in reports]
    with CaptureQueriesContext(database) as queries:
        assert len(poll(desk, *gone).changed) == 100
    assert len(queries) <= 4
    assert OrderEvent.objects.filter(fact="cancel").count() == 100


# --- whatever the order in which it is told ---------------------------------------------------------------------------

Told = OrderReport | FillReport


def story(desk: BrokerConnection) -> tuple[Trade, list[Told]]:
    """A bracket is taken, filled in two parts, its stop moved by its owner; the target fills and the stop is cancelled."""
    plan = plan_of(desk)
    entry = order_of(desk, trade=plan, stop_loss="95", take_profit="110", status="submitting", claimed_at=NOW)
    target = report_of(
        entry,
        broker_order_id="t-1",
        client_order_id="t",
        side=Side.SELL,
        limit_price=D(110),
        order_class=OrderClass.SIMPLE,
    )
    stop = replace(
        target, broker_order_id="s-1", client_order_id="s", type=OrderType.STOP, limit_price=None, stop_price=D(95)
    )
    first = report_of(entry, broker_order_id="b-1", legs=(target, stop))
    # What was answered to the sending is known before anything else is told.
    reports_apply(desk, [first], source="worker", now=NOW)

    def part(report: OrderReport, state: OrderState, seconds: int, filled: str, price: str = "100") -> OrderReport:
        amounts = {"filled_quantity": D(filled), "filled_average_price": D(price) if D(filled) else None}
        return replace(report, state=state, raw_status=state.value, updated_at=later(seconds), legs=(), **amounts)

    told: list[Told] = [
        part(first, OrderState.PARTIALLY_FILLED, 1, "40"),
        part(first, OrderState.FILLED, 2, "100"),
        part(target, OrderState.PARTIALLY_FILLED, 5, "30", "110"),
        part(target, OrderState.FILLED, 6, "100", "110"),
        part(stop, OrderState.CANCELLED, 7, "0"),
        fill_of(entry, "40", execution_id="e-1", broker_order_id="b-1", executed_at=later(1), commission=D("0.40")),
        fill_of(entry, "60", execution_id="e-2", broker_order_id="b-1", executed_at=later(2), commission=D("0.60")),
        fill_of("t-1", "30", "110", execution_id="e-3", side=Side.SELL, executed_at=later(5)),
        fill_of("t-1", "70", "110", execution_id="e-4", side=Side.SELL, executed_at=later(6)),
    ]
    return plan, told


def tell(desk: BrokerConnection, one: Told) -> None:
    if isinstance(one, FillReport):
        fills_apply(desk, [one], now=later(60))
    else:
        reports_apply(desk, [one], source="poll", now=later(60))


def standing(desk: BrokerConnection) -> list[tuple[Any, ...]]:
    """All that the trader sees."""
    trade = ("status", "direction", "quantity", "open_quantity", "net_pnl", "costs", "actual_entry", "actual_exit")
    broker = ("broker_sync_status", "broker_order_id", "broker_fill_price", "broker_commission", "initial_risk")
    order = ("role", "status", "filled_quantity", "filled_average_price", "commission", "broker_order_id", "trade_id")
    fill = ("execution_id", "part", "quantity", "is_exit", "realised_net", "trade_id", "order_id")
    return [
        *Trade.objects.filter(account=desk.account).values_list("pk", *trade, *broker),
        *Order.objects.filter(account=desk.account).order_by("role").values_list(*order),
        *Fill.objects.filter(account=desk.account).order_by("execution_id", "part").values_list(*fill),
    ]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_and_any_repetition_ends_in_the_same_state(desk: BrokerConnection, data: st.DataObject) -> None:
    with transaction.atomic():
        plan, told = story(desk)
        with transaction.atomic():
            for one in told:
                tell(desk, one)
            straight = standing(desk)
            transaction.set_rollback(True)
        repeated = data.draw(st.lists(st.sampled_from(range(len(told))), max_size=6))
        for number in data.draw(st.permutations([*range(len(told)), *repeated])):
            tell(desk, told[number])
        assert standing(desk) == straight
        assert (fresh(plan).status, fresh(plan).net_pnl) == ("closed", D("999.00"))
        transaction.set_rollback(True)
