"""What is typed wrong gets a sentence at its field, stays typed and changes nothing."""

import uuid
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import CashMovement, TradingAccount, User, timezone_choices
from tests.factories import make_account, make_cash


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


def cash_body(**changes: str) -> dict[str, str]:
    body = {"creation_key": str(uuid.uuid4()), "kind": "deposit", "amount": "250", "moved_on": "2025-03-04", "note": ""}
    return body | changes


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("amount", "", "This field is required."),
        ("amount", "0", "The amount must be greater than zero."),
        ("amount", "-5", "The amount must be greater than zero."),
        ("amount", "NaN", "The amount must be an ordinary number, such as 12.50."),
        ("amount", "1e5", "Write the amount out in full, without an exponent."),
        ("amount", "1,5", "The comma in the amount can be read two ways"),
        ("amount", "1.005", "The amount has too many decimals: use at most 2 decimals."),
        ("amount", "9" * 30, "The amount is too large"),
        ("amount", "ten", "The amount must be a number, such as 12.50."),
        ("moved_on", "1999-12-31", "The account was opened on 2024-01-02"),
        ("moved_on", "04.03.2025", "Write the day as year-month-day, such as 2026-03-05."),
        ("kind", "gift", "Select a valid choice."),
    ],
)
def test_a_cash_movement_that_cannot_be_is_refused(
    alice_client: Client, account: TradingAccount, field: str, typed: str, sentence: str
) -> None:
    answer = alice_client.post(reverse("accounts:cash-create", args=[account.pk]), cash_body(**{field: typed}))
    form = answer.context["form"]
    assert form.errors[field][0].startswith(sentence)
    assert form[field].value() == typed
    assert not CashMovement.objects.exists()


def test_tomorrow_is_the_future_in_the_traders_own_zone(alice_client: Client, account: TradingAccount) -> None:
    tomorrow = timezone.localdate(timezone.now(), timezone.get_fixed_timezone(-300)) + timedelta(days=2)
    url = reverse("accounts:cash-create", args=[account.pk])
    answer = alice_client.post(url, cash_body(moved_on=tomorrow.isoformat()))
    assert answer.context["form"].errors["moved_on"] == ["This day is in the future: give the day the money moved."]


def test_the_same_cash_form_sent_twice_records_once(alice_client: Client, account: TradingAccount) -> None:
    url, body = reverse("accounts:cash-create", args=[account.pk]), cash_body()
    assert alice_client.post(url, body).status_code == alice_client.post(url, body).status_code == 302
    assert account.cash_movements.get().amount == Decimal("250.00")


def test_a_cash_movement_is_edited_and_deleted(alice_client: Client, account: TradingAccount) -> None:
    movement = make_cash(account, "deposit", "100.00", date(2025, 1, 2))
    url = reverse("accounts:cash-edit", args=[movement.pk])
    form = alice_client.get(url).context["form"]
    assert form["amount"].value() == "100.00"
    body = {"version": form["version"].value(), "kind": "withdrawal", "amount": "40.5", "moved_on": "2025-01-03"}
    assert alice_client.post(url, body).status_code == 302
    movement.refresh_from_db()
    assert (movement.kind, movement.amount, movement.moved_on) == ("withdrawal", Decimal("40.50"), date(2025, 1, 3))
    alice_client.post(reverse("accounts:cash-delete", args=[movement.pk]))
    assert not CashMovement.objects.exists()


def account_body(**changes: str) -> dict[str, str]:
    body = {
        "name": "Swing",
        "account_type": "live",
        "broker": "manual",
        "currency": "USD",
        "starting_balance": "10000",
        "opened_on": "2025-01-02",
        "exchange": "XNYS",
        "cost_method": "fifo",
        "break_even_band": "0",
    }
    return body | changes


