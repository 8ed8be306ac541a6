"""One of everything a trader owns, found by the addresses of the API that name it."""

import re
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import Notification, User, WebhookDelivery
from accounts.services.tokens import token_create
from accounts.services.webhooks import webhook_create
from brokers.models import BarSeries
from tests.factories import make_account, make_cash, make_closed_trade, make_connection, make_plan, make_setup, make_tag
from trades import models
from trenddojo.api.views import published

METHODS = ("get", "post", "put", "patch", "delete")
SLOT = re.compile(r"\{(\w+)\}")
# The collection in an address, to what of Belongings its ids name.
NAMED_BY = {
    "accounts": "account",
    "bar-series": "series",
    "cash-movements": "cash",
    "connections": "connection",
    "deliveries": "delivery",
    "executions": "fill",
    "imports": "import",
    "journal-days": "day",
    "notifications": "notification",
    "orders": "order",
    "saved-filters": "filter",
    "screenshots": "screenshot",
    "setups": "setup",
    "tags": "tag",
    "tokens": "token",
    "trades": "trade",
    "webhooks": "webhook",
}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method and schema of every operation that is published."""
    return [
        (path, method, found[method])
        for path, found in published()["paths"].items()
        for method in METHODS
        if method in found
    ]


def resolved(found: dict[str, Any]) -> dict[str, Any]:
    """What a reference of the schema stands for."""
    if "$ref" not in found:
        return found
    _hash, _components, kind, name = found["$ref"].split("/")
    return resolved(published()["components"][kind][name])


def slots(path: str) -> dict[str, str]:
    """What each id in an address names: `{"id": "account"}`. Raises KeyError for a collection nobody has named."""
    words = path.strip("/").split("/")
    return {found[1]: NAMED_BY[before] for before, word in pairwise(words) if (found := SLOT.fullmatch(word))}


def address(path: str, keys: dict[str, Any]) -> str:
    """A path of the schema with the ids of these belongings."""
    named = {slot: str(keys[name]) for slot, name in slots(path).items()}
    return SLOT.sub(lambda found: named[found[1]], path)


def belongings(owner: User) -> dict[str, Any]:
    """The keys of one of everything, by what it is."""
    account = make_account(owner)
    trade = make_closed_trade(account)
    now = timezone.now()
    hook, _secret = webhook_create(user=owner, url="https://example.com/desk", subjects=["trade"])
    token, _text = token_create(user=owner, name="Belongs", scope="read", now=now)
    picture = models.Screenshot(owner=owner, trade=trade, width=1, height=1, byte_size=7)
    picture.image.save("picture.png", ContentFile(b"picture"))
    made = {
        "account": account,
        "cash": make_cash(account, "deposit", "100", date(2025, 1, 2)),
        "trade": trade,
        "plan": make_plan(account, "MSFT"),
        "fill": trade.fills.order_by("executed_at").first(),
        "connection": make_connection(make_account(owner, "Paper"), "mock", label="Mock paper", keys={}),
        "notification": Notification.objects.create(
            user=owner, kind="connection", key="one", title="Disconnected", text="Reconnect."
        ),
        "order": models.Order.objects.create(
            owner=owner, account=account, symbol="AAPL", side="buy", type="market", quantity=1
        ),
        "setup": make_setup(owner),
        "filter": models.SavedFilter.objects.create(owner=owner, name="Winners", query="outcome=win"),
        "screenshot": picture,
        "series": BarSeries.objects.create(user=owner, symbol="AAPL", timeframe="1Day", first_at=now, last_at=now),
        "tag": make_tag(owner, "Calm"),
        "into": make_tag(owner, "Calmer"),
        "day": models.JournalDay.objects.create(owner=owner, day=date(2025, 3, 4)),
        "import": models.FillImport.objects.create(
            owner=owner, account=account, file_name="fills.csv", sha256="0" * 64, state="preview"
        ),
        "token": token,
        "webhook": hook,
        "delivery": WebhookDelivery.objects.create(
            webhook=hook,
            type="order.changed",
            body={"id": 1, "type": "order.changed", "at": "2026-11-20T14:30:00Z", "object": {"symbol": "AAPL"}},
            next_attempt_at=now + timedelta(days=1),
        ),
    }
    return {name: row.pk for name, row in made.items()}
