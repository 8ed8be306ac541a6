"""What needs the trader's eyes, with its evidence, and what may safely be done about it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Outcome
from brokers.models import BrokerConnection
from tests.trades.orders.kit import (
    book,
    connected_account,
    d,
    held,
    make_event,
    make_leg,
    make_order,
    make_position,
    protected,
)
from trades.execution.shapes import request_of
from trades.models import MatterLook, Order, OrderCall
from trades.selectors.matters import matters_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


def ago(**span: int) -> Any:
    return timezone.now() - timedelta(**span)


def kinds(owner: User) -> list[str]:
    return [one.kind for one in matters_of(owner, now=timezone.now()).waiting]


def aged(order: Order, **columns: Any) -> Order:
    """The row as it stood for a while."""
    Order.objects.filter(pk=order.pk).update(created_at=ago(hours=1), updated_at=ago(hours=1), **columns)
    order.refresh_from_db()
    return order


def doubted(account: TradingAccount, symbol: str = "AAPL", **fields: Any) -> Order:
    given = {"status": "in_doubt", "doubted_at": ago(minutes=5), "broker_order_id": "", **fields}
    return make_order(account, symbol, **given)


def said(answer: Any) -> str:
    """The last thing the desk said; earlier messages wait for the page that shows them."""
    return [str(message) for message in get_messages(answer.wsgi_request)][-1]


def dated(value: Any) -> Any:
    """Spans of the tables as moments, told when the test begins."""
    if isinstance(value, dict):
        return {name: dated(each) for name, each in value.items()}
    return timezone.now() - value if isinstance(value, timedelta) else value


def unknown_call(order: Order, at: Any) -> OrderCall:
    return OrderCall.objects.create(order=order, at=at, answered_at=at, verb="look", answer="unknown")


class TestWhatIsShown:
    def test_nothing_needs_eyes_and_the_page_says_when_it_looked(
        self, alice_client: Client, account: TradingAccount
    ) -> None:
        protected(held(account))
        make_position(account)
        text = alice_client.get("/eyes/").content.decode()
        assert "Nothing needs your eyes" in text
        assert "Last looked at" in text
        assert "the brokers told everything until" in text

    @pytest.mark.parametrize(
        ("fields", "kind"),
        [
            ({"status": "in_doubt", "doubted_at": timedelta(seconds=5)}, "in_doubt"),
            ({"status": "submitting", "claimed_at": timedelta(minutes=3)}, "sending"),
            ({"status": "cancelling", "cancel_asked_at": timedelta(minutes=2)}, "cancel"),
            ({"cancel_asked_at": timedelta(minutes=2)}, "cancel"),
            ({"pending_change": {"client_order_id": "c-1", "asked_at": timedelta(minutes=2)}}, "change"),
            ({"status": "new"}, "unsent"),
            ({"status": "new", "claimed_at": timedelta(seconds=5), "send_after": timedelta(seconds=-20)}, "unsent"),
            ({"status": "queued", "send_after": timedelta(minutes=5)}, "queued"),
            ({"status": "rejected", "reason_code": "never_arrived", "done_at": timedelta(hours=1)}, "never_arrived"),
            ({"status": "rejected", "reason_code": "id_taken", "done_at": timedelta(hours=1)}, "id_taken"),
            ({"status": "cancelled", "reason_code": "gone", "done_at": timedelta(hours=1)}, "gone"),
            ({"status": "expired", "reason_code": "lapsed", "done_at": timedelta(minutes=1)}, "lapsed"),
            ({"status": "denied", "reason_code": "price_collar", "done_at": timedelta(minutes=1)}, "denied"),
        ],
    )
    def test_an_order_that_is_stuck_or_ended_oddly_is_shown(
        self, alice: User, account: TradingAccount, fields: dict[str, Any], kind: str
    ) -> None:
        aged(make_order(account, **dated(fields)))
        assert kinds(alice) == [kind]

    @pytest.mark.parametrize(
        "fields",
        [
            {"status": "accepted"},
            {"status": "submitting", "claimed_at": timedelta(seconds=20)},
            {"status": "cancelling", "cancel_asked_at": timedelta(seconds=20)},
            {"pending_change": {"client_order_id": "c-1", "asked_at": timedelta(seconds=20)}},
            {"status": "new", "send_after": timedelta(minutes=-2)},
            {"status": "queued", "send_after": timedelta(minutes=-20)},
            {"status": "rejected", "reason_code": "insufficient_funds", "done_at": timedelta(hours=1)},
            {"status": "cancelled", "reason_code": "gone", "done_at": timedelta(days=8)},
            {"status": "denied", "reason_code": "price_collar", "done_at": timedelta(hours=2)},
        ],
    )
    def test_what_takes_as_long_as_usual_or_was_seen_when_it_happened_is_not(
        self, alice: User, account: TradingAccount, fields: dict[str, Any]
    ) -> None:
        aged(make_order(account, **dated(fields)))
        assert kinds(alice) == []

    def test_a_word_nobody_here_knows_is_shown_until_the_broker_uses_another(
        self, alice: User, account: TradingAccount
    ) -> None:
        order = make_order(account, raw_status="pending_review")
        make_event(order, "unknown_status", "accepted", detail={"status": "pending_review"})
        assert kinds(alice) == ["unknown_status"]
        Order.objects.filter(pk=order.pk).update(raw_status="new")
        assert kinds(alice) == []

    def test_positions_that_differ_are_unknown_or_bare_are_shown(self, alice: User, account: TradingAccount) -> None:
        protected(held(account, "AAPL"))
        make_position(account, "AAPL", "60")
        make_position(account, "MSFT", "10")
        trade = held(account, "TSLA")
        make_position(account, "TSLA")
        assert sorted(kinds(alice)) == ["drift", "external"]
        type(trade).objects.filter(pk=trade.pk).update(entry_date=ago(minutes=5))
        assert sorted(kinds(alice)) == ["drift", "external", "unprotected"]

    def test_a_difference_with_an_order_on_its_way_says_nothing_yet(self, alice: User, account: TradingAccount) -> None:
        make_position(account, "MSFT", "10")
        make_order(account, "MSFT", status="submitting", claimed_at=timezone.now())
        assert kinds(alice) == []

    def test_connections_that_do_not_answer_are_shown(self, alice: User, account: TradingAccount) -> None:
        BrokerConnection.objects.update(last_sync=ago(hours=1))
        assert kinds(alice) == ["stale"]
        BrokerConnection.objects.update(status="needs_attention", last_error="It is down.")
        assert kinds(alice) == ["failing"]
        BrokerConnection.objects.update(is_active=False, status="disabled", last_error="The keys are revoked.")
        assert kinds(alice) == ["disabled"]

    def test_a_connection_its_trader_switched_off_is_no_matter_until_an_order_works_there(
        self, alice: User, account: TradingAccount
    ) -> None:
        BrokerConnection.objects.update(is_active=False, status="disabled", last_error="You disabled it.")
        assert kinds(alice) == []
        make_order(account)
        assert kinds(alice) == ["disabled"]

    def test_the_evidence_is_on_the_page(self, alice_client: Client, account: TradingAccount) -> None:
        order = doubted(account)
        make_event(
            order,
            "doubt",
            "in_doubt",
            source="worker",
            detail={"code": "status_504", "sentence": "Alpaca did not answer in time.", "request_id": "req-77"},
        )
        OrderCall.objects.create(
            order=order, at=ago(seconds=30), verb="look", answer="no_answer", code="status_502", request_id="req-78",
            sentence="Alpaca could not say.", ref=order.client_order_id,
        )  # fmt: skip
        text = alice_client.get("/eyes/").content.decode()
        for words in (
            *("AAPL", "nobody knows whether it arrived", "status_504", "req-77", "Alpaca did not answer in time."),
            *("Asked the broker for it: no certain answer", "status_502", "req-78", "Alpaca could not say."),
            *("Ask the broker now", "Give it up", "The broker has not said that it does not know the order"),
        ):
            assert words in text
        assert f"/eyes/orders/{order.pk}/never-arrived/" not in text

    @pytest.mark.parametrize("count", [1, 6])
    def test_the_page_takes_as_many_queries_however_many_matters_there_are(
        self, alice: User, account: TradingAccount, django_assert_num_queries: Any, count: int
    ) -> None:
        for number in range(count):
            doubted(account, f"AB{chr(65 + number)}")
            make_position(account, f"XY{chr(65 + number)}")
        now = timezone.now()
        with django_assert_num_queries(12):
            matters_of(alice, now=now)

    def test_anothers_matters_are_not_shown(self, charlie_client: Client, account: TradingAccount) -> None:
        doubted(account)
        assert "AAPL" not in charlie_client.get("/eyes/").content.decode()

    def test_the_count_is_told_and_remembered_for_a_moment(
        self, alice_client: Client, account: TradingAccount, django_assert_max_num_queries: Any
    ) -> None:
        assert alice_client.get("/eyes/count/").content.decode().strip() == ""
        order = doubted(account)
        alice_client.get("/eyes/")
        with django_assert_max_num_queries(2):
            text = alice_client.get("/eyes/count/").content.decode()
        assert '1<span class="visually-hidden"> waiting</span>' in text
        alice_client.post("/eyes/look/", {"key": f"in_doubt:{order.pk}", "state": "other"})
        Order.objects.update(status="rejected", reason_code="refused")
        assert alice_client.get("/eyes/count/").content.decode().strip() == ""


class TestLooking:
    def state(self, owner: User) -> tuple[str, str]:
        found = matters_of(owner, now=timezone.now()).waiting[0]
        return found.key, found.state

    def test_what_was_looked_at_is_put_aside_until_it_changes(
        self, alice: User, alice_client: Client, account: TradingAccount
    ) -> None:
        position = make_position(account, "MSFT", "10")
        key, state = self.state(alice)
        answer = alice_client.post("/eyes/look/", {"key": key, "state": state})
        assert said(answer) == "You looked at it. It is shown again when it changes."
        found = matters_of(alice, now=timezone.now())
        assert ([one.kind for one in found.waiting], [one.kind for one in found.looked]) == ([], ["external"])
        assert "Looked at, and not changed since (1)" in alice_client.get("/eyes/").content.decode()
        type(position).objects.filter(pk=position.pk).update(quantity=d(12))
        assert kinds(alice) == ["external"]

    def test_a_state_that_passed_is_not_marked(
        self, alice: User, alice_client: Client, account: TradingAccount
    ) -> None:
        make_position(account, "MSFT", "10")
        key, _state = self.state(alice)
        answer = alice_client.post("/eyes/look/", {"key": key, "state": "before"})
        assert said(answer) == "It has changed since you looked: look at it again."
        assert not MatterLook.objects.exists()

    def test_it_can_be_shown_again(self, alice: User, alice_client: Client, account: TradingAccount) -> None:
        make_position(account, "MSFT", "10")
        key, state = self.state(alice)
        alice_client.post("/eyes/look/", {"key": key, "state": state})
        alice_client.post("/eyes/look/", {"key": key, "state": state, "again": "1"})
        assert kinds(alice) == ["external"]

    def test_what_is_resolved_is_not_kept(self, alice: User, alice_client: Client, account: TradingAccount) -> None:
        MatterLook.objects.create(owner=alice, key="drift:old", state="x", at=ago(days=1))
        make_position(account, "MSFT", "10")
        key, state = self.state(alice)
        alice_client.post("/eyes/look/", {"key": key, "state": state})
        assert list(MatterLook.objects.values_list("key", flat=True)) == [key]
        answer = alice_client.post("/eyes/look/", {"key": "drift:nothing", "state": "x"})
        assert said(answer) == "It is resolved by now."
        assert alice_client.post("/eyes/look/", {"key": "a\0b", "state": "x"}).status_code == 302


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
        from dataclasses import replace

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
        from trades.execution import asking

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
