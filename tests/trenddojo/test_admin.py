"""Administrators find every model in the admin, with constant queries and nothing to break."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests.factories import make_account, make_closed_trade, make_setup, make_tag
from trades import models
from trades.models import Trade

pytestmark = pytest.mark.django_db

OURS = [model for label in ("accounts", "trades") for model in apps.get_app_config(label).get_models()]
INLINE_ONLY = {"riskpolicy"}
READ_ONLY = [
    models.AccountDay,
    models.AuditEntry,
    models.FigureTotal,
    models.Fill,
    models.FillImport,
    models.LimitOverride,
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
