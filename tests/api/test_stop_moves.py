"""Stops noted in the journal, over the API."""

import pytest

from tests.api.kit import error
from tests.api.trades_kit import a_plan, a_record, a_sale, an_execution
from tests.factories import make_account
from trades.models import Order, StopMove

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return make_account(alice)


@pytest.fixture
def unplanned(api, account):
    """An open long of 200 at 100 whose stop nobody told."""
    return api.post("/trades/", a_record(account, an_execution(), stop_loss=None)).json()


def path(trade):
    return f"/trades/{trade['id']}/stop-moves/"


def test_the_stop_a_trade_was_opened_with_gives_it_a_risk(api, unplanned):
    assert (unplanned["stop_loss"], unplanned["initial_risk"]) == (None, None)
    body = {"price": "95", "moved_at": "2026-03-02T15:00:00Z", "note": "Below the base"}
    noted = api.post(path(unplanned), body)
    assert (noted.status_code, noted["ETag"]) == (200, api.get(f"/trades/{unplanned['id']}/")["ETag"])
    assert (noted.json()["stop_loss"], noted.json()["initial_risk"]) == ("95.00", "1000.00")
    move = StopMove.objects.get()
    assert (move.note, move.moved_at.isoformat()) == ("Below the base", "2026-03-02T15:00:00+00:00")
    assert not Order.objects.exists()


def test_a_closed_trade_takes_one_too(api, account):
    closed = api.post("/trades/", a_record(account, stop_loss=None)).json()
    noted = api.post(path(closed), {"price": "95", "moved_at": "2026-03-02T14:00:00Z"}).json()
    assert (noted["status"], noted["initial_risk"], noted["r_multiple"]) == ("closed", "1000.00", "2")


def test_without_a_time_it_is_in_force_from_now(api, account):
    held = api.post("/trades/", a_record(account, an_execution())).json()
    assert api.post(path(held), {"price": "105"}).json()["stop_loss"] == "105.00"
    assert [str(move.to_price) for move in StopMove.objects.order_by("moved_at")] == ["95.000000000", "105.000000000"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, (400, "required", "price")),
        ({"price": "0"}, (400, "not_positive", "price")),
        ({"price": "95", "moved_at": "2026-03-02"}, (400, "zone", "moved_at")),
        ({"price": "95", "moved_at": "2199-03-02T15:00:00Z"}, (400, "in_future", "moved_at")),
        ({"price": "101", "moved_at": "2026-03-02T15:00:00Z"}, (400, "stop_wrong_side", "price")),
        ({"price": "95", "note": "x" * 201}, (400, "max_length", "note")),
        ({"price": "95", "why": "x"}, (400, "unknown_field", "why")),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_not_kept(api, unplanned, body, said):
    assert error(api.post(path(unplanned), body)) == said
    assert not StopMove.objects.exists()


def test_the_stop_it_was_opened_with_stays(api, account):
    held = api.post("/trades/", a_record(account, an_execution(), a_sale(quantity="50"))).json()
    body = {"price": "94", "moved_at": "2026-03-02T15:00:00Z"}
    assert error(api.post(path(held), body)) == (400, "initial_is_frozen", "moved_at")


def test_a_plan_has_no_stop_to_move(api, account):
    plan = api.post("/trades/", a_plan(account)).json()
    assert error(api.post(path(plan), {"price": "94"})) == (409, "not_open", None)


def test_who_read_an_older_version_notes_nothing(api, unplanned):
    etag = api.get(f"/trades/{unplanned['id']}/")["ETag"]
    assert api.post(path(unplanned), {"price": "95"}, headers={"If-Match": etag}).status_code == 200
    late = api.post(path(unplanned), {"price": "96"}, headers={"If-Match": etag})
    assert error(late) == (412, "stale", None)
    assert StopMove.objects.count() == 1


def test_anothers_trade_does_not_exist(stranger, unplanned):
    assert error(stranger.post(path(unplanned), {"price": "95"})) == (404, "not_found", None)
    assert not StopMove.objects.exists()
