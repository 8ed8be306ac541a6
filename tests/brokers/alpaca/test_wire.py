"""What leaves for Alpaca, and how often: exact words, one attempt, nothing of the library's own making."""

import logging
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from brokers.alpaca.adapter import AlpacaAdapter, StandInAdapter
from brokers.base import ConnectionSettings, OrderChanges, OrderRef, OrderRequest
from brokers.errors import CredentialsInvalid, OutcomeUnknown, TryLater, Unsupported
from tests.brokers.alpaca import answers
from tests.brokers.alpaca.wire import SECRET, Wire, adapter_at, wire
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, StopLoss, TakeProfit, TimeInForce

__all__ = ["wire"]

ROOT = Path(__file__).resolve().parents[3]
LIMIT = OrderTerms("AAPL", Side.BUY, OrderType.LIMIT, D(100), limit_price=D("0.00000843"))
START, END = datetime(2026, 3, 16, 13, 30, tzinfo=UTC), datetime(2026, 3, 16, 20, tzinfo=UTC)


def accepted(**changes: Any) -> dict[str, Any]:
    return answers.order(client_order_id="td-1", **changes)


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_order_leaves_once_with_its_id_and_exact_digits(wire: Wire) -> None:
    wire.answer(accepted())
    adapter_at(wire).submit(OrderRequest("td-1", LIMIT))
    (asked,) = wire.asked

    assert (asked.method, asked.path, asked.query) == ("POST", "/v2/orders", {})
    assert asked.json == {
        "client_order_id": "td-1", "symbol": "AAPL", "side": "buy", "type": "limit", "qty": "100",
        "time_in_force": "day", "order_class": "simple", "limit_price": "0.00000843",
    }  # fmt: skip
    assert (asked.headers["APCA-API-KEY-ID"], asked.headers["APCA-API-SECRET-KEY"]) == ("PKTEST", SECRET)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_no_status_sends_an_order_a_second_time(wire: Wire, status: int) -> None:
    wire.answer((status, "<html>"), accepted())
    with pytest.raises(TryLater if status == 429 else OutcomeUnknown):
        adapter_at(wire).submit(OrderRequest("td-1", LIMIT))

    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        "{}",
        "<html>",
        "9" * 5000,
        "[" * 100_000,
        (301, "", {"Location": "https://example.com/"}),
        (301, ""),
        (200, accepted(), {"Content-Length": "5"}),
        accepted() | {"client_order_id": "td-2"},
        accepted() | {"id": None},
    ],
    ids=str,
)
def test_a_success_that_cannot_be_read_is_an_order_in_doubt(wire: Wire, answer: Any) -> None:
    wire.answer(answer)
    with pytest.raises(OutcomeUnknown):
        adapter_at(wire).submit(OrderRequest("td-1", LIMIT))

    assert len(wire.asked) == 1


def test_a_cancellation_that_is_led_elsewhere_is_not_taken_for_done(wire: Wire) -> None:
    wire.answer((301, ""))

    with pytest.raises(OutcomeUnknown):
        adapter_at(wire).cancel(OrderRef("order-1"))


def test_ids_cannot_lead_to_another_address(wire: Wire) -> None:
    wire.answer((204, ""), answers.order(client_order_id="td-2"))
    alpaca = adapter_at(wire)
    alpaca.cancel(OrderRef("../positions?x=/1"))
    alpaca.replace(OrderRef("a b"), OrderChanges("td-2", limit_price=D("1.10")))

    assert [(asked.method, asked.path) for asked in wire.asked] == [
        ("DELETE", "/v2/orders/..%2Fpositions%3Fx%3D%2F1"),
        ("PATCH", "/v2/orders/a%20b"),
    ]
    assert wire.asked[1].json == {"limit_price": "1.1", "client_order_id": "td-2"}


