"""Alpaca's published description and catalogue of errors: what we send is valid by them, what they show can be read."""

import json
from decimal import Decimal as D
from functools import cache
from typing import Any

import jsonschema
import pytest

from brokers.alpaca import mapping
from brokers.alpaca.failures import Answer, Call, failure
from brokers.base import OrderChanges, OrderRequest
from brokers.errors import BrokerError, OutcomeUnknown
from tests.brokers.alpaca import answers
from tests.brokers.contract import CLASSES, TYPES, oco
from tests.brokers.simulator.conftest import SHARED
from tests.brokers.simulator.test_specification import Specification
from tests.brokers.simulator_server import simulator
from trenddojo.domain.orders import OrderTerms, TimeInForce

pytestmark = pytest.mark.skipif(not (SHARED / "alpaca").exists(), reason="Alpaca's description is not here")
TERMS: dict[str, OrderTerms] = {**{kind.value: terms for kind, terms in TYPES.items()}, **CLASSES, "oco": oco()}


@cache
def described(name: str) -> Specification:
    return Specification(SHARED / "alpaca" / "openapi" / f"{name}-api.json")


def body_schema(path: str, method: str) -> dict[str, Any]:
    document = described("trading").document
    schema = document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
    return {**schema, "components": document["components"]}


@pytest.mark.parametrize("name", TERMS)
def test_every_order_we_send_is_valid_and_no_number_is_a_float(name: str) -> None:
    body = mapping.order_body(OrderRequest("td-1", TERMS[name]))
    jsonschema.validate(body, body_schema("/v2/orders", "post"))

    assert "." not in json.dumps([value for value in body.values() if not isinstance(value, str | dict)])
    assert set(body) <= set(body_schema("/v2/orders", "post")["properties"])


def test_every_change_we_send_is_valid() -> None:
    changes = OrderChanges("td-2", *[D(1)] * 4, time_in_force=TimeInForce.GTC)
    body = mapping.changes_body(changes)
    document = described("trading").document
    jsonschema.validate(
        body, {**document["components"]["schemas"]["PatchOrderRequest"], "components": document["components"]}
    )

    assert set(body) == {"qty", "limit_price", "stop_price", "trail", "time_in_force", "client_order_id"}


def test_every_order_of_the_description_can_be_read() -> None:
    examples = json.loads((SHARED / "alpaca" / "openapi" / "trading-api.json").read_text())["components"]["examples"]
    orders = [example["value"] for name, example in examples.items() if name.endswith("OrderResponse")]
    reports = mapping.order_reports(orders)

    assert len(orders) == 5
    # The multi-leg order is told by its two legs.
    assert len(reports) == 6
    assert all(report.state is not None and report.submitted_at is not None for report in reports)


def test_every_status_of_the_description_is_known() -> None:
    statuses = described("trading").document["components"]["schemas"]["OrderStatus"]["enum"]

    assert set(statuses) <= set(mapping.STATES)


def test_every_kind_of_activity_is_kept_or_left_out_on_purpose() -> None:
    kinds = set(described("trading").document["components"]["schemas"]["ActivityType"]["enum"])
    # Shares that come or go without money, options that end, and names for several kinds.
    left_out = {
        *("FILL", "MISC", "ACATS", "JNLS", "MA", "NC", "REORG", "SPIN", "SPLIT", "FOPT"),
        *("OPASN", "OPCA", "OPCSH", "OPEXC", "OPEXP", "OPTRD"),
    }

    assert mapping.CASH_KINDS.keys() | mapping.CASH_BOTH_WAYS == kinds - left_out


@pytest.mark.parametrize(
    ("path", "example"),
    [
        ("/v2/account", answers.ACCOUNT),
        ("/v2/clock", answers.CLOCK),
        ("/v2/positions", [answers.POSITION]),
        ("/v2/orders", [answers.ORDER]),
        ("/v2/account/activities", [answers.FILL, answers.DIVIDEND]),
    ],
)
def test_the_answers_written_by_hand_are_valid(path: str, example: Any) -> None:
    described("trading").check("get", path, example)


def catalogue() -> list[dict[str, Any]]:
    path = SHARED / "alpaca" / "errors.json"
    return json.loads(path.read_text()) if path.exists() else []


@pytest.mark.parametrize("known", catalogue(), ids=lambda known: f"{known['http']} {known['message'][:40]}")
def test_every_error_of_the_catalogue_is_recognised(known: dict[str, Any]) -> None:
    is_page = known["message"].startswith("<")
    said = {"message": known["message"]} | ({} if known["code"] is None else {"code": known["code"]})
    answer = Answer(known["http"], known["message"] if is_page else json.dumps(said), {})
    words = known["when"]
    call = Call.REPLACE if "PATCH" in words else Call.CANCEL if "DELETE" in words else Call.SUBMIT
    error = failure(answer, call)

    assert isinstance(error, BrokerError)
    # Only a status that says nothing about the order leaves it in doubt.
    assert isinstance(error, OutcomeUnknown) == (known["http"] >= 500)


def test_splits_of_the_stand_in_exchange_are_valid() -> None:
    import requests

    with simulator() as exchange:
        exchange.control.set_quote("KO", bid="10", ask="10.02")
        for ratio in (2, "0.1"):
            exchange.control.split("KO", ratio)
        keys = {"APCA-API-KEY-ID": exchange.key_id, "APCA-API-SECRET-KEY": exchange.secret_key}
        answer = requests.get(f"{exchange.url}/v1/corporate-actions", headers=keys, timeout=5).json()

    described("market-data").check("get", "/v1/corporate-actions", answer)
    assert {kind: len(found) for kind, found in answer["corporate_actions"].items()} == {
        "forward_splits": 1,
        "reverse_splits": 1,
    }
