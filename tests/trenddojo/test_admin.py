"""Administrators find every model in the admin, with constant queries and nothing to break."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django import forms
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import RiskPolicy, TradingAccount, User
from tests.factories import make_account, make_cash, make_closed_trade, make_fill, make_setup, make_tag
from trades import models
from trades.models import Trade

pytestmark = pytest.mark.django_db

OURS = [model for label in ("accounts", "brokers", "trades") for model in apps.get_app_config(label).get_models()]
INLINE_ONLY = {"riskpolicy"}
READ_ONLY = [
    models.AccountDay,
    models.AuditEntry,
    models.FigureTotal,
    models.Fill,
    models.FillImport,
    models.LimitOverride,
    models.MatterLook,
    models.Order,
    models.OrderCall,
    models.OrderEvent,
    models.StopMove,
    models.StreakDay,
    models.Trade,
]


@pytest.fixture
def staff(bob: User, client: Client) -> Client:
    bob.is_superuser = True
    bob.save(update_fields=["is_superuser"])
    client.force_login(bob)
    return client


def _listed(model: type[Model]) -> bool:
    return model._meta.model_name not in INLINE_ONLY


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_model_is_in_the_admin(model: type[Model]) -> None:
    assert admin.site.is_registered(model) is _listed(model)


@pytest.mark.parametrize("model", [model for model in OURS if _listed(model)], ids=lambda model: model._meta.label)
@pytest.mark.parametrize("page", ["changelist", "search"])
def test_every_list_opens_and_searches(staff: Client, model: type[Model], page: str) -> None:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    query = {"q": "00000000-0000-0000-0000-000000000000"} if page == "search" else {}
    assert staff.get(address, query).status_code == 200


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model._meta.label)
def test_what_is_computed_or_recorded_is_read_only(staff: Client, model: type[Model], rf: Any) -> None:
    request = rf.get("/")
    request.user = User(is_staff=True, is_superuser=True, is_active=True)
    page = admin.site.get_model_admin(model)
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)
    assert page.has_view_permission(request)


def test_the_admin_is_not_for_traders(alice: User, client: Client) -> None:
    client.force_login(alice)
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.parametrize(
    "model", [models.Trade, models.Fill, models.Setup, models.Tag], ids=lambda model: model._meta.label
)
def test_a_list_needs_as_many_queries_for_thirty_rows_as_for_three(
    staff: Client, alice: User, model: type[Model], django_assert_num_queries: Any
) -> None:
    address = reverse(f"admin:trades_{model._meta.model_name}_changelist")
    account = make_account(alice)

    def grow(count: int) -> None:
        for number in range(count):
            make_closed_trade(
                account, f"S{Trade.objects.count()}", setup=make_setup(alice, f"Setup {Trade.objects.count()}")
            )
            make_tag(alice, f"tag {number} of {count}")

    grow(3)
    staff.get(address)
    with CaptureQueriesContext(connection) as few:
        staff.get(address)
    grow(27)
    with django_assert_num_queries(len(few)):
        staff.get(address)


def test_every_change_page_opens_with_a_row(staff: Client, alice: User) -> None:
    account = make_account(alice)
    make_cash(account, "deposit", "100.00", date(2026, 1, 5))
    setup = make_setup(alice, criteria=("Above the average",))
    make_tag(alice, "late")
    trade = make_closed_trade(account, setup=setup)
    make_fill(trade, "buy", "10", "100")
    rows = [
        (model, model._default_manager.first())
        for model in [*OURS, EmailAddress]
        if _listed(model) and model._default_manager.exists()
    ]

    answers = {
        model._meta.label: staff.get(
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
        ).status_code
        for model, row in rows
        if row is not None
    }

    assert {"accounts.TradingAccount", "trades.Trade", "trades.Fill", "trades.Setup"} <= set(answers)
    assert set(answers.values()) == {200}


ACCOUNT_FORM = {
    "name": "From the admin",
    "broker": "manual",
    "account_type": "live",
    "currency": "EUR",
    "exchange": "XETR",
    "cost_method": "fifo",
    "break_even_band": "0",
    "starting_balance": "1000",
    "opened_on": "2026-01-05",
    "risk_policy-TOTAL_FORMS": "1",
    "risk_policy-INITIAL_FORMS": "0",
}


def _policy_as_offered() -> dict[str, str]:
    offered = forms.models.model_to_dict(RiskPolicy(), exclude=["account", "id"])
    return {f"risk_policy-0-{name}": str(value) for name, value in offered.items() if value not in {None, False}}


def test_an_account_made_in_the_admin_has_the_policy_that_was_offered(staff: Client, alice: User) -> None:
    answer = staff.post(
        reverse("admin:accounts_tradingaccount_add"), {**ACCOUNT_FORM, **_policy_as_offered(), "owner": str(alice.pk)}
    )

    assert answer.status_code == 302
    account = TradingAccount.objects.get(owner=alice, name="From the admin")
    assert RiskPolicy.objects.get(account=account).max_position_percent == Decimal(30)


@pytest.mark.parametrize(("field", "value"), [("currency", "XXX"), ("exchange", "MARS")])
def test_an_account_with_a_code_nobody_knows_is_refused_in_the_admin(
    staff: Client, alice: User, field: str, value: str
) -> None:
    data = {**ACCOUNT_FORM, **_policy_as_offered(), "owner": str(alice.pk), field: value}

    answer = staff.post(reverse("admin:accounts_tradingaccount_add"), data)

    assert answer.status_code == 200
    assert "not one of the available choices" in answer.content.decode()
    assert not TradingAccount.objects.filter(owner=alice).exists()


def test_a_user_made_in_the_admin_has_an_address(staff: Client) -> None:
    data = {
        "username": "dora",
        "email": "dora@example.com",
        "timezone": "Europe/Berlin",
        "usable_password": "true",
        "password1": "a-long-pass-phrase",
        "password2": "a-long-pass-phrase",
    }

    refused = staff.post(reverse("admin:accounts_user_add"), {**data, "email": "", "username": "nobody"})
    made = staff.post(reverse("admin:accounts_user_add"), data)

    assert refused.status_code == 200
    assert not User.objects.filter(username="nobody").exists()
    assert made.status_code == 302
    assert User.objects.get(username="dora").email == "dora@example.com"


def test_a_user_made_inactive_in_the_admin_is_signed_out_and_cannot_come_back(staff: Client, alice: User) -> None:
    browser = Client()
    browser.force_login(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)

    answer = browser.get("/")

    assert answer.status_code == 302
    assert reverse("account_login") in answer.headers["Location"]
