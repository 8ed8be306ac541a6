"""Where calls that failed are shown: to their trader, their programs and administrators, and to nobody else."""

import pytest
from django.test import Client

from accounts.models import User
from brokers.models import BrokerCall, BrokerConnection
from tests.api.kit import api_for, error
from tests.brokers.connection_kit import KEY_ID, SECRET, exchange, running
from tests.brokers.simulator_server import RunningSimulator
from tests.brokers.test_calls import asked, at, mocked, note, practice
from trades.execution.sync import connection_sync
from trenddojo import log_context

__all__ = ["exchange", "mocked", "practice", "running"]

pytestmark = pytest.mark.django_db


WORDS = (
    "GET /v2/positions: status 500, 3 times",
    "Alpaca cannot answer at the moment (status 500).",
    "It has not come right since.",
    "status_500",
    "our-77",
)


@pytest.fixture
def failing(exchange: RunningSimulator, practice: BrokerConnection) -> BrokerConnection:
    exchange.control.fault("status_before", path="/v2/positions", times=3)
    with log_context.bound(request="our-77"):
        for _ in range(3):
            connection_sync(practice)
    return practice


def test_the_page_of_what_needs_eyes_and_the_connection_s_page_show_it(
    failing: BrokerConnection, alice_client: Client
) -> None:
    for path in ("/eyes/", f"/connections/{failing.pk}/"):
        page = alice_client.get(path).content.decode()
        assert [word for word in WORDS if word not in page] == []
        assert [word for word in (KEY_ID, SECRET) if word in page] == []


def test_what_is_over_is_shown_on_the_connection_s_page(failing: BrokerConnection, alice_client: Client) -> None:
    connection_sync(failing)
    page = alice_client.get(f"/connections/{failing.pk}/").content.decode()
    assert "Over: the broker could be used again at" in page
    assert "It has not come right since." not in page
    assert "Nothing needs your eyes" in alice_client.get("/eyes/").content.decode()


def test_a_connection_without_failures_says_so(mocked: BrokerConnection, alice_client: Client) -> None:
    assert "None in the last 30 days." in alice_client.get(f"/connections/{mocked.pk}/").content.decode()


def test_the_api_tells_the_same_of_the_connection_and_of_the_matter(failing: BrokerConnection) -> None:
    program, call = api_for(failing.user), BrokerCall.objects.get()
    found = {
        "method": "GET",
        "path": "/v2/positions",
        "status": 500,
        "code": "status_500",
        "detail": "Alpaca cannot answer at the moment (status 500).",
        "request_id": call.request_id,
        "our_id": "our-77",
        "milliseconds": call.milliseconds,
        "times": 3,
        "first_at": call.first_at.isoformat().replace("+00:00", "Z"),
        "last_at": call.last_at.isoformat().replace("+00:00", "Z"),
        "ended_at": None,
    }

    assert program.get(f"/connections/{failing.pk}/calls/").json() == {"calls": [found]}
    (matter,) = program.get("/eyes/").json()["matters"]
    assert (matter["kind"], matter["calls"]) == ("failing", [found])
    looked = program.post("/eyes/look/", {"key": matter["key"], "state": matter["state"]}).json()
    assert looked["calls"] == [found]


def test_an_administrator_sees_it_in_the_list_and_with_its_connection(
    failing: BrokerConnection, bob: User, client: Client
) -> None:
    bob.is_superuser = bob.is_staff = True
    bob.save()
    client.force_login(bob)
    for path in ("/admin/brokers/brokercall/", f"/admin/brokers/brokerconnection/{failing.pk}/change/"):
        page = client.get(path).content.decode()
        assert "status_500" in page
        assert "/v2/positions" in page


def test_anothers_are_not_there(failing: BrokerConnection, charlie: User, charlie_client: Client) -> None:
    program = api_for(charlie)
    assert error(program.get(f"/connections/{failing.pk}/calls/")) == (404, "not_found", None)
    assert program.get("/eyes/").json()["matters"] == []
    assert charlie_client.get(f"/connections/{failing.pk}/").status_code == 404
    assert "status_500" not in charlie_client.get("/eyes/").content.decode()


def test_what_still_fails_comes_first(mocked: BrokerConnection) -> None:
    note(mocked, asked(at(minutes=1), path="/v2/first"))
    note(mocked, asked(at(minutes=2), path="/v2/second"))
    note(mocked, asked(at(minutes=3), path="/v2/past"))
    BrokerCall.objects.filter(endpoint="/v2/past").update(ended_at=at(minutes=4))
    found = api_for(mocked.user).get(f"/connections/{mocked.pk}/calls/").json()["calls"]
    assert [one["path"] for one in found] == ["/v2/second", "/v2/first", "/v2/past"]
