"""A trade changed over the API: the plan while it waits, what stays open later, the journal always."""

import threading
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from tests.api.kit import api_for, error
from tests.api.trades_kit import a_plan, a_record, an_execution, codes
from tests.factories import make_account, make_setup, make_tag
from tests.factories import make_plan as plan_row
from trades.models import AuditEntry, StopMove, Trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return make_account(alice)


@pytest.fixture
def plan(api, account):
    return api.post("/trades/", a_plan(account, thesis="A base")).json()


@pytest.fixture
def held(api, account):
    """An open long of 200 at 100 with the stop at 95."""
    return api.post("/trades/", a_record(account, an_execution())).json()


def path(trade):
    return f"/trades/{trade['id']}/"


def test_a_plan_is_changed_and_the_rest_stays(api, plan):
    changed = api.patch(path(plan), {"entry_price": "99", "target_price": "111"})
    assert changed.status_code == 200, changed.json()
    assert changed.json() == {
        **plan,
        "entry_price": "99.00",
        "target_price": "111.00",
        "targets": [{"price": "111.00", "portion_percent": "100"}],
        "initial_risk": "800.00",
        "updated_at": changed.json()["updated_at"],
    }


def test_a_change_that_breaks_limits_names_them_and_changes_nothing(api, plan):
    answer = api.patch(path(plan), {"quantity": "250", "notes": "more"})
    assert (answer.status_code, codes(answer)) == (422, ["risk_per_trade"])
    assert api.get(path(plan)).json() == plan


def test_another_risk_is_another_size(api, plan):
    changed = api.patch(path(plan), {"risk_percent": "0.5"}).json()
    assert (changed["quantity"], changed["initial_risk"], changed["risk_percent"]) == ("100", "500.00", "0.5")


def test_prices_change_and_the_quantity_stays(api, plan):
    changed = api.patch(path(plan), {"entry_price": "99", "stop_loss": "96"}).json()
    told = {name: changed[name] for name in ("entry_price", "stop_loss", "quantity", "initial_risk", "thesis")}
    assert told == {
        "entry_price": "99.00",
        "stop_loss": "96.00",
        "quantity": "200",
        "initial_risk": "600.00",
        "thesis": "A base",
    }
    assert StopMove.objects.get().to_price == Decimal(96)


def test_words_setup_and_tags_change_in_one_step(api, alice, plan):
    setup, gap, late = make_setup(alice), make_tag(alice, "gap"), make_tag(alice, "late", "mistake")
    body = {
        "setup": str(setup.pk),
        "tags": [str(late.pk), str(gap.pk)],
        "notes": "Sold too early",
        "notes_during": "Held",
        "rating": 2,
    }
    changed = api.patch(path(plan), body).json()
    assert changed == {**plan, **body, "tags": changed["tags"], "updated_at": changed["updated_at"]}
    assert set(changed["tags"]) == {str(gap.pk), str(late.pk)}
    assert api.patch(path(plan), {"tags": [], "setup": None, "rating": None}).json()["tags"] == []
    assert Trade.objects.get().notes_after == "Sold too early"


def test_a_checklist_is_ticked_and_its_setup_changed_with_it(api, alice, plan):
    base, volume = (make_setup(alice, name, criteria=(name, f"{name} too")) for name in ("Base", "Volume"))
    first, second = volume.criteria.all()
    changed = api.patch(path(plan), {"setup": str(volume.pk), "criteria": [str(second.pk)]}).json()
    assert [(line["text"], line["is_met"]) for line in changed["checklist"]] == [
        ("Volume", False),
        ("Volume too", True),
    ]
    changed = api.patch(path(plan), {"criteria": [str(first.pk)]}).json()
    assert [line["is_met"] for line in changed["checklist"]] == [True, False]
    other = {"criteria": [str(base.criteria.first().pk)], "notes": "x"}
    assert error(api.patch(path(plan), other)) == (400, "unknown_criterion", "criteria")
    assert api.get(path(plan)).json() == changed


def test_one_refused_part_refuses_all_of_a_change(api, plan):
    before = AuditEntry.objects.count()
    assert error(api.patch(path(plan), {"stop_loss": "120", "notes": "x"})) == (400, "stop_wrong_side", "stop_loss")
    assert api.get(path(plan)).json() == plan
    assert AuditEntry.objects.count() == before


def test_the_stop_of_an_open_trade_moves_and_its_risk_stays(api, held):
    moved = api.patch(path(held), {"stop_loss": "105"}).json()
    assert (moved["stop_loss"], moved["initial_risk"]) == ("105.00", "1000.00")
    assert [str(move.to_price) for move in StopMove.objects.order_by("moved_at")] == ["95.000000000", "105.000000000"]


def test_targets_of_an_open_trade_change(api, held):
    wanted = [{"price": "112", "portion_percent": "50"}, {"price": "120"}]
    changed = api.patch(path(held), {"targets": wanted}).json()
    assert changed["target_price"] == "112.00"
    assert changed["targets"] == [
        {"price": "112.00", "portion_percent": "50"},
        {"price": "120.00", "portion_percent": "50"},
    ]
    assert error(api.patch(path(held), {"target_price": "99"})) == (400, "target_wrong_side", "target_price")
    assert api.patch(path(held), {"target_price": None}).json()["targets"] == []