def test_an_order_looked_up_by_our_id_comes_with_its_legs(wire: Wire) -> None:
    bracket = accepted(id="o-1", order_class="bracket")
    leg = answers.order(id="o-2", side="sell", type="limit")
    wire.answer(bracket, {**bracket, "legs": [leg]})
    report = adapter_at(wire).order(OrderRef(client_order_id="td-1"))

    assert report is not None
    assert [leg.broker_order_id for leg in report.legs] == ["o-2"]
    assert [(asked.path, asked.query) for asked in wire.asked] == [
        ("/v2/orders:by_client_order_id", {"client_order_id": "td-1"}),
        ("/v2/orders/o-1", {"nested": "true"}),
    ]


@pytest.mark.parametrize(
    ("terms", "asset_class", "said"),
    [
        ({"quantity": D("0.5"), "time_in_force": TimeInForce.GTC}, AssetClass.STOCK, "parts of a share"),
        ({"quantity": D("0.5"), "stop_loss": StopLoss(D(1)), "order_class": OrderClass.OTO}, AssetClass.STOCK, "parts of a share"),
        ({"extended_hours": True, "time_in_force": TimeInForce.GTC}, AssetClass.STOCK, "extended hours"),
        ({"time_in_force": TimeInForce.DAY}, AssetClass.CRYPTO, "Crypto orders"),
        ({"time_in_force": TimeInForce.GTC}, AssetClass.OPTION, "Option orders"),
        ({"time_in_force": TimeInForce.IOC, "take_profit": TakeProfit(D(9)), "order_class": OrderClass.OTO}, AssetClass.STOCK, "a stop or a target"),
        ({"type": OrderType.STOP, "limit_price": None, "stop_price": D(1), "time_in_force": TimeInForce.OPG}, AssetClass.STOCK, "an auction"),
        ({}, AssetClass.FUTURE, "stock, etf, option or crypto"),
    ],
)  # fmt: skip
def test_what_alpaca_does_not_take_never_leaves(
    wire: Wire, terms: dict[str, Any], asset_class: AssetClass, said: str
) -> None:
    given = {
        "symbol": "AAPL",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "quantity": D(1),
        "limit_price": D(2),
        **terms,
    }
    with pytest.raises(Unsupported, match=said):
        adapter_at(wire).submit(OrderRequest("td-1", OrderTerms(**given), asset_class))

    assert wire.asked == []


def test_the_stand_in_exchange_lists_stocks_only() -> None:
    assert AssetClass.CRYPTO in AlpacaAdapter.capabilities.asset_classes
    assert StandInAdapter.capabilities.asset_classes == {AssetClass.STOCK, AssetClass.ETF}


# --- the budget, the secret and the process ---------------------------------------------------------------------------


class Counting:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def before(self, method: str, url: str) -> None:
        self.calls.append(f"{method} {url.rsplit('/', 1)[1].split('?', maxsplit=1)[0]}")

    def after(self, url: str, headers: Mapping[str, str]) -> None:
        pass


def test_every_single_request_is_paid_for_pages_too(wire: Wire) -> None:
    wire.answer([answers.fill_at(number, START) for number in range(100)], [], answers.ACCOUNT, accepted())
    gate = Counting()
    alpaca = adapter_at(wire, gate=gate)
    alpaca.fills()
    alpaca.account()
    alpaca.submit(OrderRequest("td-1", LIMIT))

    assert gate.calls == ["GET FILL", "GET FILL", "GET account", "POST orders"]


def test_a_request_the_budget_holds_back_never_leaves(wire: Wire) -> None:
    class Shut(Counting):
        def before(self, method: str, url: str) -> None:
            raise TryLater("Later.", after=3, code="rate_limited")

    with pytest.raises(TryLater):
        adapter_at(wire, gate=Shut()).submit(OrderRequest("td-1", LIMIT))
    assert wire.asked == []


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"api_key": "PK"},
        {"api_key": "PK", "secret_key": "a b"},
        {"api_key": "PK\r\nX: y", "secret_key": "x"},
        {"api_key": "PK", "secret_key": "ключ"},
    ],
)
def test_keys_that_cannot_be_sent_are_refused_here(wire: Wire, keys: dict[str, str]) -> None:
    alpaca = AlpacaAdapter(ConnectionSettings("c", "alpaca", True, wire.url, wire.url, credentials=keys))
    for call in (alpaca.verify, alpaca.positions, lambda: alpaca.submit(OrderRequest("td-1", LIMIT))):
        with pytest.raises(CredentialsInvalid):
            call()

    assert wire.asked == []


