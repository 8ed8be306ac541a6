"""A trade's page: what a trader reads there."""

from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from tests.trades.desk_kit import at, d, make_account, make_fill, make_plan

pytestmark = pytest.mark.django_db


def test_a_reason_given_once_for_several_limits_is_shown_once(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    trade = make_plan(account, quantity=d(2000), override_reason="Best one this year")
    overrides = trade.overrides.all()
    assert overrides.count() > 1
    text = alice_client.get(f"/trades/{trade.pk}/").content.decode()
    panel = text[text.index('id="overrides-title"') : text.index("Latest changes")]
    assert panel.count("Best one this year") == 1
    assert all(override.sentence in panel.replace("&#x27;", "'") for override in overrides)


def test_a_mean_below_one_keeps_its_digits(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    plan = make_plan(account, symbol="SHIB", asset_class="crypto", entry=d("0.00002"), stop=d("0.000018"))
    make_fill(plan, "buy", 1, "0.00002012", at(3))
    make_fill(plan, "buy", 2, "0.00002013", at(3, 16))
    assert "0.000020127" in alice_client.get(f"/trades/{plan.pk}/").content.decode()


def test_an_exit_that_is_too_large_is_told_in_plain_numbers(alice: User, alice_client: Client) -> None:
    plan = make_plan(make_account(alice))
    make_fill(plan, "buy", 200, 100, at(3))
    data = {"creation_key": str(uuid4()), "kind": "trade", "side": "sell", "quantity": "300", "price": "101"}
    answer = alice_client.post(f"/trades/{plan.pk}/fills/new/", data | {"executed_at": "2026-03-03T12:00:00"})
    assert "The exits come to 300, but only 200 were entered: reduce the quantity." in answer.content.decode()
    assert plan.fills.count() == 1
