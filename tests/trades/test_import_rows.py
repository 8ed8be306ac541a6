"""A line says one fill in one way, or it gets a sentence."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from trades.imports.mapping import Mapping, guess, missing_roles
from trades.imports.refusals import LineError
from trades.imports.rows import FillReader, ParsedFill, Rules
from trenddojo.domain.instruments import Fractions

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HEADER = ["When", "Symbol", "Side", "Quantity", "Price", "Commission", "Fees", "Id", "Currency"]
COLUMNS = {
    "executed_at": 0, "symbol": 1, "side": 2, "quantity": 3, "price": 4, "commission": 5, "fees": 6,
    "execution_id": 7, "currency": 8,
}  # fmt: skip
GOOD = {
    "When": "2026-03-02 09:31:05", "Symbol": "AAPL", "Side": "buy", "Quantity": "100", "Price": "187.45",
    "Commission": "1", "Fees": "0.02", "Id": "", "Currency": "USD",
}  # fmt: skip


def read(rules: Rules | None = None, *, mapping: dict[str, Any] | None = None, **cells: str) -> ParsedFill | None:
    chosen = Mapping(columns=COLUMNS, **({"timezone": "America/New_York"} | (mapping or {})))
    reader = FillReader(chosen, rules or Rules("USD", Fractions.WHOLE, NOW), columns=len(HEADER))
    return reader.read(7, [({**GOOD, **cells})[name] for name in HEADER])


def test_a_plain_line_is_one_fill() -> None:
    assert read() == ParsedFill(
        7, "AAPL", "stock", Decimal(1), "buy", Decimal(100), Decimal("187.45"), Decimal(1), Decimal("0.02"),
        datetime(2026, 3, 2, 14, 31, 5, tzinfo=UTC), "", closes=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"Quantity": "0"}, "not_positive"),
        ({"Quantity": ""}, "required"),
        ({"Quantity": "1.5"}, "too_many_decimals"),
        ({"Quantity": "1e3"}, "exponent"),
        ({"Quantity": "NaN"}, "not_finite"),
        ({"Quantity": "123456789012345678901234567890"}, "too_many_digits"),
        ({"Quantity": "-5"}, "sign_against_side"),
        ({"Quantity": "=1+1"}, "formula"),
        ({"Quantity": "1,5"}, "ambiguous_separator"),
        ({"Price": "0"}, "not_positive"),
        ({"Price": "-1"}, "not_positive"),
        ({"Price": "1.1234567"}, "too_many_decimals"),
        ({"Price": "Infinity"}, "not_finite"),
        ({"Price": "abc"}, "not_a_number"),
        ({"Price": "999999999999"}, "too_many_digits"),
        ({"Symbol": ""}, "required"),
        ({"Symbol": "=CMD()"}, "bad_symbol"),
        ({"Symbol": "AÄPL"}, "bad_symbol"),
        ({"Side": ""}, "required"),
        ({"Side": "hold"}, "bad_side"),
        ({"When": ""}, "required"),
        ({"When": "yesterday"}, "bad_time"),
        ({"When": "2026-02-30 10:00:00"}, "bad_time"),
        ({"When": "=NOW()"}, "formula"),
        ({"When": "2026-06-02 10:00:00"}, "in_future"),
        ({"When": "1969-12-31 10:00:00"}, "before_1970"),
        ({"Currency": "EUR"}, "other_currency"),
        ({"Id": "x" * 256}, "bad_execution_id"),
    ],
)
def test_what_cannot_have_happened_gets_a_sentence(cells: dict[str, str], code: str) -> None:
    with pytest.raises(LineError) as problem:
        read(**cells)
    assert problem.value.code == code
    assert problem.value.sentence.rstrip("”").endswith((".", "…")) or "“" in problem.value.sentence


@pytest.mark.parametrize(
    ("text", "side", "closes"),
    [
        ("BUY", "buy", False), ("B", "buy", False), ("BOT", "buy", False), ("Bought 100 AAPL @ 187.45", "buy", False),
        ("SELL", "sell", False), ("SLD", "sell", False), ("Sold 5 AAPL", "sell", False), ("sell_short", "sell", False),
        ("Sell short", "sell", False), ("Buy to cover", "buy", True), ("Sell to Close", "sell", True),
        ("Buy to Open", "buy", False), ("Sell to Open", "sell", False), ("STC", "sell", True),
    ],
)  # fmt: skip
def test_brokers_words_for_sides_are_understood(text: str, side: str, closes: bool) -> None:  # noqa: FBT001
    found = read(Side=text)
    assert found is not None
    assert (found.side, found.closes) == (side, closes)


@pytest.mark.parametrize("text", ["Cash Dividend", "Wire Sent", "Journal", "Margin Interest", "Stock Split", "Expired"])
def test_lines_that_are_no_fills_are_left_out(text: str) -> None:
    assert read(Side=text) is None


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2026-03-02T14:31:05Z", "ymd", "2026-03-02T14:31:05"),
        ("2026-03-02T14:31:05.123456Z", "ymd", "2026-03-02T14:31:05.123456"),
        ("2026-03-02T09:31:05-05:00", "ymd", "2026-03-02T14:31:05"),
        ("2026-03-02 09:31", "ymd", "2026-03-02T14:31:00"),
        ("20260302;093105", "ymd", "2026-03-02T14:31:05"),
        ("20260302", "ymd", "2026-03-02T17:00:00"),
        ("2026-03-02, 09:31:05", "ymd", "2026-03-02T14:31:05"),
        ("03/02/2026 09:31:05 AM", "mdy", "2026-03-02T14:31:05"),
        ("3/2/26 9:31 PM", "mdy", "2026-03-03T02:31:00"),
        ("03/02/2026 as of 02/27/2026", "mdy", "2026-03-02T17:00:00"),
        ("02.03.2026 09:31:05", "dmy", "2026-03-02T14:31:05"),
        ("2 Mar 2026 09:31:05", "dmy", "2026-03-02T14:31:05"),
        ("Mar 2, 2026 09:31:05 EST", "mdy", "2026-03-02T14:31:05"),
        ("2026-07-02 09:31:05".replace("07", "04"), "ymd", "2026-04-02T13:31:05"),
    ],
)
def test_times_are_read_in_the_zone_chosen(text: str, order: str, expected: str) -> None:
    found = read(mapping={"date_order": order}, When=text)
    assert found is not None
    assert found.executed_at == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "mark", "expected"),
    [
        ("1,234.50", ".", "1234.50"), ("1,234", ".", "1234"), ("$187.45", ".", "187.45"), ("1'234.5", ".", "1234.5"),
        ("187,45", ",", "187.45"), ("1.234,50", ",", "1234.50"), ("1.234", ",", "1234"), (" 187.45 ", ".", "187.45"),
    ],
)  # fmt: skip
def test_numbers_are_read_by_the_decimal_mark_chosen(text: str, mark: str, expected: str) -> None:
    found = read(mapping={"decimal": mark}, Price=text, Commission="", Fees="")
    assert found is not None
    assert found.price == Decimal(expected)


def test_a_minus_sign_sells_where_that_was_chosen() -> None:
    found = read(mapping={"sides": "sign"}, Quantity="-100")
    assert found is not None
    assert (found.side, found.quantity) == ("sell", Decimal(100))


def test_a_sale_may_be_written_with_a_minus() -> None:
    found = read(Side="SELL", Quantity="-100")
    assert found is not None
    assert (found.side, found.quantity) == ("sell", Decimal(100))


def test_costs_written_with_a_minus_are_paid_and_a_rebate_lowers_the_fees() -> None:
    paid = read(mapping={"costs": "negative"}, Commission="-1.25", Fees="-0.02")
    rebate = read(mapping={"costs": "negative"}, Commission="0.30", Fees="-0.02")
    assert paid is not None
    assert rebate is not None
    assert (paid.commission, paid.fees) == (Decimal("1.25"), Decimal("0.02"))
    assert (rebate.commission, rebate.fees) == (Decimal(0), Decimal("-0.28"))


def test_an_option_symbol_is_an_option_of_a_hundred_shares() -> None:
    found = read(Symbol="AAPL  260320C00200000")
    assert found is not None
    assert (found.symbol, found.asset_class, found.multiplier) == ("AAPL260320C00200000", "option", Decimal(100))


def test_a_symbol_is_read_as_the_account_has_traded_it() -> None:
    found = read(Rules("USD", Fractions.WHOLE, NOW, {"SPY": ("etf", Decimal(1))}), Symbol="NYSE:SPY")
    assert found is not None
    assert (found.symbol, found.asset_class) == ("SPY", "etf")


def test_parts_of_shares_are_read_where_the_account_has_them() -> None:
    found = read(Rules("USD", Fractions.ALLOWED, NOW), Quantity="0.123456789")
    assert found is not None
    assert found.quantity == Decimal("0.123456789")


EXPORTS = {
    "alpaca": (
        "id,activity_type,transaction_time,type,price,qty,side,symbol,leaves_qty,order_id,cum_qty,order_status",
        "20260302::a1,FILL,2026-03-02T14:31:05.1Z,fill,187.45,100,sell_short,AAPL,0,o1,100,filled",
        ("sell", "100", "187.45", "0", "20260302::a1", "2026-03-02T14:31:05.100000+00:00"),
    ),
    "ibkr_flex": (
        "ClientAccountID,CurrencyPrimary,AssetClass,Symbol,Multiplier,DateTime,Buy/Sell,Quantity,TradePrice,Taxes,IBCommission,IBExecID",
        "U1,USD,STK,AAPL,1,20260302;093105,SELL,-100,187.45,0,-1.0000001,0001.01",
        ("sell", "100", "187.45", "1.000000", "0001.01", "2026-03-02T14:31:05+00:00"),
    ),
    "schwab": (
        "Date,Action,Symbol,Description,Quantity,Price,Fees & Comm,Amount",
        '03/02/2026,Buy,AAPL,APPLE INC,100,$187.45,$0.65,"-$18,745.65"',
        ("buy", "100", "187.45", "0.65", "", "2026-03-02T17:00:00+00:00"),
    ),
    "td_ameritrade": (
        "DATE,TRANSACTION ID,DESCRIPTION,QUANTITY,SYMBOL,PRICE,COMMISSION,AMOUNT,REG FEE",
        "03/02/2026,111,Sold 100 AAPL @ 187.45,100,AAPL,187.45,0.00,18745.00,0.02",
        ("sell", "100", "187.45", "0.00", "111", "2026-03-02T17:00:00+00:00"),
    ),
    "tradingview": (
        "Symbol,Side,Type,Qty,Limit Price,Stop Price,Fill Price,Status,Commission,Placing Time,Closing Time,Order ID",
        "NASDAQ:AAPL,Buy,Limit,100,187.50,,187.45,Filled,,2026-03-02 09:30:00,2026-03-02 09:31:05,77",
        ("buy", "100", "187.45", "0", "", "2026-03-02T14:31:05+00:00"),
    ),
    "ibkr_activity": (
        "DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,Comm/Fee,Code",
        'Order,Stocks,USD,AAPL,"2026-03-02, 09:31:05","-1,000",187.45,-1,C;P',
        ("sell", "1000", "187.45", "1", "", "2026-03-02T14:31:05+00:00"),
    ),
    "": (
        "Datum;Symbol;Side;Menge;Kurs;Fees",
        "31.03.2026 15:31;AAPL;Kauf;100;187,45;1,50",
        ("buy", "100", "187.45", "0", "", "2026-03-31T19:31:00+00:00"),
    ),
}


@pytest.mark.parametrize("key", EXPORTS)
def test_exports_of_known_brokers_need_no_mapping_by_hand(key: str) -> None:
    import csv

    header_text, line_text, expected = EXPORTS[key]
    mark = ";" if header_text.count(";") > 2 else ","
    header, cells = list(csv.reader([header_text, line_text], delimiter=mark))
    mapping = guess(header, [cells], timezone="America/New_York")
    assert (mapping.format, missing_roles(mapping)) == (key, [])
    found = FillReader(mapping, Rules("USD", Fractions.WHOLE, NOW), columns=len(header)).read(2, cells)
    assert found is not None
    assert found.symbol == "AAPL"
    got = (
        found.side, str(found.quantity), str(found.price), str(found.commission), found.execution_id,
        found.executed_at.isoformat(),
    )  # fmt: skip
    assert got == expected


def test_a_header_nobody_knows_is_not_guessed() -> None:
    mapping = guess(["Alpha", "Beta"], [["1", "2"]], timezone="UTC")
    assert missing_roles(mapping) == ["executed_at", "symbol", "quantity", "price", "side"]
