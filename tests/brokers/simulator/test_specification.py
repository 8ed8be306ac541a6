"""Every kind of answer is valid by Alpaca's published specification."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.brokers.simulator.conftest import MORNING, Wire
from tests.brokers.simulator_server import RunningSimulator, simulator

TRADING, DATA = "trading-api.json", "market-data-api.json"


class Specification:
    """The response schemas of one OpenAPI file, as JSON Schema."""

    def __init__(self, path: Path) -> None:
        self.document = _as_json_schema(json.loads(path.read_text(encoding="utf-8")))

    def check(self, method: str, path: str, body: Any, status: str = "200") -> None:
        answer = self.document["paths"][path][method]["responses"][status]
        schema = {**answer["content"]["application/json"]["schema"], "components": self.document["components"]}
        jsonschema.Draft202012Validator(schema).validate(body)


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 says `nullable`; and where it says oneOf, fills are valid by both of its halves."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {("anyOf" if name == "oneOf" else name): _as_json_schema(value) for name, value in node.items()}
    if found.pop("nullable", None) is True and "type" in found:
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


@pytest.fixture(scope="module")
def trading(shared: Path) -> Specification:
    return Specification(shared / "alpaca" / "openapi" / TRADING)


@pytest.fixture(scope="module")
def data(shared: Path) -> Specification:
    return Specification(shared / "alpaca" / "openapi" / DATA)


@pytest.fixture(scope="module")
def busy() -> RunningSimulator:
    """An account with a position, a short, working orders, a bracket, a replacement and paid dividends."""
    with simulator(start=MORNING) as running:
        wire, control = Wire(running.url, running.key_id, running.secret_key), running.control
        for minute in range(5, 0, -1):
            control.add_bar("SPY", MORNING - timedelta(minutes=minute + 1), ("99", "101", "98", "100"))
        control.set_quote("SPY", bid="100.00", ask="100.02")
        control.print_trade("SPY", price="100.01")
        control.set_quote("IBM", bid="50.00", ask="50.01")
        wire.ordered(qty="10")
        wire.ordered(symbol="IBM", side="sell", qty="3")
        wire.ordered(notional="25.50", qty=None)
        wire.ordered(side="buy", qty="2", type="stop_limit", stop_price="120", limit_price="121", time_in_force="gtc")
        wire.ordered(symbol="IBM", qty="1", type="trailing_stop", trail_percent="2", time_in_force="gtc")
        working = wire.ordered(type="limit", limit_price="90", extended_hours=True)
        wire.call("PATCH", f"/v2/orders/{working['id']}", json={"limit_price": "91"})
        wire.ordered(
            qty="5",
            type="limit",
            limit_price="95",
            order_class="bracket",
            take_profit={"limit_price": "110"},
            stop_loss={"stop_price": "90", "limit_price": "89"},
        )
        control.dividend("SPY", "0.50")
        control.transfer(running.account, "-100", type="CSW")
        control.advance(120)
        yield running


@pytest.fixture(scope="module")
def told(busy: RunningSimulator) -> Wire:
    return Wire(busy.url, busy.key_id, busy.secret_key)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v2/account", {}),
        ("/v2/account/configurations", {}),
        ("/v2/account/activities", {}),
        ("/v2/account/portfolio/history", {"period": "1D"}),
        ("/v2/orders", {"status": "all", "limit": 500}),
        ("/v2/orders", {"status": "all", "nested": "True"}),
        ("/v2/positions", {}),
        ("/v2/assets", {}),
        ("/v2/clock", {}),
        ("/v2/calendar", {"start": "2026-03-01", "end": "2026-03-31"}),
    ],
)
def test_trading_answers_are_valid(trading: Specification, told: Wire, path: str, query: dict[str, Any]) -> None:
    body = told.get(path, **query)

    assert body
    trading.check("get", path, body)


def test_answers_about_one_thing_are_valid(trading: Specification, told: Wire) -> None:
    order = told.get("/v2/orders", status="all")[0]

    trading.check("get", "/v2/orders/{order_id}", told.get(f"/v2/orders/{order['id']}", nested="true"))
    by_client = told.get("/v2/orders:by_client_order_id", client_order_id=order["client_order_id"])
    trading.check("get", "/v2/orders:by_client_order_id", by_client)
    trading.check("get", "/v2/positions/{symbol_or_asset_id}", told.get("/v2/positions/IBM"))
    trading.check("get", "/v2/assets/{symbol_or_asset_id}", told.get("/v2/assets/SPY"))
    for kind in ("FILL", "DIV", "CSW"):
        listed = told.get(f"/v2/account/activities/{kind}")
        assert listed, kind
        trading.check("get", "/v2/account/activities/{activity_type}", listed)


def test_splits_fees_and_dividends_are_valid_as_activities_and_as_corporate_actions(
    trading: Specification, data: Specification
) -> None:
    with simulator(start=MORNING) as running:
        wire, control = Wire(running.url, running.key_id, running.secret_key), running.control
        control.set_quote("SPY", bid="100.00", ask="100.02")
        wire.ordered(qty="100")
        wire.ordered(side="sell", qty="40")
        control.dividend("SPY", "0.125")
        control.split("SPY", "2")
        control.advance(24 * 3600)
        for kind in ("SPLIT", "FEE", "DIV"):
            listed = wire.get(f"/v2/account/activities/{kind}")
            assert listed, kind
            assert {one["activity_type"] for one in listed} == {kind}
            trading.check("get", "/v2/account/activities/{activity_type}", listed)
        everything = wire.get("/v1/corporate-actions")
        paid = wire.get("/v1/corporate-actions", types="cash_dividend")
        elsewhere = wire.get("/v1/corporate-actions", types="cash_dividend", symbols="IBM")

    for body in (everything, paid, elsewhere):
        data.check("get", "/v1/corporate-actions", body)
    assert {kind: len(found) for kind, found in everything["corporate_actions"].items()} == {
        "cash_dividends": 1,
        "forward_splits": 1,
    }
    (dividend,) = paid["corporate_actions"]["cash_dividends"]
    assert (dividend["symbol"], dividend["rate"], dividend["ex_date"], dividend["payable_date"]) == (
        *("SPY", 0.125),
        *("2026-03-04", "2026-03-04"),
    )
    assert elsewhere["corporate_actions"] == {}


def test_what_is_answered_to_writing_is_valid(trading: Specification) -> None:
    with simulator(start=MORNING) as running:
        wire = Wire(running.url, running.key_id, running.secret_key)
        running.control.set_quote("SPY", bid="100.00", ask="100.02")
        placed = wire.ordered(qty="4")
        closed = wire.call("DELETE", "/v2/positions/SPY", params={"qty": "1"})
        working = wire.ordered(type="limit", limit_price="90")
        replaced = wire.call("PATCH", f"/v2/orders/{working['id']}", json={"qty": "2"})
        cancelled = wire.call("DELETE", "/v2/orders")
        all_closed = wire.call("DELETE", "/v2/positions")

    trading.check("post", "/v2/orders", placed)
    trading.check("patch", "/v2/orders/{order_id}", replaced.json())
    trading.check("delete", "/v2/positions/{symbol_or_asset_id}", closed.json())
    trading.check("delete", "/v2/orders", cancelled.json(), "207")
    trading.check("delete", "/v2/positions", all_closed.json(), "207")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v2/stocks/quotes/latest", {}),
        ("/v2/stocks/trades/latest", {}),
        ("/v2/stocks/bars/latest", {}),
        ("/v2/stocks/snapshots", {}),
        ("/v2/stocks/quotes", {}),
        ("/v2/stocks/trades", {}),
        ("/v2/stocks/bars", {"timeframe": "1Min"}),
    ],
)
def test_market_data_is_valid(data: Specification, told: Wire, path: str, query: dict[str, Any]) -> None:
    body = told.get(path, symbols="SPY,IBM,NOSUCH", **query)

    data.check("get", path, body)
    found = next(iter(body.values())) if "snapshots" not in path else body
    assert "SPY" in found
    assert "NOSUCH" not in found


@pytest.mark.parametrize("kind", ["quotes", "trades", "bars"])
def test_market_data_of_one_symbol_is_valid(data: Specification, told: Wire, kind: str) -> None:
    latest, history = told.get(f"/v2/stocks/SPY/{kind}/latest"), told.get(f"/v2/stocks/SPY/{kind}", timeframe="1Min")

    data.check("get", f"/v2/stocks/{{symbol}}/{kind}/latest", latest)
    data.check("get", f"/v2/stocks/{{symbol}}/{kind}", history)
    data.check("get", "/v2/stocks/{symbol}/snapshot", told.get("/v2/stocks/SPY/snapshot"))
    assert history[kind]
    datetime.fromisoformat(history[kind][0]["t"])


def test_splits_are_told_as_corporate_actions(data: Specification) -> None:
    with simulator(start=MORNING) as running:
        wire = Wire(running.url, running.key_id, running.secret_key)
        for symbol, ratio in (("SPY", "2"), ("IBM", "0.1")):
            running.control.set_quote(symbol, bid="100.00", ask="100.02")
            running.control.split(symbol, ratio)
        everything = wire.get("/v1/corporate-actions")
        first = wire.get("/v1/corporate-actions", limit=1)
        second = wire.get("/v1/corporate-actions", limit=1, page_token=first["next_page_token"])
        of_one = wire.get("/v1/corporate-actions", symbols="IBM", types="reverse_split", start="2026-03-04")
        none = wire.get("/v1/corporate-actions", end="2026-03-03")["corporate_actions"]
        refused = wire.call("GET", "/v1/corporate-actions?start=soon").status_code

    for body in (everything, first, second, of_one):
        data.check("get", "/v1/corporate-actions", body)
    forward, reverse = (everything["corporate_actions"][kind][0] for kind in ("forward_splits", "reverse_splits"))
    assert (forward["symbol"], forward["new_rate"], forward["old_rate"], forward["ex_date"]) == (
        "SPY",
        2,
        1,
        "2026-03-04",
    )
    assert (reverse["symbol"], reverse["new_rate"], reverse["old_rate"]) == ("IBM", 1, 10)
    assert of_one["corporate_actions"] == {"reverse_splits": [reverse]}
    assert (list(first["corporate_actions"]), list(second["corporate_actions"])) == (
        ["forward_splits"],
        ["reverse_splits"],
    )
    assert (second["next_page_token"], none, refused) == (None, {}, 400)