@pytest.mark.parametrize("name", ["entry_price", "quantity", "risk_percent"])
def test_the_plan_of_an_open_trade_is_frozen(api, held, name):
    assert error(api.patch(path(held), {name: "1", "notes": "x"})) == (409, "frozen", None)
    assert api.get(path(held)).json() == held


def test_a_closed_trade_takes_words_and_no_stop(api, account):
    closed = api.post("/trades/", a_record(account)).json()
    assert error(api.patch(path(closed), {"stop_loss": "99"})) == (409, "frozen", None)
    assert api.patch(path(closed), {"notes": "Well done", "rating": 5}).json()["notes"] == "Well done"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"net_pnl": "5"}, (400, "unknown_field", "net_pnl")),
        ({"r_multiple": "5"}, (400, "unknown_field", "r_multiple")),
        ({"actual_entry": "5"}, (400, "unknown_field", "actual_entry")),
        ({"id": "5"}, (400, "unknown_field", "id")),
        ({"account": "5"}, (400, "unknown_field", "account")),
        ({"executions": []}, (400, "unknown_field", "executions")),
        ({"broker": "alpaca"}, (400, "unknown_field", "broker")),
        ({"status": "closed"}, (400, "invalid_choice", "status")),
        ({"rating": 0}, (400, "min_value", "rating")),
        ({"rating": True}, (400, "invalid", "rating")),
        ({"entry_price": 1.5e400}, (400, "parse_error", None)),
        ({"entry_price": None}, (400, "null", "entry_price")),
        ({"tags": "gap"}, (400, "not_a_list", "tags")),
        ({"tags": ["gap"]}, (400, "invalid", "tags.0")),
        ({"target_price": "0"}, (400, "not_positive", "target_price")),
    ],
)
def test_a_wrong_change_is_said_at_its_field_and_changes_nothing(api, plan, body, said):
    assert error(api.patch(path(plan), body)) == said
    assert api.get(path(plan)).json() == plan


def test_a_plan_is_dropped_and_taken_up_again(api, plan):
    assert api.patch(path(plan), {"status": "cancelled"}).json()["status"] == "cancelled"
    assert error(api.patch(path(plan), {"entry_price": "99"})) == (409, "cancelled", None)
    assert error(api.patch(path(plan), {"status": "pending"})) == (409, "wrong_status", None)
    assert api.patch(path(plan), {"status": "planned"}).json()["status"] == "planned"
    assert api.patch(path(plan), {"status": "pending"}).json()["status"] == "pending"


def test_who_read_an_older_version_changes_nothing(api, plan):
    etag = api.get(path(plan))["ETag"]
    api.patch(path(plan), {"notes": "first"})
    assert error(api.patch(path(plan), {"notes": "second"}, headers={"If-Match": etag})) == (412, "stale", None)
    assert api.get(path(plan)).json()["notes"] == "first"


def test_what_the_broker_and_prices_change_is_in_no_writers_way(api, held):
    etag = api.get(path(held))["ETag"]
    Trade.objects.update(last_sync=timezone.now(), mae=-5, mfe=7)
    assert api.get(path(held), headers={"If-None-Match": etag}).status_code == 200
    assert api.patch(path(held), {"notes": "first"}, headers={"If-Match": etag}).status_code == 200


def test_tags_put_on_since_are_not_lost(api, alice, held):
    etag, tag = api.get(path(held))["ETag"], make_tag(alice, "Calm")
    api.patch(path(held), {"tags": [str(tag.pk)]})
    assert error(api.patch(path(held), {"tags": []}, headers={"If-Match": etag})) == (412, "stale", None)
    assert api.get(path(held)).json()["tags"] == [str(tag.pk)]


def test_a_changed_trade_has_another_version(api, plan):
    etag = api.get(path(plan))["ETag"]
    changed = api.patch(path(plan), {"notes": "first"}, headers={"If-Match": etag})
    assert (changed.status_code, changed["ETag"] != etag) == (200, True)
    assert api.patch(path(plan), {"notes": "second"}, headers={"If-Match": changed["ETag"]}).status_code == 200


def test_a_trade_without_a_plan_gets_one(api, account):
    bare = plan_row(account, entry_price=None, initial_stop=None, planned_quantity=None, initial_risk=None)
    trade = {"id": str(bare.pk)}
    assert error(api.patch(path(trade), {"entry_price": "100"})) == (400, "required", "entry_price")
    made = api.patch(path(trade), {"entry_price": "100", "stop_loss": "98"}).json()
    assert (made["entry_price"], made["stop_loss"], made["quantity"]) == ("100.00", "98.00", "300")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_of_two_who_change_what_both_read_one_is_told(alice, round_):
    account = make_account(alice, f"At once {round_}")
    trade = {"id": str(plan_row(account).pk)}
    api = api_for(alice)
    etag = api.get(path(trade))["ETag"]
    bodies = [{"notes": "mine", "rating": 1}, {"notes": "yours", "rating": 5}]
    gate, answers = threading.Barrier(2), [None, None]

    def change(number):
        try:
            gate.wait(timeout=20)
            answers[number] = api.patch(path(trade), bodies[number], headers={"If-Match": etag})
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [200, 412]
    winner = statuses.index(200)
    assert error(answers[1 - winner]) == (412, "stale", None)
    kept = api.get(path(trade)).json()
    assert {name: kept[name] for name in ("notes", "rating")} == bodies[winner]
    assert kept == answers[winner].json()
