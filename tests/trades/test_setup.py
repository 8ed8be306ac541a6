"""Setups: their checklist, their risk, and what becomes of trades when one is deleted."""

import re
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.factories import make_account, make_closed_trade, make_plan, make_setup
from trades.models import ChecklistAnswer, FigureTotal, Setup, SetupRisk
from trades.selectors.history import trade_history
from trades.services.figures import figures_rebuild
from trades.services.setups import setup_version

pytestmark = pytest.mark.django_db


def form(lines: Any = (), risks: Any = (), **fields: Any) -> dict[str, object]:
    """The page as a browser sends it: lines are (text, position, key, retired), risks (account, risk, position)."""
    data: dict[str, object] = {"key": uuid.uuid4(), "name": "Breakout", "description": "", "is_active": "on"}
    data |= {"criteria-TOTAL_FORMS": len(lines), "criteria-INITIAL_FORMS": 0}
    data |= {"risks-TOTAL_FORMS": len(risks), "risks-INITIAL_FORMS": len(risks)}
    for number, (text, position, key, retired) in enumerate(lines):
        data |= {f"criteria-{number}-text": text, f"criteria-{number}-position": position}
        data |= {f"criteria-{number}-key": key} | ({f"criteria-{number}-is_retired": "on"} if retired else {})
    for number, (account, risk, position) in enumerate(risks):
        data |= {f"risks-{number}-account": account}
        data |= {f"risks-{number}-risk_per_trade_percent": risk, f"risks-{number}-max_position_percent": position}
    return data | fields


def test_a_setup_is_made_with_checklist_and_risk(alice_client: Client, alice: User) -> None:
    account, other = make_account(alice), make_account(alice, "Other")
    lines = [("Second", 2, "", False), ("First  of all", 1, "", False), ("", "", "", False)]
    risks = [(account.pk, "0.5", ""), (other.pk, "", "")]
    answer = alice_client.post("/setups/new/", form(lines, risks, description="Wait for **it**"))
    assert answer.status_code == 302
    setup = Setup.objects.get(owner=alice)
    assert (setup.name, setup.description, setup.is_active) == ("Breakout", "Wait for **it**", True)
    assert list(setup.criteria.values_list("text", "is_active")) == [("First of all", True), ("Second", True)]
    kept = SetupRisk.objects.get()
    assert (kept.account, kept.risk_per_trade_percent, kept.max_position_percent) == (account, Decimal("0.50"), None)


def test_the_page_offers_every_account_and_blank_lines(alice_client: Client, alice: User) -> None:
    make_account(alice)
    page = alice_client.get("/setups/new/").content.decode()
    assert page.count('aria-label="Line ') == 4
    assert 'aria-label="Main"' in page


def test_the_form_sent_twice_makes_one_setup(alice_client: Client) -> None:
    data = form()
    for _time in range(2):
        assert alice_client.post("/setups/new/", data).status_code == 302
    assert Setup.objects.count() == 1


def test_lines_are_reordered_reworded_retired_and_removed_and_keep_their_answers(
    alice_client: Client, alice: User
) -> None:
    setup = make_setup(alice, criteria=("One", "Two", "Three"))
    one, two, three = setup.criteria.all()
    trade = make_plan(make_account(alice), setup=setup)
    answers = [
        ChecklistAnswer.objects.create(trade=trade, criterion=row, text=row.text, is_met=True) for row in (one, three)
    ]
    lines = [("Two!", 1, two.pk, False), ("One", 2, one.pk, True), ("", 3, three.pk, False), ("Four", "", "", False)]
    assert alice_client.post(f"/setups/{setup.pk}/", form(lines, version=setup_version(setup))).status_code == 302
    assert list(setup.criteria.values_list("pk", "text", "is_active"))[:2] == [
        (two.pk, "Two!", True),
        (one.pk, "One", False),
    ]
    assert [row.text for row in setup.criteria.all()] == ["Two!", "One", "Four"]
    for answer, key in zip(answers, (one.pk, None), strict=True):
        answer.refresh_from_db()
        assert (answer.criterion_id, answer.is_met) == (key, True)
    assert answers[1].text == "Three"


