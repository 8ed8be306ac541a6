"""Executions become fills and trades: each once, in the trade it belongs to."""

from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import (
    NOW,
    D,
    account_of,
    desk,
    external_report,
    fill_of,
    fresh,
    later,
    order_of,
    plan_of,
    report_of,
)
from trades.execution.fills import fills_apply, orders_unknown
from trades.execution.track import report_apply
from trades.models import AuditEntry, Fill, Order, Trade
from trades.services.figures import figures_rebuild
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass

pytestmark = pytest.mark.django_db

__all__ = ["desk"]


def working(desk: BrokerConnection, **given: object) -> Order:
    """An order the broker has taken."""
    order = order_of(desk, **given)
    report_apply(desk, report_of(order), source="poll", now=NOW)
    return fresh(order)


def trades(desk: BrokerConnection) -> list[tuple[str, str, str, D, D, D]]:
    found = Trade.objects.filter(account=desk.account).order_by("occurred_at", "status")
    return [(t.symbol, t.direction, t.status, t.quantity, t.open_quantity, t.net_pnl) for t in found]


def test_an_entry_fill_makes_the_plan_active(desk: BrokerConnection) -> None:
    plan = plan_of(desk)
    order = working(desk, trade=plan)
    applied = fills_apply(desk, [fill_of(order, price="99.50", commission=D("1.25"))], now=NOW)
    plan = fresh(plan)
    assert (applied.booked, applied.trades) == (1, {plan.pk})
    assert (plan.status, plan.quantity, plan.actual_entry, plan.entry_date) == ("active", 100, D("99.5"), NOW)
    assert (plan.initial_risk, plan.open_risk) == (D(500), D(450))
    assert (plan.broker_commission, plan.last_sync) == (D("1.25"), NOW)
    fill = plan.fills.get()
    assert (fill.order_id, fill.commission, fill.has_estimated_costs) == (order.pk, D("1.25"), False)
    assert fresh(order).commission == D("1.25")
    assert AuditEntry.objects.filter(trade_id=plan.pk, action="fill.booked").count() == 1


def test_the_same_execution_counts_once(desk: BrokerConnection) -> None:
    order = working(desk, trade=plan_of(desk))
    fill = fill_of(order)
    assert fills_apply(desk, [fill, fill], now=NOW).booked == 1
    assert fills_apply(desk, [fill], now=NOW).booked == 0
    assert trades(desk) == [("AAPL", "long", "active", 100, 100, 0)]


def test_parts_of_an_order_add_up_in_one_trade(desk: BrokerConnection) -> None:
    plan = plan_of(desk)
    order = working(desk, trade=plan)
    fills_apply(desk, [fill_of(order, "40", "100")], now=NOW)
    fills_apply(desk, [fill_of(order, "60", "101", executed_at=later(1))], now=later(1))
    assert (fresh(plan).quantity, fresh(plan).actual_entry) == (100, D("100.6"))
    assert plan.fills.count() == 2


def test_an_exit_closes_the_trade_with_its_result(desk: BrokerConnection) -> None:
    plan = plan_of(desk)
    entry = working(desk, trade=plan, stop_loss="95", take_profit="110")
    target = Order.objects.get(parent=entry, role="take_profit")
    report_apply(desk, report_of(target, broker_order_id="leg-tp", client_order_id="x"), source="poll", now=NOW)
    target = fresh(target)
    fills_apply(
        desk, [fill_of(entry, commission=D(1)), fill_of(target, price="110", executed_at=later(60))], now=later(60)
    )
    plan = fresh(plan)
    assert (plan.status, plan.actual_exit, plan.gross_pnl, plan.net_pnl) == ("closed", 110, D(1000), D(999))
    assert (plan.r_multiple, plan.outcome, plan.broker_sync_status) == (D("1.9980"), "win", "synced")


def test_an_execution_of_nobodys_order_opens_an_imported_trade(desk: BrokerConnection) -> None:
    fills_apply(desk, [fill_of("elsewhere", "10", "50")], now=NOW)
    trade = Trade.objects.get(account=desk.account)
    assert (trade.status, trade.direction, trade.quantity, trade.actual_entry) == ("active", "long", 10, 50)
    assert (trade.broker, trade.broker_sync_status, trade.broker_fill_price) == ("mock", "imported", 50)
    assert (trade.initial_risk, trade.stop_loss) == (None, None)


