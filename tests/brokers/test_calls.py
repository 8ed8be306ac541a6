"""What calls to a broker that failed leave behind: what was asked, what came back, how often, and whether it is over."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.db import OperationalError

from accounts.models import User
from brokers.errors import CredentialsInvalid, TryLater
from brokers.http import Call
from brokers.models import BrokerCall, BrokerConnection
from brokers.registry import adapter_for
from brokers.services import calls as service
from brokers.services import connections as services
from brokers.services.calls import call_note, endpoint_of, stream_call
from brokers.services.cleaning import records_clean
from brokers.services.linking import NewAccount
from tests.brokers.connection_kit import KEY_ID, SECRET, connect, exchange, running
from tests.brokers.simulator_server import RunningSimulator
from trades.execution.hints import stream_lost, stream_opened
from trades.execution.poll import connection_poll
from trades.execution.sync import connection_sync
from trenddojo import log_context

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 5, 17, 0, tzinfo=UTC)
AWAY = TryLater("Alpaca cannot answer at the moment (status 503).", after=9, code="status_503")


@pytest.fixture
def practice(exchange: RunningSimulator, alice: User) -> BrokerConnection:
    return connect(alice, account=NewAccount("Practice"))


@pytest.fixture
def mocked(alice: User) -> BrokerConnection:
    """A connection that no network is needed for."""
    return connect(alice, broker="mock", credentials={})


def at(**later: int) -> datetime:
    return NOON + timedelta(**later)


def asked(when: datetime = NOON, path: str = "/v2/positions", **more: Any) -> Call:
    return Call("GET", path, when, **{"status": 503, "milliseconds": 12, "request_id": "req-1", **more})


def note(connection: BrokerConnection, call: Call, problem: Any = AWAY, **more: Any) -> None:
    call_note(connection_id=connection.pk, error=problem, call=call, **more)


def kept(*names: str) -> list[tuple[Any, ...]]:
    return list(BrokerCall.objects.order_by("id").values_list(*names))


class TestOnTheWire:
    """A whole sync against the stand-in exchange, with a fault at one address."""

    WAYS = [
        (
            {"kind": "status_before", "status": 500},
            (500, "status_500", "Alpaca cannot answer at the moment (status 500)."),
        ),
        (
            {"kind": "status_before", "status": 504},
            (504, "status_504", "Alpaca cannot answer at the moment (status 504)."),
        ),
        ({"kind": "unreadable"}, (200, "unreadable", "Alpaca's answer cannot be read: it is no JSON.")),
        ({"kind": "cut_off"}, (None, "no_answer", "The broker gave no usable answer.")),
        ({"kind": "drop_before"}, (None, "no_answer", "The broker gave no usable answer.")),
        (
            {"kind": "unauthorized"},
            (401, "credentials_invalid", "Alpaca does not accept these keys: make new ones at Alpaca and reconnect."),
        ),
        ({"kind": "rate_limited"}, (429, "rate_limited", mock.ANY)),
    ]

    @pytest.mark.parametrize(("fault", "came_back"), WAYS, ids=[str(fault) for fault, _ in WAYS])
    def test_a_sync_that_fails_says_what_was_asked_and_what_came_back(
        self, exchange: RunningSimulator, practice: BrokerConnection, fault: dict[str, Any], came_back: Any
    ) -> None:
        exchange.control.fault(**fault, path="/v2/positions")
        before = datetime.now(UTC)

        task = log_context.begin(task="task-77")
        assert connection_sync(practice) is None
        log_context.end(task)

        call = BrokerCall.objects.get()
        assert (call.connection_id, call.method, call.path) == (practice.pk, "GET", "/v2/positions")
        assert (call.status, call.code, call.sentence) == came_back
        assert (call.times, call.ended_at, call.our_id) == (1, None, "task-77")
        assert before <= call.last_at == call.first_at <= datetime.now(UTC)
        assert call.milliseconds < 20_000

    def test_a_broker_that_hangs_is_given_up_and_it_says_after_how_long(
        self, exchange: RunningSimulator, practice: BrokerConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("brokers.http.TIMEOUT", (1, 0.2))
        exchange.control.fault("hang_before", path="/v2/positions", seconds=5)

        assert connection_sync(practice) is None

        call = BrokerCall.objects.get()
        assert (call.method, call.endpoint, call.status, call.code) == ("GET", "/v2/positions", None, "no_answer")
        assert 200 <= call.milliseconds < 5_000

    def test_a_broker_that_cannot_be_reached_is_told_as_that(self, practice: BrokerConnection, settings: Any) -> None:
        settings.SIMULATOR_URL = "http://127.0.0.1:9"
        BrokerConnection.objects.update(label="Elsewhere", updated_at=NOON)
        practice.refresh_from_db()

        assert connection_sync(practice) is None

        assert kept("method", "path", "status", "code", "sentence") == [
            ("GET", "/v2/account", None, "unreachable", "The broker cannot be reached.")
        ]

    def test_what_was_asked_with_a_query_is_kept_with_it_and_counted_without(
        self, exchange: RunningSimulator, practice: BrokerConnection
    ) -> None:
        exchange.control.fault("status_before", path="/v2/orders")

        connection_poll(practice)

        call = BrokerCall.objects.get()
        assert call.endpoint == "/v2/orders"
        assert call.path == "/v2/orders?status=open&direction=asc&nested=true&limit=500"

    def test_the_broker_s_own_number_of_the_call_is_kept(
        self, exchange: RunningSimulator, practice: BrokerConnection
    ) -> None:
        exchange.control.fault("unreadable", path="/v2/positions")
        connection_sync(practice)
        assert BrokerCall.objects.get().request_id != ""

    def test_it_is_over_when_everything_was_read_again(
        self, exchange: RunningSimulator, practice: BrokerConnection
    ) -> None:
        exchange.control.fault("status_before", path="/v2/positions", times=3)
        for _ in range(3):
            connection_sync(practice)
        assert kept("times", "ended_at") == [(3, None)]

        assert connection_sync(practice) is not None

        call = BrokerCall.objects.get()
        assert call.times == 3
        assert call.last_at < call.ended_at <= datetime.now(UTC)

    def test_what_the_desk_s_own_budget_held_back_was_no_call(
        self, exchange: RunningSimulator, practice: BrokerConnection
    ) -> None:
        adapter_for(practice).positions()
        with mock.patch("brokers.rate_limits._spend", return_value=9.0):
            assert connection_sync(practice) is None
        assert not BrokerCall.objects.exists()

    def test_no_key_is_in_it_and_none_in_what_is_logged_of_it(
        self, exchange: RunningSimulator, practice: BrokerConnection, caplog: pytest.LogCaptureFixture
    ) -> None:
        for kind in ("status_before", "unreadable", "cut_off", "unauthorized"):
            exchange.control.fault(kind)
            connection_sync(practice)
        assert BrokerCall.objects.count() == 4
        everything = str(list(BrokerCall.objects.values())) + caplog.text
        assert [word for word in (KEY_ID, SECRET, SECRET[:10]) if word in everything] == []


class TestCounting:
    def test_the_same_again_is_counted_and_the_last_one_shown(self, mocked: BrokerConnection) -> None:
        for minute in range(11):
            note(mocked, asked(at(minutes=minute), request_id=f"req-{minute}", milliseconds=minute))

        assert kept("times", "first_at", "last_at", "request_id", "milliseconds") == [
            (11, at(), at(minutes=10), "req-10", 10)
        ]

    def test_another_address_another_kind_and_another_method_are_rows_of_their_own(
        self, mocked: BrokerConnection
    ) -> None:
        note(mocked, asked())
        note(mocked, asked(path="/v2/account"))
        note(mocked, asked(status=500), TryLater("Away.", after=9, code="status_500"))
        note(mocked, Call("POST", "/v2/positions", NOON))
        assert kept("method", "endpoint", "code", "times") == [
            ("GET", "/v2/positions", "status_503", 1),
            ("GET", "/v2/account", "status_503", 1),
            ("GET", "/v2/positions", "status_500", 1),
            ("POST", "/v2/positions", "status_503", 1),
        ]

    @pytest.mark.parametrize(
        ("path", "endpoint"),
        [
            ("/v2/positions", "/v2/positions"),
            ("/v2/orders?status=open", "/v2/orders"),
            ("/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47d", "/v2/orders/…"),
            ("/v2/orders:by_client_order_id?client_order_id=1", "/v2/orders:by_client_order_id"),
            ("/v1beta3/crypto/us/latest/quotes?symbols=BTC/USD", "/v1beta3/crypto/us/latest/quotes"),
            ("/v2/account/activities/FILL?page_token=2026", "/v2/account/activities/FILL"),
        ],
    )
    def test_an_address_is_counted_without_what_names_one_thing(self, path: str, endpoint: str) -> None:
        assert endpoint_of(path) == endpoint

    def test_a_storm_of_different_failures_leaves_the_last_twenty(self, mocked: BrokerConnection, alice: User) -> None:
        other = connect(alice, broker="mock", credentials={}, label="Other")
        note(other, asked())
        for number in range(60):
            note(mocked, asked(at(seconds=number)), TryLater("Away.", after=9, code=f"status_{number}"))

        assert BrokerCall.objects.filter(connection=other).count() == 1
        codes = mocked.calls.order_by("last_at").values_list("code", flat=True)
        assert list(codes) == [f"status_{number}" for number in range(40, 60)]

    def test_a_failure_long_after_is_counted_anew(self, mocked: BrokerConnection) -> None:
        for moment in (at(), at(minutes=59), at(minutes=118), at(minutes=179)):
            note(mocked, asked(moment))
        assert kept("times", "first_at", "last_at") == [(1, at(minutes=179), at(minutes=179))]

    def test_words_that_are_too_long_are_cut(self, mocked: BrokerConnection) -> None:
        long = "x" * 900
        note(mocked, Call("GET", f"/{long}", NOON, request_id="r" * 64), TryLater(long, after=1, code=long))
        call = BrokerCall.objects.get()
        assert [len(word) for word in (call.path, call.endpoint, call.sentence, call.code)] == [300, 120, 300, 60]

    def test_secrets_in_an_address_or_a_sentence_are_taken_out(self, mocked: BrokerConnection) -> None:
        note(mocked, asked(path=f"/v2/positions?api_key={KEY_ID}"), TryLater(f"No: {KEY_ID}.", after=1, code="odd"))
        assert kept("path", "sentence") == [("/v2/positions?api_key=[redacted]", "No: [redacted].")]


class TestNeverInTheWay:
    def test_a_database_that_is_away_is_logged_and_the_failure_is_noted_as_ever(
        self, mocked: BrokerConnection, caplog: pytest.LogCaptureFixture
    ) -> None:
        with mock.patch.object(service, "rows_of", side_effect=OperationalError("gone")):
            services.connection_failed(connection_id=mocked.pk, error=AWAY, call=asked())

        mocked.refresh_from_db()
        assert (mocked.status, mocked.last_error) == ("needs_attention", AWAY.sentence)
        assert f"broker.call.unkept connection={mocked.pk} problem=OperationalError" in caplog.text
        assert not BrokerCall.objects.exists()

    def test_what_the_database_cannot_keep_is_left_out(self, mocked: BrokerConnection) -> None:
        note(mocked, asked(request_id="a\0b"))
        note(mocked, asked(request_id="ab"))
        assert kept("request_id", "times") == [("ab", 1)]

    def test_a_connection_that_was_removed_meanwhile_leaves_nothing(self, mocked: BrokerConnection) -> None:
        key = mocked.pk
        mocked.delete()
        call_note(connection_id=key, error=AWAY, call=asked())
        call_note(connection_id=uuid4(), error=AWAY, call=asked())
        assert not BrokerCall.objects.exists()

    def test_an_answer_to_keys_that_were_replaced_is_not_the_new_keys_failure(self, mocked: BrokerConnection) -> None:
        refused = CredentialsInvalid("No.", code="credentials_invalid")
        note(mocked, asked(), refused, sealed="the old ones")
        assert not BrokerCall.objects.exists()
        note(mocked, asked(), refused, sealed=mocked.credentials)
        assert BrokerCall.objects.count() == 1

    def test_what_failed_before_anything_was_asked_is_no_call(self, practice: BrokerConnection) -> None:
        adapter_for(practice).positions()
        adapter_for(practice)
        services.connection_failed(connection_id=practice.pk, error=AWAY)
        assert not BrokerCall.objects.exists()

    def test_rows_go_with_their_connection_in_the_database_itself(self, mocked: BrokerConnection) -> None:
        note(mocked, asked())
        mocked.snapshots.all().delete()
        BrokerConnection.objects.filter(pk=mocked.pk)._raw_delete(using="default")
        assert not BrokerCall.objects.exists()

    def test_they_go_a_month_after_the_last_failure(self, mocked: BrokerConnection) -> None:
        note(mocked, asked(at(days=-31)))
        note(mocked, asked(at(days=-29), path="/v2/account"))
        assert records_clean(now=NOON)["calls"] == 1
        assert kept("endpoint") == [("/v2/account",)]


class TestWhenItIsOver:
    def test_a_success_after_trouble_ends_it_and_a_new_failure_opens_it_again(self, mocked: BrokerConnection) -> None:
        services.connection_failed(connection_id=mocked.pk, error=AWAY, call=asked(at()))
        services.connection_succeeded(connection_id=mocked.pk)
        assert BrokerCall.objects.get().ended_at is not None
        services.connection_failed(connection_id=mocked.pk, error=AWAY, call=asked(at(minutes=1)))
        assert kept("times", "first_at", "ended_at") == [(2, at(), None)]

    def test_a_success_where_nothing_was_wrong_writes_nothing(
        self, mocked: BrokerConnection, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(1):
            services.connection_succeeded(connection_id=mocked.pk)

    def test_new_keys_end_it(self, exchange: RunningSimulator, practice: BrokerConnection) -> None:
        exchange.control.fault("unauthorized")
        connection_sync(practice)
        assert kept("code", "ended_at") == [("credentials_invalid", None)]
        practice.refresh_from_db()
        services.connection_enable(connection=practice)
        assert BrokerCall.objects.get().ended_at is not None

    def test_a_stream_that_is_lost_is_kept_until_it_is_open_again(self, practice: BrokerConnection) -> None:
        used = mock.Mock(stream_url="ws://127.0.0.1:9/stream")
        lost = TryLater("The broker's order stream ended.", after=1, code="stream_ended")
        stream_lost(practice.pk, used, lost)
        stream_lost(practice.pk, used, lost)
        assert kept("method", "path", "status", "code", "sentence", "times") == [
            ("STREAM", "/stream", None, "stream_ended", "The broker's order stream ended.", 2)
        ]
        services.connection_succeeded(connection_id=practice.pk, synced_at=NOON)
        assert BrokerCall.objects.get().ended_at is None
        stream_opened(practice.pk)
        assert BrokerCall.objects.get().ended_at is not None

    def test_the_address_of_a_stream_is_kept_without_its_host(self) -> None:
        assert stream_call("wss://api.example.com/stream").path == "/stream"
