"""What the broker knows better is not changed in the journal alone."""

from dataclasses import replace
from uuid import uuid4

import pytest

from accounts.models import User
from tests.trades.desk_kit import NOW, a_plan, at, d, make_fill, make_plan
from tests.trades.execution.gate_kit import broker, connected
from trades.execution.intents import order_cancel, order_create, order_from_trade
from trades.models import Fill, Trade
from trades.services.errors import TradeError
from trades.services.fills import FillInput, fill_delete, fill_edit
from trades.services.plans import plan_cancel, plan_edit, trade_delete
from trades.services.status import trade_mark_planned

__all__ = ["broker"]
pytestmark = pytest.mark.usefixtures("broker")


def ordered(alice: User):
    account = connected(alice)
    trade = make_plan(account)
    given = order_from_trade(owner=alice, trade_id=trade.pk)
    order = order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW)
    trade.refresh_from_db()
    return account, trade, order


def test_a_plan_whose_order_works_changes_with_its_order_only(alice: User) -> None:
    account, trade, order = ordered(alice)
    named = {"owner": alice, "trade_id": trade.pk, "version": trade.version}
    for step in (
        lambda: plan_edit(plan=a_plan(account, entry=d(99)), now=NOW, **named),
        lambda: plan_cancel(**named),
        lambda: trade_mark_planned(**named),
        lambda: trade_delete(**named),
    ):
        with pytest.raises(TradeError) as refused:
            step()
        assert refused.value.code == "has_orders"
    order_cancel(owner=alice, order_id=order.pk, now=NOW)
    trade.refresh_from_db()
    plan_cancel(owner=alice, trade_id=trade.pk, version=trade.version)
    trade.refresh_from_db()
    assert trade.status == "cancelled"


@pytest.fixture
def told(alice: User) -> tuple[Trade, Fill]:
    """A position whose entry the broker told."""
    account = connected(alice)
    trade = make_plan(account)
    fill = make_fill(trade, "buy", 200, 100, at(4, 15))
    Fill.objects.filter(pk=fill.pk).update(execution_id="x-1", executed_at=at(4, 15).replace(microsecond=123_456))
    Trade.objects.filter(pk=trade.pk).update(broker="mock")
    trade.refresh_from_db()
    fill.refresh_from_db()
    return trade, fill


def test_a_trade_the_broker_told_is_kept_as_it_happened(alice: User, told: tuple[Trade, Fill]) -> None:
    trade, fill = told
    for step in (
        lambda: trade_delete(owner=alice, trade_id=trade.pk, version=trade.version),
        lambda: fill_delete(owner=alice, fill_id=fill.pk, version=trade.version),
    ):
        with pytest.raises(TradeError) as refused:
            step()
        assert refused.value.code == "broker_fills"
    assert Fill.objects.filter(pk=fill.pk).exists()


def test_of_a_fill_the_broker_told_only_the_costs_change(alice: User, told: tuple[Trade, Fill]) -> None:
    trade, fill = told
    said = FillInput(side="buy", quantity=d(200), price=d(100), executed_at=at(4, 15), commission=d("1.25"))
    fill_edit(owner=alice, fill_id=fill.pk, given=said, version=trade.version, now=NOW)
    fill.refresh_from_db()
    trade.refresh_from_db()
    assert (fill.commission, fill.executed_at.microsecond, trade.version) == (d("1.25"), 123_456, trade.version)
    with pytest.raises(TradeError) as refused:
        fill_edit(owner=alice, fill_id=fill.pk, given=replace(said, price=d(99)), version=trade.version, now=NOW)
    assert refused.value.sentence == "This fill was told by the broker: only its costs can be changed."