def test_an_account_is_opened_once_by_a_form_sent_twice(alice: User, alice_client: Client) -> None:
    body = account_body(creation_key=str(uuid.uuid4()))
    first, second = (alice_client.post(reverse("accounts:account-create"), body) for _ in range(2))
    assert first.url == second.url
    assert alice.trading_accounts.get().name == "Swing"


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("name", "MAIN", "You already have an account with this name: choose another."),
        ("name", "", "This field is required."),
        ("name", "x" * 81, "Ensure this value has at most 80 characters"),
        ("currency", "XXX", "Select a valid choice."),
        ("starting_balance", "-1", "Give zero or a positive amount."),
        ("starting_balance", "1e400", "Write the starting balance out in full"),
        ("opened_on", "2999-01-01", "Give a day from 1970-01-01 until today."),
        ("exchange", "MOON", "Select a valid choice."),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    alice_client: Client, account: TradingAccount, field: str, typed: str, sentence: str
) -> None:
    body = account_body(creation_key=str(uuid.uuid4())) | {field: typed}
    form = alice_client.post(reverse("accounts:account-create"), body).context["form"]
    assert form.errors[field][0].startswith(sentence)
    assert form[field].value() == typed
    assert TradingAccount.objects.count() == 1


def test_the_second_of_two_tabs_is_told_and_may_then_decide(
    alice: User, alice_client: Client, account: TradingAccount
) -> None:
    url = reverse("accounts:account-edit", args=[account.pk])
    seen = alice_client.get(url).context["form"]["version"].value()
    alice_client.post(url, account_body(name="First", version=seen, opened_on="2024-01-02"))
    told = alice_client.post(url, account_body(name="Second", version=seen, opened_on="2024-01-02"))
    form = told.context["form"]
    assert "Name is now “First”." in form.non_field_errors()[0]
    assert form["name"].value() == "Second"
    account.refresh_from_db()
    assert account.name == "First"
    alice_client.post(url, account_body(name="Second", version=form["version"].value(), opened_on="2024-01-02"))
    account.refresh_from_db()
    assert account.name == "Second"


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("risk_per_trade_percent", "0", "Give a percentage above 0, at most 100."),
        ("risk_per_trade_percent", "100.01", "Give a percentage above 0, at most 100."),
        ("max_position_percent", "1.005", "The percentage has too many decimals"),
        ("max_open_risk_percent", "nan", "The percentage must be an ordinary number"),
        ("max_open_positions", "0", "Give 1 or more, or leave it empty for no limit."),
        ("max_open_positions", "1.5", "Write a whole number, such as 10."),
        ("max_orders_per_minute", "0", "Give 1 or more, or leave it empty for no limit."),
        ("max_orders_per_minute", "1001", "Give 1000 or fewer, or leave it empty for no limit."),
        ("price_collar_percent", "0", "Give a percentage above 0, at most 100."),
        ("max_quote_age_seconds", "0", "Give 1 or more."),
    ],
)
def test_a_limit_that_cannot_be_is_refused(
    alice_client: Client, account: TradingAccount, field: str, typed: str, sentence: str
) -> None:
    url = reverse("accounts:risk-edit", args=[account.pk])
    answer = alice_client.post(url, risk_body(alice_client, url) | {field: typed})
    assert answer.context["form"].errors[field][0].startswith(sentence)
    account.risk_policy.refresh_from_db()
    assert account.risk_policy.risk_per_trade_percent == Decimal("1.00")


def risk_body(client: Client, url: str) -> dict[str, Any]:
    form = client.get(url).context["form"]
    return {bound.name: bound.value() for bound in form if bound.value() is not None}


def test_an_emptied_limit_is_no_limit(alice_client: Client, account: TradingAccount) -> None:
    url = reverse("accounts:risk-edit", args=[account.pk])
    alice_client.post(url, risk_body(alice_client, url) | {"max_daily_loss_percent": "", "max_open_positions": ""})
    account.risk_policy.refresh_from_db()
    assert (account.risk_policy.max_daily_loss_percent, account.risk_policy.max_open_positions) == (None, None)


def test_an_account_is_deleted_by_its_name_only(alice_client: Client, account: TradingAccount) -> None:
    url = reverse("accounts:account-delete", args=[account.pk])
    assert alice_client.post(url, {"typed_name": "Other"}).context["form"].errors["typed_name"] == [
        "Type the account's name exactly: Main"
    ]
    assert alice_client.post(url, {"typed_name": "Main"}).url == reverse("accounts:account-list")
    assert not TradingAccount.objects.exists()


def test_whoever_has_an_account_is_not_asked_for_a_first_one(alice_client: Client, account: TradingAccount) -> None:
    assert alice_client.get("/accounts/first/").url == reverse("accounts:account-create")


def test_zones_that_are_nobodys_are_not_offered() -> None:
    offered = {name for name, _label in timezone_choices()}
    assert {"America/New_York", "Europe/Berlin", "UTC"} <= offered
    assert not {"Factory", "localtime"} & offered
