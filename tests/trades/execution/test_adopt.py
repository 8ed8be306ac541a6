"""What the broker holds is taken into the journal, and what it executed stays there."""

from uuid import uuid4

import pytest
from django.http import Http404

from accounts.models import User
from brokers.models import BrokerConnection, BrokerPosition
from tests.trades.execution.recording_kit import NOW, D, desk, fill_of, fresh, later, order_of, plan_of, report_of
from trades.execution.adopt import position_adopt
from trades.execution.fills import fills_apply
from trades.execution.track import report_apply
from trades.models import Fill, StopMove, Trade
from trades.selectors.positions import positions_compared
from trades.services.errors import TradeError
from trades.services.fills import fill_delete
from trades.services.status import plan_cancel, trade_delete, trade_mark_planned
from trenddojo.domain.errors import SizingError
from trenddojo.domain.fills import Side
from trenddojo.domain.reconciliation import PositionState

pytestmark = pytest.mark.django_db

__all__ = ["desk"]


def holds(desk: BrokerConnection, quantity: str, symbol: str = "AAPL", price: str = "50") -> None:
    at = later(60)
    BrokerConnection.objects.filter(pk=desk.pk).update(last_sync=at)
    given = {"asset_class": "stock", "quantity": D(quantity), "average_price": D(price), "as_of": at}
    BrokerPosition.objects.update_or_create(connection=desk, symbol=symbol, defaults=given)


def adopt(desk: BrokerConnection, symbol: str = "AAPL", **given: object) -> Trade:
    given = {"creation_key": uuid4(), "now": later(120), **given}
    return position_adopt(owner=desk.user, account_id=desk.account_id, symbol=symbol, **given)


def entry_side(quantity: str) -> Side:
    return Side.SELL if quantity.startswith("-") else Side.BUY


def state(desk: BrokerConnection) -> PositionState:
    return positions_compared(desk.user, desk.account, now=later(120))[0].state


def test_a_position_found_at_the_broker_becomes_an_imported_trade(desk: BrokerConnection) -> None:
    holds(desk, "-40")
    assert state(desk) is PositionState.EXTERNAL
    trade = adopt(desk, stop=D(55))
    assert (trade.direction, trade.status, trade.quantity, trade.actual_entry) == ("short", "active", 40, 50)
    assert (trade.stop_loss, trade.initial_risk, fresh(trade).broker_sync_status) == (55, D(200), "imported")
    assert StopMove.objects.get(trade=trade).to_price == 55
    assert trade.fills.get().kind == "transfer_in"
    assert state(desk) is PositionState.UNPROTECTED


def test_the_same_form_adopts_once(desk: BrokerConnection) -> None:
    holds(desk, "40")
    key = uuid4()
    assert adopt(desk, creation_key=key).pk == adopt(desk, creation_key=key).pk
    assert Fill.objects.count() == 1


@pytest.mark.parametrize(
    ("held", "kind", "status"),
    [("150", "transfer_in", "active"), ("30", "transfer_out", "active"), ("0", "transfer_out", "closed")],
)
def test_a_journal_that_differs_is_brought_to_what_is_held(
    desk: BrokerConnection, held: str, kind: str, status: str
) -> None:
    fills_apply(desk, [fill_of("x", "100", "48")], now=NOW)
    if held == "0":
        BrokerConnection.objects.filter(pk=desk.pk).update(last_sync=later(60))
    else:
        holds(desk, held)
    trade = adopt(desk)
    assert (trade.open_quantity, trade.status) == (D(held), status)
    assert trade.fills.order_by("executed_at").last().kind == kind
    assert trade.net_pnl == 0


