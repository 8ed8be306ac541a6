"""Fills show at once: the stream's process follows real sockets, catches up on every connect and hands over."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from brokers.alpaca import stream
from brokers.errors import TryLater
from brokers.models import BrokerCall, BrokerConnection
from tests.brokers.simulator_server import wait_until
from tests.trades.execution.exchange_kit import account, connection_of, exchange, send
from trades.execution import hints, streaming
from trades.execution.streaming import StreamDesk
from trades.models import Fill, Order

__all__ = ["account", "exchange"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns, pauses and looks for a mute socket within a test's patience."""
    monkeypatch.setattr(streaming, "RENEW", 0.1)
    monkeypatch.setattr(streaming, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(streaming, "LISTEN_CHECK", 0.5)


@contextmanager
def following(**options: Any) -> Iterator[StreamDesk]:
    """A stream desk in a thread, as its process would run it."""
    desk, ready = StreamDesk(("simulator",), **options), threading.Event()
    stop: list[Callable[[], None]] = []

    def run() -> None:
        async def work() -> None:
            asked, loop = asyncio.Event(), asyncio.get_running_loop()
            stop.append(lambda: loop.call_soon_threadsafe(asked.set))
            ready.set()
            await desk.run(asked)

        try:
            asyncio.run(work())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield desk
    finally:
        stop[0]()
        thread.join()


def is_heard(account) -> bool:
    return connection_of(account).stream_heard_at is not None


def status_of(order: Order) -> str:
    return Order.objects.values_list("status", flat=True).get(pk=order.pk)


def test_a_fill_is_booked_as_soon_as_the_exchange_says_it(account, exchange) -> None:
    order = send(account, type="limit", limit_price=D("99.00"))
    with following():
        wait_until(lambda: is_heard(account), "the stream")
        exchange.control.set_quote("SPY", bid="98.97", ask="98.98", bid_size=10_000, ask_size=10_000)
        wait_until(Fill.objects.exists, "the fill")
        wait_until(lambda: status_of(order) == "filled", "the order's end")
    assert list(Fill.objects.values_list("quantity", "price", "order_id")) == [(D(10), D("98.98"), order.pk)]
    assert "stream" in order.events.values_list("source", flat=True)


def test_what_happened_before_the_socket_opened_is_caught_up_with(account, exchange) -> None:
    order = send(account, type="limit", limit_price=D("99.00"))
    exchange.control.set_quote("SPY", bid="98.97", ask="98.98", bid_size=10_000, ask_size=10_000)
    with following():
        wait_until(lambda: status_of(order) == "filled", "the catching up")
    assert Fill.objects.count() == 1


def test_doubled_frames_book_a_fill_once(account, exchange) -> None:
    order = send(account, type="limit", limit_price=D("99.00"))
    with following():
        wait_until(lambda: is_heard(account), "the stream")
        exchange.control.stream_fault("duplicate", times=5)
        exchange.control.set_quote("SPY", bid="98.97", ask="98.98", bid_size=10_000, ask_size=10_000)
        wait_until(lambda: status_of(order) == "filled", "the order's end")
        wait_until(Fill.objects.exists, "the fill")
    assert Fill.objects.count() == 1


def test_a_closed_socket_is_opened_again_and_nothing_in_between_is_missed(account, exchange) -> None:
    order = send(account, type="limit", limit_price=D("99.00"))
    with following():
        wait_until(lambda: is_heard(account), "the stream")
        exchange.control.refuse_connections(2)
        exchange.control.close_streams()
        exchange.control.set_quote("SPY", bid="98.97", ask="98.98", bid_size=10_000, ask_size=10_000)
        wait_until(lambda: status_of(order) == "filled", "the catching up")
        wait_until(Fill.objects.exists, "the fill")
        wait_until(lambda: not BrokerCall.objects.filter(ended_at=None).exists(), "the end of what failed")
    assert Fill.objects.count() == 1
    lost = BrokerCall.objects.order_by("code").values_list("method", "path", "status", "code", "times")
    assert list(lost) == [
        ("STREAM", "/stream", None, "stream_ended", 1),
        ("STREAM", "/stream", None, "stream_unreachable", 2),
    ]


def test_a_mute_socket_is_noticed_and_opened_anew(account, exchange) -> None:
    order = send(account, type="limit", limit_price=D("99.00"))
    with following():
        wait_until(lambda: is_heard(account), "the stream")
        exchange.control.mute()
        exchange.control.set_quote("SPY", bid="98.97", ask="98.98", bid_size=10_000, ask_size=10_000)
        wait_until(lambda: status_of(order) == "filled", "the look behind the silence")
        exchange.control.unmute()
        second = send(account, type="limit", limit_price=D("98.00"))
        wait_until(lambda: "new" in Order.objects.values_list("raw_status", flat=True).get(pk=second.pk), "its news")


def test_refused_keys_disable_the_connection_and_end_the_trying(account, exchange) -> None:
    exchange.control.change_keys(exchange.account, key_id="PKOTHER", secret_key="another")
    with following() as desk:
        wait_until(lambda: not connection_of(account).is_active, "the end of the connection")
        wait_until(lambda: not desk.followed, "the end of the trying")
    assert account.owner.notifications.filter(kind="connection").count() == 1
    assert ("STREAM", "/stream", "credentials_invalid") in BrokerCall.objects.values_list("method", "path", "code")


def test_a_second_process_takes_over_when_the_first_lets_go_and_never_before(account, exchange) -> None:
    with following() as first:
        wait_until(lambda: is_heard(account), "the stream")
        with following() as second:
            wait_until(lambda: connection_of(account).stream_owner == first.owner, "the first")
            assert not second.followed
        assert exchange.control.connections() != {}
    assert connection_of(account).stream_owner == ""
    with following() as third:
        wait_until(lambda: connection_of(account).stream_owner == third.owner, "the handing over")


def meet(exchange, order: Order, ask: str) -> None:
    """Show a quote that fills an order, and wait until the desk knows."""
    exchange.control.set_quote("SPY", bid=D(ask) - D("0.01"), ask=ask, bid_size=10_000, ask_size=10_000)
    wait_until(lambda: status_of(order) == "filled", "the order's end")
    wait_until(lambda: Fill.objects.filter(order=order).exists(), "the fill")


def test_two_that_fight_for_one_key_count_every_fill_once_and_the_loser_stands_back(
    account, exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process sleeps past its lease with its socket open: the next one is turned away until the sleeper is awake."""
    asked: list[str] = []
    settings = hints.stream_settings

    def counted(connection_id):
        asked.append(threading.current_thread().name)
        return settings(connection_id)

    monkeypatch.setattr(hints, "stream_settings", counted)
    monkeypatch.setattr(stream, "TAKEN_FOR", 1)
    one, other = (send(account, type="limit", limit_price=price) for price in (D("99.00"), D("98.00")))
    with following() as sleeper:
        wait_until(lambda: is_heard(account), "the stream")
        awake = threading.Event()
        sleeper.keeper.submit(awake.wait)
        try:
            BrokerConnection.objects.update(stream_leased_until=timezone.now())
            with following() as heir:
                wait_until(lambda: connection_of(account).stream_owner == heir.owner, "the heir")
                wait_until(lambda: len(asked) >= 3, "the heir being turned away")
                assert exchange.control.connections()["listening"] == [exchange.key_id]
                assert (set(sleeper.followed), heir.alive) == ({connection_of(account).pk}, set())
                meet(exchange, one, "98.98")
                awake.set()
                wait_until(lambda: not sleeper.followed, "the sleeper letting go")
                wait_until(lambda: heir.alive, "the heir's stream")
                meet(exchange, other, "97.98")
                assert (sleeper.followed, connection_of(account).stream_owner) == ({}, heir.owner)
        finally:
            awake.set()
    assert sorted(Fill.objects.values_list("order_id", "quantity", "price")) == sorted(
        [(one.pk, D(10), D("98.98")), (other.pk, D(10), D("97.98"))]
    )
    assert connection_of(account).is_active


@pytest.mark.parametrize(
    "frame",
    [
        {"action": "error", "data": {"error_message": "connection limit exceeded"}},
        {"stream": "listening", "data": {"error": "connection limit exceeded"}},
        {"T": "error", "code": 406, "msg": "connection limit exceeded"},
    ],
)
def test_whoever_is_turned_away_comes_back_half_a_minute_later(frame: dict[str, Any]) -> None:
    with pytest.raises(TryLater) as turned_away:
        stream._refuse_turned_away(frame)
    assert (turned_away.value.code, turned_away.value.after) == ("stream_taken", 30)


def test_one_process_serves_no_more_than_it_is_told_to(alice, account, exchange) -> None:
    with following(most=0) as desk:
        wait_until(lambda: True, "a turn")
        assert not desk.followed
    assert BrokerConnection.objects.get().stream_owner == ""
