"""The mock broker's own ways: what it does unasked, what it can be told, and what its account begins with."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.base import ConnectionSettings, OrderChanges, OrderRef, OrderRequest
from brokers.errors import DuplicateOrder, MarketClosed, OutcomeUnknown, Unsupported
from brokers.manual.adapter import ManualAdapter
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Outcome, forget
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import OrderState as S
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, StopLoss, TakeProfit

NOON = datetime(2026, 3, 16, 16, tzinfo=UTC)


@pytest.fixture
def mock() -> Iterator[MockAdapter]:
    made = MockAdapter(ConnectionSettings(str(uuid.uuid4()), "mock", is_paper=True, base_url=""))
    made.book.now = lambda: NOON
    yield made
    forget(made._settings.connection_id)


def order(side: Side = Side.BUY, quantity: str = "10", **more: Any) -> OrderRequest:
    given = {"symbol": "AAPL", "side": side, "type": OrderType.MARKET, "quantity": D(quantity), **more}
    return OrderRequest(f"td-{uuid.uuid4().hex}", OrderTerms(**given))


def test_an_account_begins_with_a_hundred_thousand_and_nothing_held(mock: MockAdapter) -> None:
    report = mock.verify()

    assert (report.equity, report.buying_power, report.cash) == (D(100_000), D(80_000), D(20_000))
    assert mock.positions() == []


def test_an_order_fills_at_once_at_its_limit_or_at_a_hundred(mock: MockAdapter) -> None:
    at_market = mock.submit(order())
    at_limit = mock.submit(order(type=OrderType.LIMIT, limit_price=D("97.5")))

    assert (at_market.state, at_market.filled_average_price, at_market.filled_at) == (S.FILLED, D(100), NOON)
    assert (at_limit.state, at_limit.filled_average_price) == (S.FILLED, D("97.5"))


def test_a_stop_waits_until_it_is_told(mock: MockAdapter) -> None:
    stop = mock.submit(order(Side.SELL, type=OrderType.STOP, stop_price=D(95)))
    assert stop.state is S.ACCEPTED

    mock.book.fill(stop.broker_order_id)
    assert [(fill.price, fill.quantity, fill.side) for fill in mock.fills()] == [(D(95), D(10), Side.SELL)]


def test_two_runs_of_the_same_script_are_the_same(mock: MockAdapter) -> None:
    def run() -> list[Any]:
        adapter = MockAdapter(ConnectionSettings(str(uuid.uuid4()), "mock", is_paper=True, base_url=""))
        adapter.book.now = lambda: NOON
        adapter.book.script("submit", Outcome.PARTIAL, Outcome.ACCEPT)
        for number in range(3):
            adapter.submit(OrderRequest(f"td-{number}", order().terms))
        forget(adapter._settings.connection_id)
        return [*adapter.orders(NOON - timedelta(days=1)), *adapter.fills(), *adapter.positions()]

    assert run() == run()


@pytest.mark.parametrize(
    ("steps", "held", "average"),
    [
        ([("buy", 10, 100), ("buy", 30, 104)], 40, 103),
        ([("buy", 10, 100), ("sell", 4, 120)], 6, 100),
        ([("buy", 10, 100), ("sell", 15, 120)], -5, 120),
        ([("sell", 10, 100), ("sell", 10, 90)], -20, 95),
        ([("sell", 10, 100), ("buy", 12, 90)], 2, 90),
    ],
)
def test_positions_are_what_the_fills_come_to(
    mock: MockAdapter, steps: list[tuple[str, int, int]], held: int, average: int
) -> None:
    for side, quantity, price in steps:
        mock.submit(order(Side(side), str(quantity), type=OrderType.LIMIT, limit_price=D(price)))
    (position,) = mock.positions()

    assert (position.quantity, position.average_price) == (D(held), D(average))
    assert position.market_value == D(100) * held


@pytest.mark.parametrize("is_target", [True, False])
def test_one_of_two_exits_ends_the_other(mock: MockAdapter, is_target: bool) -> None:  # noqa: FBT001
    exits = {"stop_loss": StopLoss(D(90)), "take_profit": TakeProfit(D(110))}
    parent = mock.submit(order(Side.SELL, type=OrderType.LIMIT, order_class=OrderClass.OCO, **exits))
    (stop,) = parent.legs
    mock.book.fill(parent.broker_order_id if is_target else stop.broker_order_id)
    ended = mock.order(OrderRef(parent.broker_order_id))

    assert ended is not None
    assert (ended.state, ended.legs[0].state) == ((S.FILLED, S.CANCELLED) if is_target else (S.CANCELLED, S.FILLED))
    assert mock.orders() == []


def test_an_order_that_is_taken_and_then_rejected_says_so_in_its_report(mock: MockAdapter) -> None:
    mock.book.script("submit", Outcome.REJECT_LATER, Outcome.FILL)
    rejected = mock.submit(order())
    stop = mock.submit(order(type=OrderType.STOP, stop_price=D(105)))

    assert (rejected.state, rejected.filled_quantity) == (S.REJECTED, D(0))
    assert (stop.state, stop.filled_average_price) == (S.FILLED, D(105))


def test_a_shut_market_is_scripted_for_one_order_or_for_all(mock: MockAdapter) -> None:
    mock.book.script("submit", Outcome.CLOSED)
    for is_open in (True, False):
        mock.book.is_open = is_open
        with pytest.raises(MarketClosed) as closed:
            mock.submit(order())
        assert closed.value.next_open == NOON + timedelta(days=1)
    assert mock.fills() == []


def test_what_is_done_does_not_fill_again(mock: MockAdapter) -> None:
    report = mock.submit(order())
    mock.book.fill(report.broker_order_id)

    assert len(mock.fills()) == 1


def test_a_replacement_takes_over_what_was_filled_and_needs_an_id_of_its_own(mock: MockAdapter) -> None:
    mock.book.script("submit", Outcome.PARTIAL)
    old = mock.submit(order(type=OrderType.LIMIT, limit_price=D(99)))
    with pytest.raises(DuplicateOrder):
        mock.replace(OrderRef(old.broker_order_id), OrderChanges(old.client_order_id, quantity=D(20)))
    new = mock.replace(OrderRef(old.broker_order_id), OrderChanges("td-new", quantity=D(20)))
    mock.book.fill(new.broker_order_id)
    whole = mock.order(OrderRef(new.broker_order_id))

    assert whole is not None
    assert (new.state, new.filled_quantity, new.limit_price) == (S.PARTIALLY_FILLED, D(5), D(99))
    assert (whole.state, whole.filled_quantity, whole.filled_average_price) == (S.FILLED, D(20), D(99))
    assert [fill.quantity for fill in mock.fills()] == [D(5), D(15)]


def test_each_connection_has_a_book_of_its_own_in_this_process(mock: MockAdapter) -> None:
    mock.submit(order())
    same = MockAdapter(mock._settings)
    other = MockAdapter(ConnectionSettings("another", "mock", is_paper=True, base_url=""))

    assert len(same.fills()) == 1
    assert other.fills() == []
    forget("another")


def test_every_call_is_on_record(mock: MockAdapter) -> None:
    mock.book.script("submit", Outcome.TIMEOUT_AFTER)
    with pytest.raises(OutcomeUnknown):
        mock.submit(order())
    mock.positions()

    assert mock.book.calls == ["submit", "positions"]
    assert len(mock.fills()) == 1


def test_an_account_kept_by_hand_answers_every_question_with_what_to_do_instead() -> None:
    manual = ManualAdapter(ConnectionSettings("c", "manual", is_paper=True, base_url=""))
    ref, changes = OrderRef("o-1"), OrderChanges("td-1")
    for call in (
        manual.verify, manual.account, manual.clock, manual.positions, manual.orders, manual.fills,
        lambda: manual.submit(order()), lambda: manual.cancel(ref), lambda: manual.replace(ref, changes),
        lambda: manual.order(ref), lambda: manual.cash_movements(NOON.date()), lambda: manual.quote("AAPL"),
        lambda: manual.quotes(["AAPL"]), lambda: manual.bars("AAPL", "1Day", NOON, NOON),
        lambda: manual.splits("AAPL", NOON.date(), NOON.date()),
    ):  # fmt: skip
        with pytest.raises(Unsupported, match="record what you did at the broker"):
            call()  # type: ignore[operator]