def test_a_risk_left_empty_follows_the_policy_again(alice_client: Client, alice: User) -> None:
    account, setup = make_account(alice), make_setup(alice)
    SetupRisk.objects.create(account=account, setup=setup, risk_per_trade_percent=Decimal(2))
    alice_client.post(f"/setups/{setup.pk}/", form(risks=[(account.pk, "", "15")], version=setup_version(setup)))
    kept = SetupRisk.objects.get()
    assert (kept.risk_per_trade_percent, kept.max_position_percent) == (None, Decimal("15.00"))
    alice_client.post(f"/setups/{setup.pk}/", form(risks=[(account.pk, "", "")], version=setup_version(setup)))
    assert not SetupRisk.objects.exists()


@pytest.mark.parametrize(
    ("lines", "risk", "fields", "sentence"),
    [
        ([], "1", {"name": " "}, "Give the setup a name"),
        ([], "1", {"name": "x" * 81}, "at most 80 characters"),
        ([], "1", {"name": "gap and go"}, "You already have a setup with this name"),
        ([], "0", {}, "Risk 1: Enter at least 0.01 %, or nothing."),
        ([], "101", {}, "Risk 1: Enter 100 % at most."),
        ([], "NaN", {}, "Risk 1: The percentage must be an ordinary number"),
        ([], "1e1", {}, "Risk 1: Write the percentage out in full, without an exponent."),
        ([], "0.001", {}, "Risk 1: The percentage has too many decimals: use at most 2 decimals."),
        ([("x" * 201, 1, "", False)], "1", {}, "Checklist line 1: Ensure this value has at most 200 characters"),
        ([("x", "first", "", False)], "1", {}, "Checklist line 1: Enter a whole number."),
    ],
)
def test_what_cannot_be_kept_is_said_all_at_once_and_nothing_changes(
    alice_client: Client, alice: User, lines: Any, risk: Any, fields: Any, sentence: str
) -> None:
    make_setup(alice, "Gap and go")
    account = make_account(alice)
    answer = alice_client.post(
        "/setups/new/", form(lines, [(account.pk, risk, "7.5")], **({"description": "typed"} | fields))
    )
    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    assert "typed</textarea>" in page
    assert 'value="7.5"' in page
    assert Setup.objects.count() == 1
    assert not SetupRisk.objects.exists()


def test_deleting_a_setup_keeps_its_trades_and_moves_their_figures(alice_client: Client, alice: User) -> None:
    account, euro = make_account(alice), make_account(alice, "Euro", currency="EUR")
    setup = make_setup(alice, criteria=("One",))
    trades = [
        make_closed_trade(account, "AAPL", "10.00", setup=setup),
        make_closed_trade(euro, "SAP", "5.00", setup=setup),
    ]
    answer = ChecklistAnswer.objects.create(trade=trades[0], criterion=setup.criteria.get(), text="One", is_met=True)
    for one in (account, euro):
        figures_rebuild(one)
    assert FigureTotal.objects.get(account=euro, dimension="setup", key=str(setup.pk)).sum_net == Decimal("5.00")
    page = alice_client.get(f"/setups/{setup.pk}/delete/").content.decode()
    assert "2 trades stay and count as without a setup." in page
    assert alice_client.post(f"/setups/{setup.pk}/delete/").status_code == 302
    assert not Setup.objects.exists()
    kept = FigureTotal.objects.filter(dimension="setup").order_by("sum_net")
    assert [(row.key, row.n, row.sum_net) for row in kept] == [("", 1, Decimal("5.00")), ("", 1, Decimal("10.00"))]
    for trade in trades:
        trade.refresh_from_db()
        assert (trade.setup_id, trade.version) == (None, 2)
        (line,) = trade_history(trade)
        assert (line.what, line.who, line.changes) == ("Setup deleted", "alice", [("Setup", "Breakout", "")])
    answer.refresh_from_db()
    assert (answer.text, answer.criterion_id, answer.is_met) == ("One", None, True)


def test_renaming_a_setup_moves_no_figure(alice_client: Client, alice: User) -> None:
    setup = make_setup(alice)
    account = make_account(alice)
    make_closed_trade(account, setup=setup)
    figures_rebuild(account)
    before = list(FigureTotal.objects.order_by("pk").values())
    alice_client.post(f"/setups/{setup.pk}/", form(name="Other", version=setup_version(setup)))
    assert Setup.objects.get().name == "Other"
    assert list(FigureTotal.objects.order_by("pk").values()) == before


