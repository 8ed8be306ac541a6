"""What needs the trader's eyes, with its evidence, until it was looked at."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from brokers.services.snapshots import snapshot_keep
from tests.trades.orders.eyes_kit import aged, ago, dated, doubted, kinds, said, worth
from tests.trades.orders.kit import connected_account, d, held, make_event, make_order, make_position, protected
from trades.models import MatterLook, Order, OrderCall
from trades.selectors.matters import matters_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


class TestWhatIsShown:
    def test_nothing_needs_eyes_and_the_page_says_when_it_looked(
        self, alice_client: Client, account: TradingAccount
    ) -> None:
        protected(held(account))
        make_position(account)
        text = alice_client.get("/eyes/").content.decode()
        assert "Nothing needs your eyes<" in text
        assert "every position at a broker is as the journal has it and protected" in text
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

    def test_a_difference_with_an_order_on_its_way_says_nothing_yet(
        self, alice: User, alice_client: Client, account: TradingAccount
    ) -> None:
        make_position(account, "MSFT", "10")
        make_order(account, "MSFT", status="submitting", claimed_at=timezone.now())
        assert kinds(alice) == []
        text = alice_client.get("/eyes/").content.decode()
        assert "Nothing needs your eyes yet" in text
        assert "1 position differs from the journal while an order for it is on its way." in text
        assert "every other position at a broker is as the journal has it and protected" in text

    @pytest.mark.parametrize(
        ("symbols", "words"),
        [
            (
                ["TSLA"],
                (
                    "1 position entered less than two minutes ago has <strong>no working stop",
                    "all of it<",
                    "it is listed",
                ),
            ),
            (
                ["TSLA", "MSFT"],
                ("2 positions entered less than two minutes ago have", "all of them<", "they are listed"),
            ),
        ],
    )
    def test_the_empty_page_tells_of_positions_whose_stop_may_still_follow(
        self, alice_client: Client, account: TradingAccount, symbols: list[str], words: tuple[str, ...]
    ) -> None:
        protected(held(account, "AAPL"))
        make_position(account, "AAPL")
        for symbol in symbols:
            held(account, symbol)
            make_position(account, symbol)
        text = alice_client.get("/eyes/").content.decode()
        for told in (*words, "Nothing needs your eyes yet", "every other position at a broker"):
            assert told in text
        assert "every position at a broker" not in text

    def test_the_empty_page_takes_nothing_back_of_what_was_looked_at(
        self, alice: User, alice_client: Client, account: TradingAccount
    ) -> None:
        make_position(account, "MSFT", "10")
        (found,) = matters_of(alice, now=timezone.now()).waiting
        alice_client.post("/eyes/look/", {"key": found.key, "state": found.state})
        text = alice_client.get("/eyes/").content.decode()
        assert "Nothing else needs your eyes" in text
        assert "What you looked at stands below, and has not changed since. No other order" in text
        assert "every other position at a broker is as the journal has it" in text

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

    def test_an_account_the_broker_has_blocked_is_shown_until_it_is_lifted(
        self, alice: User, alice_client: Client, account: TradingAccount
    ) -> None:
        snapshot_keep(account.connection, worth(), at=ago(minutes=3))
        assert kinds(alice) == []
        snapshot_keep(account.connection, worth("Alpaca has blocked this account."), at=ago(minutes=2))
        assert kinds(alice) == ["blocked"]
        text = alice_client.get("/eyes/").content.decode()
        key = account.connection.pk
        for words in (
            "the broker lets nobody trade in it",
            "Alpaca has blocked this account.",
            "Last said nothing of it",
        ):
            assert words in text
        for action in (f"/eyes/connections/{key}/ask/", f"/eyes/connections/{key}/sync/", f"/connections/{key}/"):
            assert action in text
        BrokerConnection.objects.update(last_sync=ago(hours=1))
        assert kinds(alice) == ["stale", "blocked"]
        alice_client.post(f"/eyes/connections/{key}/ask/")
        assert kinds(alice) == ["stale"]

    def test_a_block_that_was_looked_at_counts_again_when_it_comes_again(
        self, alice: User, alice_client: Client, account: TradingAccount
    ) -> None:
        snapshot_keep(account.connection, worth("Trading is blocked."), at=ago(minutes=9))
        found = matters_of(alice, now=timezone.now()).waiting[0]
        alice_client.post("/eyes/look/", {"key": found.key, "state": found.state})
        snapshot_keep(account.connection, worth("Trading is blocked."), at=ago(minutes=8))
        assert kinds(alice) == []
        snapshot_keep(account.connection, worth(), at=ago(minutes=7))
        snapshot_keep(account.connection, worth("Trading is blocked."), at=ago(minutes=6))
        assert kinds(alice) == ["blocked"]

    def test_what_is_told_of_a_connection_that_is_off_is_no_block(self, alice: User, account: TradingAccount) -> None:
        snapshot_keep(account.connection, worth("Trading is blocked."))
        BrokerConnection.objects.update(is_active=False, status="disabled", last_error="You disabled it.")
        assert kinds(alice) == []

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
        with django_assert_num_queries(13):
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
