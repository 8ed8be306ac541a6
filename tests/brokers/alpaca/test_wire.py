"""What leaves for Alpaca, and how often: exact words, one attempt, nothing of the library's own making."""

import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from brokers.alpaca import adapter as module
from brokers.alpaca import listing
from brokers.alpaca.adapter import AlpacaAdapter, StandInAdapter
from brokers.base import ConnectionSettings, OrderChanges, OrderRef, OrderRequest
from brokers.errors import CredentialsInvalid, NoMarketData, OutcomeUnknown, TryLater, Unsupported
from tests.brokers.alpaca import answers
from tests.brokers.alpaca.wire import Wire, serving
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, StopLoss, TakeProfit, TimeInForce

ROOT = Path(__file__).resolve().parents[3]
SECRET = "the-secret-of-this-key"
LIMIT = OrderTerms("AAPL", Side.BUY, OrderType.LIMIT, D(100), limit_price=D("0.00000843"))
START, END = datetime(2026, 3, 16, 13, 30, tzinfo=UTC), datetime(2026, 3, 16, 20, tzinfo=UTC)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with serving() as made:
        yield made


def adapter_at(wire: Wire, *, feed: str = "", gate: Any = None) -> AlpacaAdapter:
    keys = {"api_key": "PKTEST", "secret_key": SECRET}
    settings = ConnectionSettings("c", "alpaca", True, wire.url, wire.url, data_feed=feed, credentials=keys)
    return AlpacaAdapter(settings, gate)


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


# --- listings ---------------------------------------------------------------------------------------------------------


def order_at(number: int, second: int) -> dict[str, Any]:
    return answers.order(id=f"o-{number:04d}", submitted_at=f"2026-03-16T18:00:{second:02d}.500000001Z")