def test_an_order_made_elsewhere_joins_the_position_held(desk: BrokerConnection) -> None:
    plan = plan_of(desk)
    fills_apply(desk, [fill_of(working(desk, trade=plan))], now=NOW)
    report_apply(desk, external_report(side=Side.SELL, quantity=D(40)), source="poll", now=NOW)
    out = Order.objects.get(origin="external")
    assert (out.trade_id, out.role) == (plan.pk, "exit")
    fills_apply(desk, [fill_of(out, "40", "105", executed_at=later(5))], now=later(5))
    assert (fresh(plan).open_quantity, fresh(plan).net_pnl) == (60, D(200))


def test_a_blank_ticket_with_a_stop_has_its_risk_from_the_first_fill(desk: BrokerConnection) -> None:
    order = working(desk, stop_loss="95", take_profit="112")
    fills_apply(desk, [fill_of(order, price="100")], now=NOW)
    trade = Trade.objects.get(account=desk.account)
    assert (trade.initial_stop, trade.stop_loss, trade.initial_risk, trade.target_price) == (95, 95, D(500), 112)
    assert {row.trade_id for row in Order.objects.filter(account=desk.account)} == {trade.pk}
    assert (trade.broker_sync_status, trade.broker_order_id) == ("synced", order.broker_order_id)
    assert trade.broker_fill_price == 100


def test_a_sale_through_zero_closes_one_trade_and_opens_the_next(desk: BrokerConnection) -> None:
    plan = plan_of(desk)
    fills_apply(desk, [fill_of(working(desk, trade=plan))], now=NOW)
    out = fill_of("elsewhere", "150", "110", side=Side.SELL, executed_at=later(9), commission=D(3))
    fills_apply(desk, [out], now=later(9))
    assert trades(desk) == [
        ("AAPL", "long", "closed", 100, 0, D(998)),
        ("AAPL", "short", "active", 50, 50, D(0)),
    ]
    parts = Fill.objects.filter(execution_id=out.execution_id).order_by("part")
    assert [(one.part, one.quantity, one.commission) for one in parts] == [(0, 100, 2), (1, 50, 1)]
    assert fills_apply(desk, [out], now=later(10)).booked == 0


def test_an_earlier_execution_told_late_is_put_in_its_place(desk: BrokerConnection) -> None:
    plan = plan_of(desk)
    entry = working(desk, trade=plan)
    out = working(desk, trade=plan, side="sell", role="exit", limit="110")
    fills_apply(desk, [fill_of(out, price="110", executed_at=later(60))], now=later(60))
    fills_apply(desk, [fill_of(entry, executed_at=later(1))], now=later(61))
    assert trades(desk) == [("AAPL", "long", "closed", 100, 0, D(1000))]
    assert {row.trade_id for row in Order.objects.filter(account=desk.account)} == {plan.pk}


def test_the_account_keeps_what_happened_before_the_journal_out(desk: BrokerConnection) -> None:
    desk.journal_since = NOW
    desk.save()
    old = fill_of("elsewhere", executed_at=NOW - timedelta(seconds=1), cursor="1")
    fills_apply(desk, [old, fill_of("elsewhere", "5", cursor="2")], now=NOW)
    assert trades(desk) == [("AAPL", "long", "active", 5, 5, 0)]
    assert fresh(desk).fills_cursor == "2"


def test_the_cursor_never_goes_back(desk: BrokerConnection) -> None:
    slow = fresh(desk)
    fills_apply(desk, [fill_of("elsewhere", "5", cursor="2")], now=NOW)
    fills_apply(slow, [fill_of("elsewhere", "5", cursor="1", executed_at=later(-1))], now=NOW)
    assert fresh(desk).fills_cursor == "2"
    assert trades(desk) == [("AAPL", "long", "active", 10, 10, 0)]


def test_an_execution_waits_while_an_order_on_its_way_could_be_its_own(desk: BrokerConnection) -> None:
    order = order_of(desk, trade=plan_of(desk), status="submitting", claimed_at=NOW)
    known, unknown = fill_of("x-1", "1", symbol="IBM", cursor="1"), fill_of("b-9", cursor="2")
    after = fill_of("x-1", "1", symbol="IBM", cursor="3", executed_at=later(1))
    assert orders_unknown(desk, [known, unknown, after]) == ["x-1", "b-9"]
    applied = fills_apply(desk, [known, unknown, after], now=NOW)
    assert (applied.booked, applied.waiting, fresh(desk).fills_cursor) == (1, 2, "1")
    report_apply(desk, report_of(order, broker_order_id="b-9"), source="worker", now=NOW)
    desk.refresh_from_db()
    applied = fills_apply(desk, [unknown, after], now=NOW)
    assert (applied.booked, applied.waiting, fresh(desk).fills_cursor) == (2, 0, "3")
    assert Trade.objects.get(symbol="AAPL").status == "active"


