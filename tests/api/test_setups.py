"""Setups over the API."""

import uuid

import pytest

from tests.api.kit import error
from tests.factories import make_account, make_closed_trade, make_plan, make_setup
from trades.models import ChecklistAnswer, Setup, SetupRisk, Trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return make_account(alice)


def body(account, **changes):
    return {
        "name": "Breakout",
        "description": "Out of a base.",
        "criteria": [{"text": "Base"}, {"text": "Volume"}],
        "risks": [{"account": str(account.pk), "risk_per_trade_percent": "0.5"}],
        **changes,
    }


def test_a_setup_is_made_with_its_checklist_and_its_risk(api, account):
    made = api.post("/setups/", body(account))
    assert made.status_code == 201, made.json()
    setup = made.json()
    assert setup == {
        "id": setup["id"],
        "name": "Breakout",
        "description": "Out of a base.",
        "is_active": True,
        "criteria": [
            {"id": setup["criteria"][0]["id"], "text": "Base", "is_active": True},
            {"id": setup["criteria"][1]["id"], "text": "Volume", "is_active": True},
        ],
        "risks": [{"account": str(account.pk), "risk_per_trade_percent": "0.5", "max_position_percent": None}],
        "created_at": setup["created_at"],
    }
    read = api.get(f"/setups/{setup['id']}/")
    assert (read.json(), read["ETag"]) == (setup, made["ETag"])
    assert api.get(f"/setups/{setup['id']}/", headers={"If-None-Match": read["ETag"]}).status_code == 304
    assert api.get("/setups/").json()["results"] == [setup]


def test_what_is_not_named_stays(api, account):
    setup = api.post("/setups/", body(account)).json()
    changed = api.patch(f"/setups/{setup['id']}/", {"is_active": False}).json()
    assert changed == {**setup, "is_active": False}


def test_lines_keep_their_answers_and_those_left_out_go(api, account):
    setup = api.post("/setups/", body(account)).json()
    base, volume = setup["criteria"]
    trade = make_plan(account, setup_id=setup["id"])
    ChecklistAnswer.objects.create(trade=trade, criterion_id=volume["id"], text="Volume", is_met=True)
    wanted = [{"id": volume["id"], "text": "Volume doubles"}, {"text": "Trend"}]
    changed = api.patch(f"/setups/{setup['id']}/", {"criteria": wanted}).json()
    assert [(line["id"] == volume["id"], line["text"]) for line in changed["criteria"]] == [
        (True, "Volume doubles"),
        (False, "Trend"),
    ]
    assert base["id"] not in {line["id"] for line in changed["criteria"]}
    assert str(ChecklistAnswer.objects.get().criterion_id) == volume["id"]


def test_risks_left_out_fall_back_to_the_account(api, account):
    setup = api.post("/setups/", body(account)).json()
    assert api.patch(f"/setups/{setup['id']}/", {"risks": []}).json()["risks"] == []
    assert not SetupRisk.objects.exists()


def test_who_read_an_older_version_changes_nothing(api, account):
    made = api.post("/setups/", body(account))
    path, headers = f"/setups/{made.json()['id']}/", {"If-Match": made["ETag"]}
    assert api.patch(path, {"name": "First"}, headers=headers).status_code == 200
    assert error(api.patch(path, {"name": "Second"}, headers=headers)) == (412, "stale", None)
    assert error(api.delete(path, headers=headers)) == (412, "stale", None)
    assert Setup.objects.get().name == "First"


def test_a_setup_sent_twice_is_one(api, account):
    headers = {"Idempotency-Key": "setup-1"}
    first, again = (api.post("/setups/", body(account), headers=headers) for _ in range(2))
    assert (first.status_code, again.content, again["Idempotency-Replayed"]) == (201, first.content, "true")
    assert Setup.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, (400, "blank", "name")),
        ({"name": "x" * 81}, (400, "max_length", "name")),
        ({"name": "breakout"}, (400, "taken", "name")),
        ({"colour": "red"}, (400, "unknown_field", "colour")),
        ({"is_active": "yes"}, (400, "invalid", "is_active")),
        ({"criteria": [{"text": ""}]}, (400, "blank", "criteria.0.text")),
        ({"criteria": [{"text": "a"}] * 41}, (400, "too_many", "criteria")),
        ({"risks": [{"account": "main"}]}, (400, "invalid", "risks.0.account")),
        ({"risks": [{"account": str(uuid.uuid4()), "risk_per_trade_percent": "1"}]}, (404, "not_found", None)),
    ],
)
def test_a_wrong_setup_is_said_at_its_field_and_makes_nothing(api, alice, account, changes, said):
    make_setup(alice, "Breakout")
    assert error(api.post("/setups/", {**body(account), "name": "Other", **changes})) == said
    assert Setup.objects.count() == 1


@pytest.mark.parametrize("percent", ["0", "0.001", "100.01", "-1"])
def test_a_risk_is_between_nothing_and_everything(api, account, percent):
    risks = [{"account": str(account.pk), "risk_per_trade_percent": percent}]
    answer = api.post("/setups/", body(account, risks=risks))
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "risks.0.risk_per_trade_percent")


def test_an_account_is_named_once(api, account):
    risks = [{"account": str(account.pk), "risk_per_trade_percent": percent} for percent in ("1", "2")]
    assert error(api.post("/setups/", body(account, risks=risks))) == (400, "given_twice", "risks")


def test_a_deleted_setup_leaves_its_trades(api, alice, account):
    setup = make_setup(alice)
    trade = make_closed_trade(account, setup=setup)
    assert api.delete(f"/setups/{setup.pk}/").status_code == 204
    assert Trade.objects.get(pk=trade.pk).setup is None


def test_anothers_setup_does_not_exist(stranger, charlie, alice, account):
    setup = make_setup(alice, criteria=("Base",))
    own = make_setup(charlie, "Own")
    for answer in (
        stranger.get(f"/setups/{setup.pk}/"),
        stranger.patch(f"/setups/{setup.pk}/", {"name": "mine"}),
        stranger.delete(f"/setups/{setup.pk}/"),
        stranger.patch(f"/setups/{own.pk}/", {"criteria": [{"id": str(setup.criteria.get().pk), "text": "mine"}]}),
        stranger.patch(f"/setups/{own.pk}/", {"risks": [{"account": str(account.pk), "max_position_percent": "5"}]}),
    ):
        assert error(answer) == (404, "not_found", None)
    assert [each["name"] for each in stranger.get("/setups/").json()["results"]] == ["Own"]
    assert setup.criteria.get().text == "Base"


def test_a_token_to_read_changes_nothing(reader, alice, account):
    setup = make_setup(alice)
    assert reader.get("/setups/").status_code == 200
    for answer in (
        reader.post("/setups/", body(account)),
        reader.patch(f"/setups/{setup.pk}/", {"name": "b"}),
        reader.delete(f"/setups/{setup.pk}/"),
    ):
        assert error(answer) == (403, "missing_scope", None)


def test_setups_are_filtered_sorted_and_read_in_as_many_queries_as_one(api, alice, account, django_assert_num_queries):
    for name in ("b", "a", "c"):
        make_setup(alice, name, criteria=("Base",))
    Setup.objects.filter(name="c").update(is_active=False)
    for query, expected in (("", ["a", "b", "c"]), ("is_active=true", ["a", "b"]), ("ordering=-name", ["c", "b", "a"])):
        assert [each["name"] for each in api.get(f"/setups/?{query}").json()["results"]] == expected
    with django_assert_num_queries(4):
        api.get("/setups/")
    assert error(api.get("/setups/?colour=red")) == (400, "unknown_field", "colour")