def test_the_list_says_what_each_setup_came_to(alice_client: Client, alice: User) -> None:
    account = make_account(alice)
    setup = make_setup(alice, criteria=("One", "Two"))
    for net in ("500.00", "500.00", "-250.00"):
        make_closed_trade(account, "AAPL", net, setup=setup)
    figures_rebuild(account)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", alice_client.get("/setups/").content.decode()))
    # 2 criteria, 3 closed, 2 of 3 won, (1 + 1 − 0.5) / 3 R, 750 USD
    assert "Breakout 2 3 66.7 % +0.50 R ▲ +750.00 USD ▲" in page
    with CaptureQueriesContext(connection) as few:
        alice_client.get("/setups/")
    for number in range(5):
        make_setup(alice, f"S{number}", criteria=("One",))
    with CaptureQueriesContext(connection) as many:
        alice_client.get("/setups/")
    assert len(many) == len(few)


def test_somebody_elses_setup_account_and_line_do_not_exist(charlie_client: Client, charlie: User, alice: User) -> None:
    theirs, account = make_setup(alice, criteria=("One",)), make_account(alice)
    for address in (f"/setups/{theirs.pk}/", f"/setups/{theirs.pk}/delete/"):
        assert charlie_client.get(address).status_code == 404
        assert charlie_client.post(address, form()).status_code == 404
    assert charlie_client.post("/setups/new/", form(risks=[(account.pk, "1", "")])).status_code == 404
    line = ("Mine now", 1, theirs.criteria.get().pk, False)
    assert charlie_client.post("/setups/new/", form([line])).status_code == 404
    assert theirs.criteria.get().text == "One"
    assert not Setup.objects.filter(owner=charlie).exists()
    assert not SetupRisk.objects.exists()


def test_a_checklist_without_an_end_is_refused(alice_client: Client) -> None:
    data = form(**{"criteria-TOTAL_FORMS": 100_000})
    answer = alice_client.post("/setups/new/", data)
    assert answer.status_code == 422
    assert not Setup.objects.exists()


def test_the_second_of_two_tabs_is_told_and_nothing_of_the_first_is_lost(alice_client: Client, alice: User) -> None:
    setup = make_setup(alice, criteria=("One",))
    (line,) = setup.criteria.all()
    seen = setup_version(setup)
    first = form([("One", 1, line.pk, False), ("Two", 2, "", False)], version=seen)
    assert alice_client.post(f"/setups/{setup.pk}/", first).status_code == 302
    second = form([("Mine", 1, line.pk, False)], name="Gap", version=seen)
    answer = alice_client.post(f"/setups/{setup.pk}/", second)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "This setup was changed elsewhere" in page
    assert "its checklist is “One”, “Two”" in page
    assert 'value="Mine"' in page
    setup.refresh_from_db()
    assert (setup.name, [row.text for row in setup.criteria.all()]) == ("Breakout", ["One", "Two"])
    shown = re.search(r'name="version" value="(\w+)"', page)
    assert shown is not None
    assert alice_client.post(f"/setups/{setup.pk}/", second | {"version": shown[1]}).status_code == 302
    setup.refresh_from_db()
    assert setup.name == "Gap"


def test_a_change_sent_twice_is_kept_once(alice_client: Client, alice: User) -> None:
    account, setup = make_account(alice), make_setup(alice, criteria=("One",))
    (line,) = setup.criteria.all()
    lines = [("One", 1, line.pk, False), ("Two", "", "", False)]
    data = form(lines, [(account.pk, "0.5", "")], version=setup_version(setup)) | {"criteria-INITIAL_FORMS": 1}
    for _time in range(2):
        assert alice_client.post(f"/setups/{setup.pk}/", data).status_code == 302
    assert [row.text for row in setup.criteria.all()] == ["One", "Two"]


def test_a_line_removed_elsewhere_may_be_typed_again(alice_client: Client, alice: User) -> None:
    setup = make_setup(alice, criteria=("One",))
    (line,) = setup.criteria.all()
    setup.criteria.all().delete()
    data = form([("One", 1, line.pk, False)], version=setup_version(setup))
    assert alice_client.post(f"/setups/{setup.pk}/", data).status_code == 302
    assert [row.text for row in setup.criteria.all()] == ["One"]