@pytest.mark.parametrize(
    ("quantity", "price", "held", "average", "adopted"),
    [
        ("10", "100", "20", "50", "0"),
        ("-10", "100", "-20", "50", "0"),
        # Told with fewer digits than there are.
        ("3", "100.01", "9", "33.3366", "0"),
        ("10", "100", "20", "75", "50"),
        ("10", "100", "15", "110", "130"),
    ],
    ids=["split", "split of a short", "rounded split", "bought lower", "bought higher"],
)
def test_what_is_adopted_costs_what_the_brokers_position_cost_more(
    desk: BrokerConnection, quantity: str, price: str, held: str, average: str, adopted: str
) -> None:
    fills_apply(desk, [fill_of("x", quantity.strip("-"), price, side=entry_side(quantity))], now=NOW)
    holds(desk, held, price=average)
    trade = adopt(desk)

    assert trade.fills.get(kind="transfer_in").price == D(adopted)
    assert abs(trade.open_value - D(average) * abs(D(held))) < D("0.03")


def test_after_a_split_the_whole_is_sold_for_what_it_earned(desk: BrokerConnection) -> None:
    fills_apply(desk, [fill_of("x", "10", "100")], now=NOW)
    holds(desk, "20", price="50")
    trade = adopt(desk)
    fills_apply(desk, [fill_of("y", "20", "50", side=Side.SELL, executed_at=later(180))], now=later(180))

    assert (fresh(trade).status, fresh(trade).net_pnl) == ("closed", D(0))


@pytest.mark.parametrize("average", ["40", "1000"])
def test_a_cost_that_fits_no_price_is_refused_with_what_to_do(desk: BrokerConnection, average: str) -> None:
    fills_apply(desk, [fill_of("x", "100", "100")], now=NOW)
    holds(desk, "101", price=average)
    with pytest.raises(TradeError, match="record what is missing at its price") as refused:
        adopt(desk)

    assert refused.value.code == "cost_differs"
    assert Fill.objects.count() == 1


def test_nothing_is_adopted_where_both_agree_or_are_opposed(desk: BrokerConnection) -> None:
    fills_apply(desk, [fill_of("x", "100", "48")], now=NOW)
    holds(desk, "100")
    with pytest.raises(TradeError, match="agree"):
        adopt(desk)
    holds(desk, "-5")
    with pytest.raises(TradeError, match="opposite"):
        adopt(desk)


def test_nothing_is_adopted_while_something_moves(desk: BrokerConnection) -> None:
    holds(desk, "40")
    fills_apply(desk, [fill_of("x", "10", executed_at=later(90))], now=later(90))
    with pytest.raises(TradeError, match="sync"):
        adopt(desk)


def test_a_stop_on_the_wrong_side_is_refused(desk: BrokerConnection) -> None:
    holds(desk, "40")
    with pytest.raises(SizingError, match="below the entry"):
        adopt(desk, stop=D(60))
    assert Trade.objects.count() == 0


def test_anothers_position_does_not_exist(desk: BrokerConnection, charlie: User) -> None:
    holds(desk, "40")
    with pytest.raises(Http404):
        position_adopt(owner=charlie, account_id=desk.account_id, symbol="AAPL", creation_key=uuid4(), now=later(120))


def test_a_trade_the_broker_filled_cannot_be_deleted(desk: BrokerConnection) -> None:
    fills_apply(desk, [fill_of("x", "100", "48")], now=NOW)
    trade = Trade.objects.get()
    with pytest.raises(TradeError, match="told by the broker") as refused:
        trade_delete(owner=desk.user, trade_id=trade.pk, version=trade.version)
    assert refused.value.code == "broker_fills"
    with pytest.raises(TradeError, match="told by the broker"):
        fill_delete(owner=desk.user, fill_id=trade.fills.get().pk, version=trade.version)
    holds(desk, "7", symbol="IBM")
    adopted = adopt(desk, "IBM")
    trade_delete(owner=desk.user, trade_id=adopted.pk, version=adopted.version)
    assert Trade.objects.count() == 1


def test_a_plan_with_an_order_at_work_is_neither_deleted_nor_dropped(desk: BrokerConnection) -> None:
    plan = plan_of(desk)
    report_apply(desk, report_of(order_of(desk, trade=plan)), source="poll", now=NOW)
    plan = fresh(plan)
    for step in (trade_delete, plan_cancel, trade_mark_planned):
        with pytest.raises(TradeError, match="cancel") as refused:
            step(owner=desk.user, trade_id=plan.pk, version=plan.version)
        assert refused.value.code == "has_orders"
    assert fresh(plan).status == "pending"
