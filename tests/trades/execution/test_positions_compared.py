"""The broker's positions beside the journal's."""

from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from brokers.models import BrokerConnection, BrokerPosition, Quote
from tests.factories import make_account, make_plan
from tests.trades.execution.recording_kit import NOW, connect, desk, fill_of, later, order_of, plan_of, report_of
from trades.execution.fills import fills_apply
from trades.execution.track import report_apply
from trades.models import Order, Trade
from trades.selectors.positions import PositionLine, positions_compared
from trenddojo.domain.fills import Side
from trenddojo.domain.reconciliation import PositionState

pytestmark = pytest.mark.django_db

__all__ = ["desk"]


def holds(desk: BrokerConnection, symbol: str, quantity: str, *, seconds: float = 60, **given: Any) -> None:
    at = later(seconds)
    BrokerConnection.objects.filter(pk=desk.pk).update(last_sync=at)
    values = {"asset_class": "stock", "quantity": D(quantity), "average_price": D(100), "as_of": at, **given}
    BrokerPosition.objects.update_or_create(connection=desk, symbol=symbol, defaults=values)


def bought(desk: BrokerConnection, symbol: str = "AAPL", **given: Any) -> Trade:
    """A long of 100 at 100, planned with the stop at 95, and its bracket."""
    plan = plan_of(desk, symbol, **given)
    order = order_of(desk, trade=plan, stop_loss="95", symbol=symbol)
    leg = report_of(order.legs.get(), broker_order_id=f"leg-{symbol}", client_order_id=f"leg-{symbol}", side=Side.SELL)
    report_apply(desk, report_of(order, legs=(leg,)), source="poll", now=NOW)
    order.refresh_from_db()
    fills_apply(desk, [fill_of(order, execution_id=f"e-{symbol}")], now=NOW)
    return plan


def only(desk: BrokerConnection) -> PositionLine:
    (line,) = positions_compared(desk.user, now=later(90))
    return line


def test_a_position_with_its_stop_matches(desk: BrokerConnection) -> None:
    plan = bought(desk)
    holds(desk, "AAPL", "100", market_price=D(103))
    line = only(desk)
    assert (line.state, line.trade, line.difference) == (PositionState.MATCHED, plan, 0)
    assert (line.broker_quantity, line.broker_average, line.journal_quantity, line.journal_average) == (
        100,
        100,
        100,
        100,
    )
    assert (line.market_price, line.priced_at, line.age_seconds) == (103, later(60), 30)
    assert (line.unrealized_pnl, line.unrealized_r) == (D("300.00"), D("0.60"))
    assert (line.working_stop, line.stop_quantity) == (95, 100)


def test_a_newer_quote_is_the_price(desk: BrokerConnection) -> None:
    bought(desk)
    holds(desk, "AAPL", "100", market_price=D(103))
    quote = {"bid": D("104.00"), "ask": D("104.10"), "received_at": later(80)}
    row = Quote.objects.create(feed="mock", symbol="AAPL", at=later(80), **quote)
    assert (only(desk).market_price, only(desk).age_seconds) == (D("104.05"), 10)
    Quote.objects.filter(pk=row.pk).update(at=later(30))
    assert only(desk).market_price == 103


def test_a_stop_that_covers_less_protects_not(desk: BrokerConnection) -> None:
    bought(desk)
    holds(desk, "AAPL", "100")
    Order.objects.filter(role="stop_loss").update(quantity=60)
    assert only(desk).state is PositionState.UNPROTECTED
    Order.objects.filter(role="stop_loss").update(status="cancelled")
    assert (only(desk).state, only(desk).working_stop) == (PositionState.UNPROTECTED, None)


@pytest.mark.parametrize(
    ("quantity", "state", "difference"), [("60", PositionState.DRIFT, D(-40)), ("-20", PositionState.DRIFT, D(-120))]
)
def test_another_size_at_the_broker_is_a_drift(
    desk: BrokerConnection, quantity: str, state: PositionState, difference: D
) -> None:
    bought(desk)
    holds(desk, "AAPL", quantity)
    assert (only(desk).state, only(desk).difference) == (state, difference)


def test_what_only_the_broker_holds_is_external(desk: BrokerConnection) -> None:
    holds(desk, "IBM", "-7", market_price=D(90))
    line = only(desk)
    assert (line.state, line.trade, line.journal_average) == (PositionState.EXTERNAL, None, None)
    assert (line.unrealized_pnl, line.unrealized_r) == (D("70.00"), None)


def test_a_position_closed_at_the_broker_is_a_drift_after_the_next_sync(desk: BrokerConnection) -> None:
    bought(desk)
    BrokerConnection.objects.filter(pk=desk.pk).update(last_sync=later(60))
    assert (only(desk).state, only(desk).broker_quantity, only(desk).difference) == (PositionState.DRIFT, 0, -100)


def test_the_brokers_word_from_before_an_execution_is_no_difference(desk: BrokerConnection) -> None:
    bought(desk)
    holds(desk, "AAPL", "60", seconds=-5)
    line = only(desk)
    assert (line.state, line.is_settled, line.difference, line.quantity) == (PositionState.MATCHED, False, 0, 100)


def test_an_etf_in_the_journal_is_the_brokers_stock(desk: BrokerConnection) -> None:
    bought(desk, "SPY", asset_class="etf")
    holds(desk, "SPY", "100")
    assert (only(desk).state, only(desk).asset_class) == (PositionState.MATCHED, "etf")


def test_without_a_broker_the_traders_own_stop_counts(alice: User) -> None:
    account = make_account(alice, name="By hand")
    held = {"status": "active", "quantity": 10, "open_quantity": 10, "open_value": D(1000), "actual_entry": D(100)}
    trade = make_plan(account, **held)
    (line,) = positions_compared(alice)
    assert (line.state, line.working_stop, line.broker_quantity, line.connection) == (
        PositionState.MATCHED,
        95,
        None,
        None,
    )
    Trade.objects.filter(pk=trade.pk).update(stop_loss=None)
    (line,) = positions_compared(alice)
    assert line.state is PositionState.UNPROTECTED


def test_anothers_positions_are_not_shown(desk: BrokerConnection, charlie: User) -> None:
    holds(desk, "IBM", "7")
    other = connect(charlie, "Other")
    holds(other, "MSFT", "5")
    assert [line.symbol for line in positions_compared(charlie)] == ["MSFT"]
    assert [line.symbol for line in positions_compared(charlie, other.account)] == ["MSFT"]


def test_the_number_of_queries_does_not_grow(desk: BrokerConnection) -> None:
    def counted() -> int:
        with CaptureQueriesContext(database) as queries:
            positions_compared(desk.user)
        return len(queries)

    bought(desk)
    holds(desk, "AAPL", "100")
    few = counted()
    for number in range(20):
        holds(desk, f"S{number}", "5")
    assert (few, counted()) == (6, 6)
