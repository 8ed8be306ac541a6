"""What may safely be done about what needs the trader's eyes: ask the broker, and decide on its evidence."""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Outcome
from brokers.models import BrokerConnection
from tests.trades.orders.eyes_kit import aged, ago, doubted, said, unknown_call
from tests.trades.orders.kit import book, connected_account, make_leg, make_order
from trades.execution import asking
from trades.execution.shapes import request_of
from trades.models import Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


class TestAsking:
    def ask(self, client: Client, order: Order) -> str:
        return said(client.post(f"/eyes/orders/{order.pk}/ask/"))

    def test_an_order_the_broker_has_is_found(self, alice_client: Client, account: TradingAccount) -> None:
        order = doubted(account)
        book(account).add(request_of(order, []))
        assert self.ask(alice_client, order) == "The broker shows the order. The order for AAPL is accepted."
        assert order.calls.get().asked_by == "trader"

    def test_asking_again_and_again_proves_nothing_more(self, alice_client: Client, account: TradingAccount) -> None:
        order = doubted(account)
        for _ in range(5):
            assert self.ask(alice_client, order).startswith("The broker does not know the order.")
        order.refresh_from_db()
        assert (order.status, order.asked_count) == ("in_doubt", 1)
        assert order.calls.count() == 5

    def test_no_answer_is_told_as_none(self, alice_client: Client, account: TradingAccount) -> None:
        order = doubted(account)
        book(account).script("order", Outcome.UNREACHABLE)
        assert self.ask(alice_client, order).startswith("The broker did not look.")

    def test_a_cancelling_order_is_looked_at(self, alice_client: Client, account: TradingAccount) -> None:
        order = aged(make_order(account, status="cancelling", cancel_asked_at=ago(minutes=3)))
        assert self.ask(alice_client, order).startswith("The broker does not know the order.")
        order.refresh_from_db()
        assert (order.status, order.asked_count) == ("cancelling", 0)

    def test_a_change_is_asked_for_by_its_own_number(self, alice_client: Client, account: TradingAccount) -> None:
        change = {"client_order_id": "td-c", "asked_at": ago(minutes=2), "sent_at": ago(minutes=2), "tried_at": ago()}
        order = make_order(account, pending_change=change | {"asked_count": 1, "limit_price": "188"})
        assert self.ask(alice_client, order).startswith("The broker does not know the order.")
        order.refresh_from_db()
        assert (order.pending_change["asked_count"], order.calls.get().ref) == (1, "td-c")

    @pytest.mark.parametrize(
        ("fields", "words"),
        [({"status": "new"}, "was not sent"), ({"connection": None}, "connection of this order is gone")],
    )
    def test_where_there_is_nothing_to_ask_it_says_so(
        self, alice_client: Client, account: TradingAccount, fields: dict[str, Any], words: str
    ) -> None:
        assert words in self.ask(alice_client, make_order(account, **fields))

    def test_a_disabled_connection_is_not_asked(self, alice_client: Client, account: TradingAccount) -> None:
        order = doubted(account)
        BrokerConnection.objects.update(is_active=False, status="disabled")
        assert "is disabled: reconnect it" in self.ask(alice_client, order)
        assert book(account).calls == []

    def test_the_broker_is_asked_again_to_cancel(self, alice_client: Client, account: TradingAccount) -> None:
        order = aged(make_order(account, status="cancelling", cancel_asked_at=ago(minutes=3), asked_at=ago(seconds=1)))
        answer = alice_client.post(f"/eyes/orders/{order.pk}/cancel/")
        assert said(answer) == "The broker is asked again to cancel the order for AAPL."
        order.refresh_from_db()
        assert order.cancel_asked_at > ago(minutes=1)

    def test_connections_are_asked_and_synced(self, alice_client: Client, account: TradingAccount) -> None:
        key = account.connection.pk
        assert "answers, and the keys work" in said(alice_client.post(f"/eyes/connections/{key}/ask/"))
        assert "is being synced" in said(alice_client.post(f"/eyes/connections/{key}/sync/"))
        BrokerConnection.objects.update(is_active=False, status="disabled")
        assert (
            said(alice_client.post(f"/eyes/connections/{key}/sync/"))
            == "This connection is disabled: reconnect it first."
        )