def test_the_secret_is_in_no_error_no_log_and_no_repr(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire.answer((401, {"message": "unauthorized."}), (500, SECRET), (403, {"code": 40310000, "message": "no"}))
    alpaca, said = adapter_at(wire), []
    for call in (alpaca.verify, alpaca.verify, lambda: alpaca.submit(OrderRequest("td-1", LIMIT))):
        with pytest.raises(Exception) as problem:  # noqa: PT011 - whatever it is
            call()
        said += [str(problem.value), repr(problem.value), repr(vars(problem.value))]

    assert SECRET not in "".join([*said, caplog.text, repr(alpaca), repr(vars(alpaca))])


def test_what_the_web_process_asks_loads_neither_the_library_nor_pandas(wire: Wire) -> None:
    wire.answer(
        *(answers.ACCOUNT, answers.CLOCK, {"quotes": {"AAPL": answers.quote(1, 2)}}),
        *({"bars": {}, "next_page_token": None}, {"corporate_actions": {}, "next_page_token": None}),
        *(accepted(order_class="bracket"), accepted(order_class="bracket", legs=[])),
        *(accepted(), (404, {"code": 40410000, "message": "order not found"})),
    )
    script = f"""
import sys
from datetime import UTC, date, datetime
from brokers.alpaca.adapter import AlpacaAdapter
from brokers.base import ConnectionSettings, OrderRef
keys = {{"api_key": "PK", "secret_key": "x"}}
alpaca = AlpacaAdapter(ConnectionSettings("c", "alpaca", True, "{wire.url}", "{wire.url}", credentials=keys))
alpaca.verify(); alpaca.clock(); alpaca.quote("AAPL")
alpaca.bars("AAPL", "1Day", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
alpaca.splits("AAPL", date(2026, 1, 1), date(2026, 2, 1))
assert alpaca.order(OrderRef("", "td-1")) and alpaca.order(OrderRef("o-1", "td-1"))
assert alpaca.order(OrderRef("", "td-2")) is None
sys.exit(bool({{"alpaca", "pandas", "numpy", "pydantic", "django"}} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
    assert wire.answers == []


def test_an_exponent_beyond_measure_is_an_answer_to_ask_for_again(wire: Wire) -> None:
    wire.answer('{"id": "o-1", "symbol": "AAPL", "side": "buy", "qty": 1e99999999999999999999}')

    with pytest.raises(TryLater, match="no JSON"):
        adapter_at(wire).order(OrderRef("o-1", "td-1"))


def test_sending_orders_loads_the_library_without_pandas(wire: Wire) -> None:
    wire.answer(accepted())
    script = f"""
import sys
from decimal import Decimal
from brokers.alpaca.adapter import AlpacaAdapter
from brokers.base import ConnectionSettings, OrderRequest
from trenddojo.domain.fills import Side
from trenddojo.domain.orders import OrderTerms, OrderType
keys = {{"api_key": "PK", "secret_key": "x"}}
alpaca = AlpacaAdapter(ConnectionSettings("c", "alpaca", True, "{wire.url}", credentials=keys))
alpaca.submit(OrderRequest("td-1", OrderTerms("AAPL", Side.BUY, OrderType.MARKET, Decimal(1))))
sys.exit("alpaca" not in sys.modules or "pandas" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
    assert wire.asked[0].headers["User-Agent"].startswith("APCA-PY/")
