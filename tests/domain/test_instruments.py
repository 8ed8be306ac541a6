"""Instruments know their steps; symbols are cleaned or refused."""

from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.errors import DomainError, SymbolError
from trenddojo.domain.instruments import (
    AssetClass,
    Fractions,
    OptionContract,
    floor_to_lot,
    instrument_for,
    parse_option,
    tick_at,
    validate_symbol,
)


@pytest.mark.parametrize(
    ("asset_class", "multiplier", "tick", "lot", "price_places", "quantity_places"),
    [
        ("stock", "1", "0.01", "1", 6, 0),
        ("etf", "1", "0.01", "1", 6, 0),
        ("option", "100", "0.01", "1", 6, 0),
        ("future", "1", "0.01", "1", 9, 0),
        ("crypto", "1", "0.000000001", "0.000000001", 9, 9),
    ],
)
def test_each_class_has_its_steps(
    asset_class: str, multiplier: str, tick: str, lot: str, price_places: int, quantity_places: int
) -> None:
    found = instrument_for("abc", AssetClass(asset_class))
    assert found.symbol == "ABC"
    assert (found.multiplier, found.tick, found.lot) == (D(multiplier), D(tick), D(lot))
    assert (found.price_places, found.quantity_places) == (price_places, quantity_places)


def test_an_account_with_fractions_holds_parts_of_a_share_but_not_of_a_contract() -> None:
    share = instrument_for("VTI", AssetClass.ETF, fractions=Fractions.ALLOWED)
    option = instrument_for("VTI", AssetClass.OPTION, fractions=Fractions.ALLOWED)
    assert (share.lot, share.quantity_places) == (D("0.000000001"), 9)
    assert (option.lot, option.quantity_places) == (D(1), 0)


def test_a_contract_may_have_its_own_multiplier() -> None:
    assert instrument_for("/ES", AssetClass.FUTURE, multiplier=D(50)).multiplier == D(50)


@pytest.mark.parametrize("multiplier", ["0", "-1", "NaN", "Infinity"])
def test_a_multiplier_must_be_above_zero(multiplier: str) -> None:
    with pytest.raises(DomainError) as caught:
        instrument_for("ES", AssetClass.FUTURE, multiplier=D(multiplier))
    assert (caught.value.code, caught.value.field) == ("bad_multiplier", "multiplier")


@pytest.mark.parametrize(
    ("quantity", "lot", "floored"),
    [
        ("10.9", "1", "10"),
        ("0.99", "1", "0"),
        ("-5", "1", "0"),
        ("250", "100", "200"),
        ("0.1234567899", "0.000000001", "0.123456789"),
    ],
)
def test_a_quantity_is_rounded_down_to_lots(quantity: str, lot: str, floored: str) -> None:
    assert floor_to_lot(D(quantity), D(lot)) == D(floored)


def test_shares_under_a_dollar_have_a_finer_tick() -> None:
    stock = instrument_for("A", AssetClass.STOCK)
    option = instrument_for("A", AssetClass.OPTION)
    assert [tick_at(stock, D("0.99")), tick_at(stock, D(1)), tick_at(option, D("0.5"))] == [
        D("0.0001"),
        D("0.01"),
        D("0.01"),
    ]


@pytest.mark.parametrize(
    ("typed", "symbol"),
    [
        ("aapl", "AAPL"),
        (" BRK.B ", "BRK.B"),
        ("BF-B", "BF-B"),
        ("BTC/USD", "BTC/USD"),
        ("/ES", "/ES"),
        ("0700.HK", "0700.HK"),
        ("AAPL  250117C00150000", "AAPL250117C00150000"),
        ("AAPL250117C00150000", "AAPL250117C00150000"),
        ("spxw  251219p05900000", "SPXW251219P05900000"),
    ],
)
def test_a_symbol_is_cleaned(typed: str, symbol: str) -> None:
    assert validate_symbol(typed) == symbol


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "required"),
        ("  ", "required"),
        ("AA PL", "bad_symbol"),
        ("A$", "bad_symbol"),
        ("<script>", "bad_symbol"),
        ("=HYPERLINK", "bad_symbol"),
        ("ÄPL", "bad_symbol"),
        ("\u017f", "bad_symbol"),
        ("A\x00", "bad_symbol"),
        (".A", "bad_symbol"),
        ("A" * 33, "bad_symbol"),
        ("AAPL250230C00150000", "bad_option_date"),
    ],
)
def test_a_symbol_no_instrument_has_is_refused(typed: str, code: str) -> None:
    with pytest.raises(SymbolError) as caught:
        validate_symbol(typed)
    assert (caught.value.code, caught.value.field) == (code, "symbol")


def test_an_option_symbol_is_read() -> None:
    assert parse_option("AAPL250117C00150500") == OptionContract("AAPL", date(2025, 1, 17), "call", D("150.5"))
    assert parse_option("SPXW251219P05900000") == OptionContract("SPXW", date(2025, 12, 19), "put", D(5900))
    assert parse_option("AAPL") is None
    assert parse_option("AAPL251319P05900000") is None


@given(st.text(max_size=40))
def test_a_cleaned_symbol_is_clean(text: str) -> None:
    try:
        symbol = validate_symbol(text)
    except SymbolError:
        return
    assert validate_symbol(symbol) == symbol
    assert symbol.isascii()
    assert len(symbol) <= 32
