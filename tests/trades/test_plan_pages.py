"""The pages of a trade's life, as a trader uses them."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.trades.desk_kit import at, d, make_account, make_fill, make_plan
from trades.models import Trade

pytestmark = pytest.mark.django_db


def plan_data(account: Any, **changes: Any) -> dict[str, Any]:
    return {
        "creation_key": str(uuid4()),
        "account": str(account.pk),
        "symbol": "aapl",
        "asset_class": "stock",
        "direction": "long",
        "entry": "100",
        "stop": "95",
        "target_1": "115",
        **changes,
    }


def test_every_page_answers(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    fill = make_fill(make_plan(account, symbol="MSFT"), "buy", 10, 100, at(3))
    pages = [
        reverse("trades:plan-create"),
        reverse("trades:quick-entry"),
        *(reverse(f"trades:{name}", args=[trade.pk]) for name in ("trade-detail", "trade-history", "plan-edit")),
        *(reverse(f"trades:{name}", args=[trade.pk]) for name in ("trade-cancel", "trade-delete", "fill-create")),
        *(reverse(f"trades:{name}", args=[fill.trade_id]) for name in ("trade-detail", "plan-edit", "stop-move")),
        *(reverse(f"trades:{name}", args=[fill.pk]) for name in ("fill-edit", "fill-delete")),
    ]
    for page in pages:
        assert alice_client.get(page).status_code == 200, page


def test_a_plan_is_sized_and_kept(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    answer = alice_client.post(reverse("trades:plan-create"), plan_data(account))
    trade = Trade.objects.get()
    assert answer.status_code == 302, answer.content.decode()
    assert (trade.symbol, trade.planned_quantity, trade.initial_risk) == ("AAPL", d(200), d("1000.00"))