def test_costs_nobody_told_are_estimated_and_marked(desk: BrokerConnection) -> None:
    BrokerConnection.objects.filter(pk=desk.pk).update(broker="interactive_brokers")
    desk.refresh_from_db()
    fills_apply(desk, [fill_of("x", "1000", commission=None, fees=None)], now=NOW)
    fill = Fill.objects.get()
    assert (fill.commission, fill.has_estimated_costs) == (D(5), True)
    assert fill.trade.has_estimated_costs


def test_an_etf_planned_here_is_the_stock_the_broker_tells_of(desk: BrokerConnection) -> None:
    plan = plan_of(desk, "SPY", asset_class="etf")
    order = working(desk, trade=plan, symbol="SPY", asset_class="etf")
    fills_apply(desk, [fill_of(order)], now=NOW)
    out = fill_of("x", side=Side.SELL, symbol="SPY", price="101", asset_class=AssetClass.STOCK, executed_at=later(1))
    fills_apply(desk, [out], now=later(1))
    assert trades(desk) == [("SPY", "long", "closed", 100, 0, D(100))]


def test_an_entry_into_a_position_held_adds_to_it_and_frees_the_plan(desk: BrokerConnection) -> None:
    fills_apply(desk, [fill_of("x", "10", "90")], now=NOW)
    held = Trade.objects.get(status="active")
    plan = plan_of(desk)
    order = working(desk, trade=plan)
    assert fresh(plan).status == "pending"
    fills_apply(desk, [fill_of(order, executed_at=later(1))], now=later(1))
    assert (fresh(plan).status, fresh(held).quantity, fresh(order).trade_id) == ("planned", 110, held.pk)


def test_a_hundred_executions_take_no_more_queries_than_a_few(desk: BrokerConnection) -> None:
    def booked(count: int, start: int) -> int:
        fills = [fill_of("x", "1", symbol=f"S{start + n}", cursor=str(start + n)) for n in range(count)]
        with CaptureQueriesContext(database) as queries:
            assert fills_apply(desk, fills, now=NOW).booked == count
        return len(queries)

    assert booked(30, 100) == booked(130, 200)


def test_the_kept_figures_are_those_of_the_trades(desk: BrokerConnection) -> None:
    account = account_of(desk)
    fills = [
        fill_of("x", "10", "50", commission=D("0.35")),
        fill_of("x", "25", "55", side=Side.SELL, executed_at=later(60), commission=D("0.50")),
        fill_of("x", "15", "54", executed_at=later(90)),
    ]
    for fill in (fills[2], fills[0], fills[1]):
        fills_apply(desk, [fill], now=later(100))
    kept = list(account.figure_totals.order_by("dimension", "key").values("dimension", "key", "n", "sum_net"))
    figures_rebuild(account)
    assert kept == list(account.figure_totals.order_by("dimension", "key").values("dimension", "key", "n", "sum_net"))
    assert trades(desk)[0][-1] + trades(desk)[1][-1] == D("63.85") - D("0.30") + D("0.60")


# --- whatever the order in which executions are told ------------------------------------------------------------------

amounts = st.integers(1, 3)
sides = st.sampled_from(Side)


def content(desk: BrokerConnection) -> list[tuple[object, ...]]:
    """The journal without the names of its rows."""
    trade = ("direction", "status", "quantity", "open_quantity", "net_pnl", "costs", "entry_date", "exit_date")
    fill = ("execution_id", "part", "quantity", "commission", "is_exit", "realised_net", "trade__entry_date")
    figures = ("dimension", "key", "n", "sum_net", "sum_costs")
    return [
        *Trade.objects.filter(account=desk.account).order_by("entry_date", "direction").values_list(*trade),
        *Fill.objects.filter(account=desk.account).order_by("execution_id", "part").values_list(*fill),
        *desk.account.figure_totals.order_by("dimension", "key").values_list(*figures),
    ]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(sides, amounts, st.integers(90, 110)), min_size=2, max_size=7), st.data())
def test_executions_told_in_any_order_make_the_same_journal(
    desk: BrokerConnection, told: list[tuple[Side, int, int]], data: st.DataObject
) -> None:
    fills = [
        fill_of(
            "x", str(size), str(price), side=side, execution_id=f"e-{n}", executed_at=later(n), commission=D("0.31")
        )
        for n, (side, size, price) in enumerate(told)
    ]
    with transaction.atomic():
        with transaction.atomic():
            fills_apply(desk, fills, now=later(60))
            straight = content(desk)
            transaction.set_rollback(True)
        for number in data.draw(st.permutations(range(len(fills)))):
            fills_apply(desk, [fills[number]], now=later(60))
        assert content(desk) == straight
        figures_rebuild(desk.account)
        assert content(desk) == straight
        transaction.set_rollback(True)
