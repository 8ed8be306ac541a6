"""The broker's last word counts, whatever the desk had come to believe and whatever was lost on the way."""

from datetime import timedelta

import pytest

from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import (
    NOW,
    D,
    book,
    desk,
    external_report,
    fill_of,
    fresh,
    later,
    order_of,
    report_of,
)
from trades.execution.gone import PROOF, gone_note
from trades.execution.track import fills_apply, report_apply
from trades.models import Fill, Order
from trenddojo.domain.order_state import OrderState

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]

ON_ITS_WAY = {"doubted_at": NOW, "claimed_at": NOW}


def hear(desk: BrokerConnection, order: object, state: OrderState, seconds: float, **changes: object) -> str:
    report_apply(desk, report_of(order, state, updated_at=later(seconds), **changes), source="poll", now=later(seconds))
    return fresh(order).status


def test_an_order_taken_for_gone_that_is_shown_again_works_again(desk: BrokerConnection) -> None:
    order = order_of(desk, status="accepted", broker_order_id="b-1", reported_at=NOW, submitted_at=NOW)
    for number in range(PROOF):
        gone_note(fresh(order), now=NOW + timedelta(minutes=number))
    assert (fresh(order).status, fresh(order).reason_code) == ("cancelled", "gone")
    # Nothing happened to it at the broker meanwhile: the report is as old as the last one.
    assert hear(desk, order, OrderState.ACCEPTED, 0) == "accepted"
    assert (fresh(order).reason_code, fresh(order).reason_detail, fresh(order).done_at) == ("", "", None)


def test_a_cancelled_order_is_not_brought_back_by_a_word_of_the_same_moment(desk: BrokerConnection) -> None:
    order = order_of(desk, status="accepted", broker_order_id="b-1")
    assert hear(desk, order, OrderState.CANCELLED, 1) == "cancelled"
    assert hear(desk, order, OrderState.ACCEPTED, 1) == "cancelled"
    assert hear(desk, order, OrderState.EXPIRED, 1) == "cancelled"


@pytest.mark.parametrize("last", [OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.FILLED])
def test_a_replaced_order_whose_replacement_was_refused_comes_to_the_end_it_came_to(
    desk: BrokerConnection, last: OrderState
) -> None:
    """That it worked on in between was lost on the way."""
    order = order_of(desk, status="accepted", broker_order_id="b-1")
    assert hear(desk, order, OrderState.REPLACED, 1) == "replaced"
    assert hear(desk, order, last, 2, filled_quantity=D(100) if last == "filled" else D(0)) == last.value


@pytest.mark.parametrize("state", ["denied", "rejected", "cancelled", "expired"])
@pytest.mark.parametrize("told", [OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.EXPIRED])
def test_an_order_given_up_here_that_the_broker_has_after_all_is_followed(
    desk: BrokerConnection, state: str, told: OrderState
) -> None:
    """It came back from a doubt, was given up before it was sent again, and the first sending had arrived."""
    order = order_of(desk, status=state, done_at=NOW, reason_code="halted", reason_detail="Only exits are sent.")
    filled = D(5) if told is OrderState.PARTIALLY_FILLED else D(0)
    assert hear(desk, order, told, 1, filled_quantity=filled) == told.value
    if state != told.value:
        assert (fresh(order).reason_code, fresh(order).reason_detail) == ("", "")


@pytest.mark.parametrize("state", ["new", "queued", "submitting", "in_doubt"])
def test_an_order_shown_while_it_is_being_cancelled_elsewhere_is_there(desk: BrokerConnection, state: str) -> None:
    order = order_of(desk, status=state, **ON_ITS_WAY)
    assert hear(desk, order, OrderState.CANCELLING, 1) == "accepted"
    assert hear(desk, order, OrderState.CANCELLING, 1) == "cancelling"
    assert hear(desk, order, OrderState.CANCELLED, 2) == "cancelled"


def test_an_execution_booked_before_its_order_was_shown_finds_it_later(desk: BrokerConnection) -> None:
    """The broker told of the execution, and did not find the order when it was asked for it."""
    fill = fill_of("x-1", "40", commission=D("0.35"))
    fills_apply(desk, [fill], now=NOW)
    assert Fill.objects.get().order_id is None
    shown = external_report(1, state=OrderState.PARTIALLY_FILLED, filled_quantity=D(40), filled_average_price=D(100))
    report_apply(desk, shown, source="reconcile", now=later(60))
    fills_apply(desk, [fill], now=later(60))
    order, booked = Order.objects.get(), Fill.objects.get()
    assert (booked.order_id, booked.quantity, booked.commission) == (order.pk, 40, D("0.35"))
    assert (order.trade_id, order.role, order.commission) == (booked.trade_id, "entry", D("0.35"))
    assert (booked.trade.broker_order_id, booked.trade.broker_commission) == ("x-1", D("0.35"))

    kept = (fresh(order).version, fresh(booked.trade).version)
    assert fills_apply(desk, [fill], now=later(120)).trades == set()
    assert (fresh(order).version, fresh(booked.trade).version) == kept
