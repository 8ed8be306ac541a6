"""Hands on the brake, over the API."""

from uuid import uuid4

import pytest

from accounts.models import Halt
from brokers.models import BrokerConnection
from tests.trades.orders.kit import connected_account, d, make_order, make_position
from trades.execution.intents import desk_halt
from trades.models import Order

pytestmark = pytest.mark.django_db

FREE = {"trader": None, "desk": None, "accounts": [], "silent": []}


@pytest.fixture
def account(alice):
    return connected_account(alice)


def test_all_accounts_are_halted_and_resumed(api, account):
    entry = make_order(account)
    assert api.get("/halt/").json() == FREE
    halted = api.post("/halt/", {"reason": "Lost the day's limit"})
    assert halted.status_code == 200
    trader = halted.json()["trader"]
    assert (trader["reason"], trader["by"]) == ("Lost the day's limit", "alice")
    entry.refresh_from_db()
    assert entry.status == "cancelling"
    assert api.post("/halt/", {"reason": "Other"}).json()["trader"] == trader
    assert api.post("/resume/").json() == FREE
    assert api.post("/resume/").json() == FREE


@pytest.mark.parametrize("path", ["/halt/", "/accounts/{}/halt/"])
def test_what_is_halted_and_kept_stops_takes_them_when_that_is_asked_for(api, account, path):
    stop = make_order(account, "KO", type="stop", side="sell", stop_price=d(90), limit_price=None, role="stop_loss")
    Order.objects.filter(pk=stop.pk).update(is_reducing=True)
    where = path.format(account.pk)
    kept = api.post(where, {"reason": "Tilt"}).json()
    stop.refresh_from_db()
    assert stop.status == "accepted"
    gone = api.post(where, {"reason": "Fire", "exits": "cancel"}).json()
    stop.refresh_from_db()
    assert stop.status == "cancelling"
    if path == "/halt/":
        assert gone["trader"] == kept["trader"] | {"exits": "cancel"}
        assert (kept["trader"]["reason"], kept["trader"]["exits"]) == ("Tilt", "keep")


def test_every_level_is_told_by_itself(api, account):
    desk_halt(by="bob", reason="Fire")
    api.post(f"/accounts/{account.pk}/halt/", {"reason": "Tilt", "exits": "cancel"})
    found = api.get("/halt/").json()
    assert (found["trader"], found["desk"]["by"], found["desk"]["reason"]) == (None, "bob", "Fire")
    assert [(one["account"], one["reason"]) for one in found["accounts"]] == [(str(account.pk), "Tilt")]
    api.post("/resume/")
    assert Halt.objects.get().resumed_at is None


def test_a_wrong_body_is_said_and_halts_nothing(api, account):
    assert api.post("/halt/", {"exits": "some"}).status_code == 400
    assert api.post("/halt/", {"why": "x"}).status_code == 400
    assert not Halt.objects.exists()


def test_a_token_to_read_reads_and_halts_nothing(reader, account):
    assert reader.get("/halt/").json() == FREE
    for path in ("/halt/", "/resume/", "/flatten/", f"/accounts/{account.pk}/flatten/"):
        assert reader.post(path).status_code == 403
    assert not Halt.objects.exists()


def test_anothers_account_is_not_flattened(stranger, account):
    make_position(account, "KO", "50")
    assert stranger.post(f"/accounts/{account.pk}/flatten/").status_code == 404
    assert stranger.post("/flatten/").json() == {"orders": [], "unclosed": []}
    assert not Order.objects.exists()


def test_everything_is_closed_while_halted_once_for_a_key(api, account):
    make_position(account, "KO", "50")
    api.post("/halt/", {"reason": "Tilt"})
    key = str(uuid4())
    answers = [api.post("/flatten/", headers={"Idempotency-Key": key}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [(order["symbol"], order["side"], order["quantity"]) for order in answers[0].json()["orders"]] == [
        ("KO", "sell", "50")
    ]
    assert answers[0].json() == answers[1].json()
    assert Order.objects.count() == 1


def test_what_cannot_be_closed_is_said(api, account):
    make_position(account, "KO", "50")
    BrokerConnection.objects.update(is_active=False, status="disabled")
    found = api.post("/flatten/").json()
    assert found["orders"] == []
    assert [(one["account"], one["symbol"], one["code"]) for one in found["unclosed"]] == [
        (str(account.pk), "", "connection_disabled")
    ]
    assert api.post(f"/accounts/{account.pk}/flatten/").status_code in (400, 409, 422)
