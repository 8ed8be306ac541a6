"""Bodies and addresses that programs send: read, or refused in the API's own shape, and never with a 500."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from accounts.services.errors import AccountError
from accounts.services.webhooks import url_checked
from tests.api.kit import Api, api_for
from tests.fuzz.kit import almost, examples, texts, values

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

HOOK = {"url": "https://example.com/hook", "subjects": ["order", "trade"], "description": "Mine"}
ORDER = {
    "account": "00000000-0000-0000-0000-000000000000",
    "symbol": "AAPL",
    "side": "buy",
    "type": "limit",
    "quantity": "10",
    "limit_price": "100.00",
    "time_in_force": "day",
    "stop_loss": {"stop_price": "95"},
}
TRADE = {"account": ORDER["account"], "symbol": "AAPL", "direction": "long", "entry_price": "100", "stop_loss": "95"}
TAG = {"name": "Calm", "kind": "tag"}
PLACES = (
    ("/api/v1/webhooks/", HOOK),
    ("/api/v1/orders/", ORDER),
    ("/api/v1/orders/preview/", ORDER),
    ("/api/v1/trades/", TRADE),
    ("/api/v1/tags/", TAG),
    ("/api/v1/position-size/", {**TRADE, "risk_percent": "1"}),
    ("/api/v1/executions/", {"account": ORDER["account"], "executions": [{"symbol": "AAPL", "side": "buy"}]}),
)


@pytest.fixture
def api(alice: User) -> Api:
    return api_for(alice)


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(("place", "good"), PLACES, ids=[place for place, _ in PLACES])
@examples(12)
@given(data=st.data())
def test_a_body_is_taken_or_refused(api: Api, place: str, good: Any, data: Any) -> None:
    body = data.draw(st.one_of(almost(good).map(encoded), values.map(encoded), st.binary(max_size=80)))
    kind = data.draw(st.sampled_from(("application/json", "application/json; charset=utf-16", "text/plain", "")))
    key = data.draw(texts.filter(lambda text: text.isascii() and text.isprintable() and len(text) < 300))
    cache.clear()
    with transaction.atomic():
        response = api.client.generic("POST", place, body, content_type=kind, HTTP_IDEMPOTENCY_KEY=key)
        transaction.set_rollback(True)

    assert response.status_code < 500
    if response.status_code >= 400 and response.content:
        assert response.headers["Content-Type"].startswith("application/"), response.content[:200]


@examples(300)
@given(
    url=st.one_of(
        texts, texts.map(lambda text: f"https://{text}/"), texts.map(lambda text: f"https://example.com{text}")
    )
)
def test_the_address_of_a_webhook_is_public_https_or_refused(url: str) -> None:
    try:
        found = url_checked(url)
    except AccountError as refusal:
        sentence = refusal.sentence
        assert sentence
        return
    assert found.lower().startswith("https://")
    assert found.isprintable()
