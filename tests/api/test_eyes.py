"""What needs the trader's eyes over the API, and what is safe to do about it."""

import uuid

import pytest

from brokers.mock.book import Outcome
from brokers.models import BrokerConnection
from tests.api.kit import error
from tests.trades.orders.eyes_kit import ago, doubted, unknown_call
from tests.trades.orders.kit import book, connected_account, d, held, make_order, make_position
from trades.execution.shapes import request_of
from trades.models import MatterLook, Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return connected_account(alice)


def waiting(program):
    return program.get("/eyes/").json()["matters"]


def test_nothing_waits_where_all_is_well(api, account):
    answer = api.get("/eyes/")
    assert answer.status_code == 200
    assert answer.json() == {"at": answer.json()["at"], "matters": [], "stops_awaited": 0, "settling": 0}


def test_positions_that_may_need_eyes_in_a_moment_are_counted(api, account):
    held(account, "TSLA")
    make_position(account, "TSLA")
    make_position(account, "MSFT", "10")
    make_order(account, "MSFT", status="submitting", claimed_at=ago(seconds=1))
    told = api.get("/eyes/").json()
    assert (told["matters"], told["stops_awaited"], told["settling"]) == ([], 1, 1)


def test_an_order_in_doubt_is_told_with_what_it_means(api, account):
    order = doubted(account)
    (matter,) = waiting(api)
    assert matter == {
        "key": f"in_doubt:{order.pk}",
        "state": matter["state"],
        "kind": "in_doubt",
        "title": "Nobody knows whether it arrived",
        "meaning": matter["meaning"],
        "account": str(account.pk),
        "symbol": "AAPL",
        "order": str(order.pk),
        "position": None,
        "connection": str(account.connection.pk),
        "detail": order.reason_detail,
        "calls": [],
        "since": order.doubted_at.isoformat().replace("+00:00", "Z"),
        "looked_at": None,
    }


def test_a_position_and_a_connection_are_told_with_their_own(api, account):
    make_position(account, "MSFT", "10")
    BrokerConnection.objects.update(status="needs_attention", last_error="Try later.")
    position, connection = waiting(api)
    assert (position["kind"], position["symbol"], position["position"]["difference"]) == ("external", "MSFT", "10")
    assert (connection["kind"], connection["symbol"], connection["position"]) == ("failing", None, None)
    assert (connection["connection"], connection["detail"]) == (str(account.connection.pk), "Try later.")


def test_what_was_looked_at_is_put_aside_until_it_changes(api, account):
    position = make_position(account, "MSFT", "10")
    (matter,) = waiting(api)
    shown = {"key": matter["key"], "state": matter["state"]}
    for _ in range(2):
        looked = api.post("/eyes/look/", shown)
        assert (looked.status_code, looked.json()["key"]) == (200, matter["key"])
        assert looked.json()["looked_at"] is not None
    assert waiting(api) == []
    assert [one["key"] for one in api.get("/eyes/?is_looked_at=true").json()["matters"]] == [matter["key"]]
    type(position).objects.filter(pk=position.pk).update(quantity=d(12))
    assert [one["key"] for one in waiting(api)] == [matter["key"]]
    assert error(api.post("/eyes/look/", shown)) == (409, "changed", None)


def test_it_can_wait_again(api, account):
    make_position(account, "MSFT", "10")
    (matter,) = waiting(api)
    api.post("/eyes/look/", {"key": matter["key"], "state": matter["state"]})
    again = api.post("/eyes/look-again/", {"key": matter["key"]})
    assert (again.status_code, again.json()["looked_at"]) == (200, None)
    assert waiting(api) == [matter]