def test_a_page_of_orders_begins_a_moment_before_the_last_one_ended(wire: Wire) -> None:
    first = [order_at(number, number // 100) for number in range(500)]
    # Two more of the very moment the first page ends with.
    wire.answer(first, [*first[400:], order_at(500, 4), order_at(501, 4)])
    reports = adapter_at(wire).orders()

    assert [report.broker_order_id for report in reports] == [f"o-{number:04d}" for number in range(502)]
    assert [asked.query for asked in wire.asked] == [
        {"status": "open", "direction": "asc", "nested": "true", "limit": "500"},
        {
            "status": "open", "direction": "asc", "nested": "true", "limit": "500",
            "after": "2026-03-16T18:00:04.499999Z",
        },
    ]  # fmt: skip


def test_a_page_that_is_all_of_one_moment_leads_on_by_id(wire: Wire) -> None:
    first = [order_at(number, 0) for number in range(500)]
    wire.answer(first, first, [order_at(number, 0) for number in range(500, 510)])
    reports = adapter_at(wire).orders()

    assert len({report.broker_order_id for report in reports}) == len(reports) == 510
    assert wire.asked[2].query["after_order_id"] == "o-0499"
    assert "after" not in wire.asked[2].query


def test_a_broker_that_repeats_itself_for_ever_is_left(wire: Wire) -> None:
    page = [order_at(number, 0) for number in range(500)]
    wire.answer(page, page, page)

    assert len(adapter_at(wire).orders()) == 500
    assert len(wire.asked) == 3


def test_legs_count_towards_a_full_page(wire: Wire) -> None:
    legs = [answers.order(id=f"leg-{number}", side="sell") for number in range(2)]
    bracket = [
        order_at(number, 0) | {"legs": [{**leg, "id": f"{number}-{leg['id']}"} for leg in legs]}
        for number in range(167)
    ]
    wire.answer(bracket, [])

    assert len(adapter_at(wire).orders()) == 167
    assert len(wire.asked) == 2


def test_open_orders_are_one_request_however_many_there_are(wire: Wire) -> None:
    wire.answer([order_at(number, 0) for number in range(499)])

    assert len(adapter_at(wire).orders()) == 499
    assert len(wire.asked) == 1


def fill_at(number: int, moment: datetime) -> dict[str, Any]:
    return {
        **answers.FILL,
        "id": f"{moment:%Y%m%d%H%M%S}000::fill-{number:04d}",
        "transaction_time": moment.isoformat(),
    }


def test_fills_are_read_page_by_page_from_the_token(wire: Wire) -> None:
    fills = [fill_at(number, START) for number in range(150)]
    wire.answer(fills[:100], fills[100:])
    reports = adapter_at(wire).fills(cursor="token-0")

    assert [report.execution_id for report in reports] == [fill["id"] for fill in fills]
    assert [asked.query for asked in wire.asked] == [
        {"page_token": "token-0", "direction": "asc", "page_size": "100"},
        {"page_token": fills[99]["id"], "direction": "asc", "page_size": "100"},
    ]
    assert reports[-1].cursor == fills[-1]["id"]


def test_the_cursor_stays_behind_fills_that_may_still_get_neighbours(wire: Wire) -> None:
    now = datetime.now(UTC)
    old, young = fill_at(1, now - 2 * module.UNSETTLED), fill_at(2, now)
    late = fill_at(3, now - 2 * module.UNSETTLED)
    wire.answer([old, young, late])
    reports = adapter_at(wire).fills(since=now - timedelta(days=1))

    assert [report.cursor for report in reports] == [old["id"]] * 3
    assert wire.asked[0].query["after"] == (now - timedelta(days=1)).isoformat().replace("+00:00", "Z")


def test_a_listing_that_leads_nowhere_is_left(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    page = [fill_at(number, START) for number in range(100)]
    bars = {"bars": {}, "next_page_token": "same"}
    wire.answer(page, page, bars, bars)
    with pytest.raises(TryLater, match="does not end"):
        adapter_at(wire).fills()
    with pytest.raises(TryLater, match="does not end"):
        adapter_at(wire).bars("AAPL", "1Min", START, END)
    assert len(wire.asked) == 4

    monkeypatch.setattr(listing, "MOST_PAGES", 1)
    wire.answer(page, [order_at(number, 0) for number in range(500)], {**bars, "next_page_token": "more"})
    for call in (
        adapter_at(wire).fills,
        adapter_at(wire).orders,
        lambda: adapter_at(wire).bars("AAPL", "1Min", START, END),
    ):
        with pytest.raises(TryLater):
            call()


def test_a_listing_with_one_unreadable_fill_is_asked_for_again_rather_than_shortened(wire: Wire) -> None:
    wire.answer([answers.FILL, {**answers.FILL, "price": None}])

    with pytest.raises(TryLater) as problem:
        adapter_at(wire).fills()
    assert "price" in problem.value.sentence


def test_money_is_read_again_from_days_before_the_last_one_taken(wire: Wire) -> None:
    wire.answer([answers.DIVIDEND, {**answers.DIVIDEND, "activity_type": "SPLIT", "net_amount": None}])
    reports = adapter_at(wire).cash_movements(date(2026, 1, 1), cursor="20260805000000000::x")

    assert [(report.kind, report.amount, report.symbol) for report in reports] == [("dividend", D("1.02"), "T")]
    assert wire.asked[0].query["after"] == "2026-07-25"
    assert {"CSD", "DIV", "FEE", "JNLC"} <= set(wire.asked[0].query["activity_types"].split(","))


# --- prices -----------------------------------------------------------------------------------------------------------


def quote(bid: Any, ask: Any) -> dict[str, Any]:
    return {
        "t": "2026-03-16T18:00:00.123456789Z",
        "bp": bid,
        "ap": ask,
        "bs": 3,
        "as": 2,
        "bx": "V",
        "ax": "V",
        "c": ["R"],
        "z": "C",
    }


def test_quotes_of_every_market_come_from_its_own_address(wire: Wire) -> None:
    wire.answer(
        {"quotes": {"BTC/USD": quote(60000.1, 60010.2)}},
        {"quotes": {"AAPL250117C00150000": quote(1.05, 1.1)}},
        {"quotes": {"AAPL": quote(189.1, 189.3), "IBM": quote(0, 190)}},
    )
    reports = adapter_at(wire, feed="sip").quotes(["AAPL", "BTC/USD", "IBM", "AAPL250117C00150000"])

    assert {symbol: (report.bid, report.ask) for symbol, report in reports.items()} == {
        "AAPL": (D("189.1"), D("189.3")),
        "BTC/USD": (D("60000.1"), D("60010.2")),
        "AAPL250117C00150000": (D("1.05"), D("1.1")),
    }
    assert reports["AAPL"].at == datetime(2026, 3, 16, 18, 0, 0, 123456, UTC)
    assert [(asked.path, asked.query) for asked in wire.asked] == [
        ("/v1beta3/crypto/us/latest/quotes", {"symbols": "BTC/USD"}),
        ("/v1beta1/options/quotes/latest", {"symbols": "AAPL250117C00150000"}),
        ("/v2/stocks/quotes/latest", {"symbols": "AAPL,IBM", "feed": "sip"}),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"quotes": {}},
        {"quotes": None},
        {"quotes": {"AAPL": quote(0, 190)}},
        {"quotes": {"AAPL": quote(190, 0)}},
        {"quotes": {"AAPL": quote(191, 190)}},
        {"quotes": {"AAPL": quote("x", 190)}},
        {"quotes": {"AAPL": {**quote(1, 2), "t": None}}},
        {"quotes": {"AAPL": []}},
        (403, {"code": 42210000, "message": "subscription does not permit querying recent SIP data"}),
    ],
)
def test_a_quote_that_cannot_be_used_is_none(wire: Wire, answer: Any) -> None:
    wire.answer(answer)

    with pytest.raises(NoMarketData):
        adapter_at(wire).quote("AAPL")


def test_many_symbols_are_asked_for_in_parts(wire: Wire) -> None:
    wire.answer({"quotes": {}}, {"quotes": {}}, {"quotes": {}})

    assert adapter_at(wire).quotes([f"S{number}" for number in range(401)]) == {}
    assert [len(asked.query["symbols"].split(",")) for asked in wire.asked] == [200, 200, 1]


def bar(minute: int, low: float = 189.0) -> dict[str, Any]:
    return {
        "t": f"2026-03-16T13:{minute}:00Z",
        "o": 189.2,
        "h": 189.4,
        "l": low,
        "c": 189.3,
        "v": 1200,
        "n": 9,
        "vw": 189.25,
    }


def test_bars_are_raw_and_read_to_the_last_page(wire: Wire) -> None:
    wire.answer(
        {"bars": {"AAPL": [bar(30), bar(31)]}, "next_page_token": "more"},
        {"bars": {"AAPL": [bar(32), bar(33, low=189.35), {"t": "x"}]}, "next_page_token": None},
    )
    bars = adapter_at(wire).bars("AAPL", "1Min", START, END)

    assert [(one.start.minute, one.low, one.close, one.volume) for one in bars] == [
        (30, D(189), D("189.3"), D(1200)),
        (31, D(189), D("189.3"), D(1200)),
        (32, D(189), D("189.3"), D(1200)),
    ]
    assert wire.asked[0].path == "/v2/stocks/bars"
    assert wire.asked[0].query == {
        "symbols": "AAPL", "timeframe": "1Min", "start": "2026-03-16T13:30:00Z", "end": "2026-03-16T20:00:00Z",
        "limit": "10000", "sort": "asc", "feed": "iex", "adjustment": "raw",
    }  # fmt: skip
    assert wire.asked[1].query["page_token"] == "more"


def test_the_delayed_feed_has_its_past_on_the_tape_that_is_a_quarter_of_an_hour_old(wire: Wire) -> None:
    wire.answer({"bars": {}, "next_page_token": None})
    now = datetime.now(UTC)
    adapter_at(wire, feed="delayed_sip").bars("AAPL", "1Min", now - timedelta(hours=1), now)
    (asked,) = wire.asked

    assert asked.query["feed"] == "sip"
    assert datetime.fromisoformat(asked.query["end"]) < now - timedelta(minutes=15)


def test_splits_are_new_shares_for_one_old(wire: Wire) -> None:
    def split(new: Any, old: Any, symbol: str = "AAPL") -> dict[str, Any]:
        return {"id": "x", "symbol": symbol, "new_rate": new, "old_rate": old, "ex_date": "2026-03-17"}

    actions = {"forward_splits": [split(4, 1), split(2, 1, "IBM"), split(0, 1)], "reverse_splits": [split(1, 50)]}
    wire.answer({"corporate_actions": actions, "next_page_token": None})
    found = adapter_at(wire).splits("AAPL", date(2026, 1, 1), date(2026, 12, 31))

    assert [(one.effective_on, one.ratio) for one in found] == [
        (date(2026, 3, 17), D(4)),
        (date(2026, 3, 17), D("0.02")),
    ]
    assert adapter_at(wire).splits("BTC/USD", date(2026, 1, 1), date(2026, 12, 31)) == []
    assert len(wire.asked) == 1


# --- the budget, the secret and the process ---------------------------------------------------------------------------


class Counting:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def before(self, method: str, url: str) -> None:
        self.calls.append(f"{method} {url.rsplit('/', 1)[1].split('?', maxsplit=1)[0]}")

    def after(self, url: str, headers: Mapping[str, str]) -> None:
        pass


def test_every_single_request_is_paid_for_pages_too(wire: Wire) -> None:
    wire.answer([fill_at(number, START) for number in range(100)], [], answers.ACCOUNT, accepted())
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
        answers.ACCOUNT, answers.CLOCK, {"quotes": {"AAPL": quote(1, 2)}}, {"bars": {}, "next_page_token": None}
    )
    script = f"""
import sys
from datetime import UTC, datetime
from brokers.alpaca.adapter import AlpacaAdapter
from brokers.base import ConnectionSettings
keys = {{"api_key": "PK", "secret_key": "x"}}
alpaca = AlpacaAdapter(ConnectionSettings("c", "alpaca", True, "{wire.url}", "{wire.url}", credentials=keys))
alpaca.verify(); alpaca.clock(); alpaca.quote("AAPL")
alpaca.bars("AAPL", "1Day", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
sys.exit(bool({{"alpaca", "pandas", "numpy", "pydantic", "django"}} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


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