class TestDeciding:
    def decide(self, client: Client, order: Order) -> str:
        sentence = said(client.post(f"/eyes/orders/{order.pk}/never-arrived/"))
        order.refresh_from_db()
        return sentence

    def test_a_doubt_is_ended_by_hand_once_the_broker_does_not_know_it(
        self, alice_client: Client, account: TradingAccount
    ) -> None:
        order = doubted(account)
        unknown_call(order, ago(minutes=1))
        text = alice_client.get("/eyes/").content.decode()
        assert f"/eyes/orders/{order.pk}/never-arrived/" in text
        assert "is not send it again" not in text
        assert (
            "Did the order for AAPL never arrive?"
            in alice_client.get(f"/eyes/orders/{order.pk}/never-arrived/").content.decode()
        )
        assert self.decide(alice_client, order).startswith("The order for AAPL is ended as never arrived.")
        assert (order.status, order.reason_code) == ("rejected", "never_arrived")
        event = order.events.get()
        assert (event.fact, event.source) == ("never_arrived", "trader")
        assert book(account).calls == []

    @pytest.mark.parametrize("asked", [None, 290])
    def test_without_the_brokers_word_nobody_decides(
        self, alice_client: Client, account: TradingAccount, asked: int | None
    ) -> None:
        """Asked ten seconds after it was sent, the broker may just not have seen it yet."""
        order = doubted(account)
        if asked is not None:
            unknown_call(order, ago(seconds=asked))
        assert "has not said that it does not know the order" in self.decide(alice_client, order)
        assert order.status == "in_doubt"

    def test_the_desk_asks_before_anybody_is_asked(self, alice_client: Client, account: TradingAccount) -> None:
        order = doubted(account, doubted_at=ago(seconds=90))
        unknown_call(order, ago(seconds=10))
        assert "give it two minutes" in self.decide(alice_client, order)

    def test_of_a_broker_that_cannot_be_asked_a_whole_reading_decides(
        self, alice_client: Client, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(MockAdapter, "capabilities", replace(MockAdapter.capabilities, finds_client_order_id=False))
        BrokerConnection.objects.update(last_sync=ago(minutes=6))
        order = doubted(account)
        assert "were not read since" in self.decide(alice_client, order)
        BrokerConnection.objects.update(last_sync=ago(minutes=1))
        self.decide(alice_client, order)
        assert order.status == "rejected"

    def test_what_happens_meanwhile_wins(
        self, alice_client: Client, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look at the evidence and the decision the order went out anew and is in doubt again."""
        order = doubted(account)
        unknown_call(order, ago(minutes=1))
        looked = asking.undecidable

        def look(*args: Any, **kwargs: Any) -> str:
            found: str = looked(*args, **kwargs)
            Order.objects.filter(pk=order.pk).update(doubted_at=timezone.now(), version=order.version + 3)
            return found

        monkeypatch.setattr(asking, "undecidable", look)
        assert self.decide(alice_client, order).startswith("Something has just happened to this order")
        assert order.status == "in_doubt"

    def test_legs_end_with_their_entry(self, alice_client: Client, account: TradingAccount) -> None:
        order = doubted(account, order_class="bracket")
        leg = make_leg(order, "stop_loss", "180", status="new")
        unknown_call(order, ago(minutes=1))
        self.decide(alice_client, order)
        leg.refresh_from_db()
        assert (order.status, leg.status) == ("rejected", "cancelled")

    def test_one_that_is_found_after_all_counts_again(self, alice_client: Client, account: TradingAccount) -> None:
        order = doubted(account)
        unknown_call(order, ago(minutes=1))
        self.decide(alice_client, order)
        book(account).add(request_of(order, []))
        alice_client.post(f"/eyes/orders/{order.pk}/ask/")
        order.refresh_from_db()
        assert order.status == "accepted"