def test_what_is_not_there_is_not_kept(api, account):
    for path, body in (
        ("look", {"key": "drift:nothing", "state": "x"}),
        ("look", {"key": f"in_doubt:{uuid.uuid4()}", "state": "x"}),
        ("look-again", {"key": "drift:nothing"}),
    ):
        assert error(api.post(f"/eyes/{path}/", body)) == (404, "not_found", None)
    assert error(api.post("/eyes/look/", {"key": "drift:nothing"})) == (400, "required", "state")
    assert error(api.post("/eyes/look/", {"key": "a", "state": "b", "again": True})) == (400, "unknown_field", "again")
    assert error(api.get("/eyes/?is_looked_at=1")) == (400, "invalid", "is_looked_at")
    assert not MatterLook.objects.exists()


class TestAsking:
    def test_an_order_the_broker_has_is_found(self, api, account):
        order = doubted(account)
        book(account).add(request_of(order, []))
        answer = api.post(f"/orders/{order.pk}/ask/")
        assert answer.status_code == 200
        said = answer.json()
        assert (said["answer"], said["order"]["id"], said["order"]["status"]) == ("shown", str(order.pk), "accepted")

    def test_one_it_does_not_know_stays_in_doubt(self, api, account):
        order = doubted(account)
        said = api.post(f"/orders/{order.pk}/ask/").json()
        assert (said["answer"], said["order"]["status"]) == ("unknown", "in_doubt")

    def test_a_broker_that_is_away_did_not_look(self, api, account):
        order = doubted(account)
        book(account).script("order", Outcome.UNREACHABLE)
        assert api.post(f"/orders/{order.pk}/ask/").json()["answer"] == "not_processed"

    @pytest.mark.parametrize(
        ("fields", "code"), [({"status": "new"}, "not_sent"), ({"connection": None}, "no_connection")]
    )
    def test_where_there_is_nothing_to_ask_it_says_so(self, api, account, fields, code):
        order = make_order(account, **fields)
        assert error(api.post(f"/orders/{order.pk}/ask/")) == (409, code, None)

    def test_a_disabled_connection_is_not_asked(self, api, account):
        order = doubted(account)
        BrokerConnection.objects.update(is_active=False, status="disabled")
        assert error(api.post(f"/orders/{order.pk}/ask/")) == (409, "connection_disabled", None)
        assert book(account).calls == []


class TestDeciding:
    def test_an_order_the_broker_does_not_know_is_ended(self, api, account):
        order = doubted(account)
        unknown_call(order, ago(seconds=5))
        ended = api.post(f"/orders/{order.pk}/never-arrived/")
        assert (ended.status_code, ended.json()["status"]) == (200, "rejected")
        assert ended.json()["status_reason"]["code"] == "never_arrived"
        assert error(api.post(f"/orders/{order.pk}/never-arrived/")) == (409, "no_proof", None)

    def test_without_the_brokers_word_it_stays(self, api, account):
        order = doubted(account)
        assert error(api.post(f"/orders/{order.pk}/never-arrived/")) == (409, "no_proof", None)
        order.refresh_from_db()
        assert order.status == "in_doubt"


def test_anothers_matters_do_not_exist(stranger, account):
    order = doubted(account)
    unknown_call(order, ago(seconds=5))
    assert waiting(stranger) == []
    for answer in (
        stranger.post("/eyes/look/", {"key": f"in_doubt:{order.pk}", "state": "x"}),
        stranger.post("/eyes/look-again/", {"key": f"in_doubt:{order.pk}"}),
        stranger.post(f"/orders/{order.pk}/ask/"),
        stranger.post(f"/orders/{order.pk}/never-arrived/"),
    ):
        assert error(answer) == (404, "not_found", None)
    assert Order.objects.get(pk=order.pk).status == "in_doubt"
    assert not MatterLook.objects.exists()


def test_a_token_to_read_reads_and_changes_nothing(reader, account):
    order = doubted(account)
    (matter,) = waiting(reader)
    for answer in (
        reader.post("/eyes/look/", {"key": matter["key"], "state": matter["state"]}),
        reader.post("/eyes/look-again/", {"key": matter["key"]}),
        reader.post(f"/orders/{order.pk}/ask/"),
        reader.post(f"/orders/{order.pk}/never-arrived/"),
    ):
        assert error(answer) == (403, "missing_scope", None)
    assert not order.calls.exists()
