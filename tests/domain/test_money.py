"""Amounts round the same way everywhere, and a typed number is understood or refused with a sentence."""

import pickle
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.errors import CurrencyMismatchError, DomainError, NumberError
from trenddojo.domain.money import Money, cents, check_decimal, decimal_places, parse_decimal, parse_positive


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("1.005", "1.01"),
        ("-1.005", "-1.01"),
        ("1.0049999999999999999999999999", "1.00"),
        ("2.675", "2.68"),
        ("0", "0.00"),
        ("12345678901234567890123456789012345.675", "12345678901234567890123456789012345.68"),
    ],
)
def test_cents_round_halves_away_from_zero(amount: str, rounded: str) -> None:
    assert str(cents(D(amount))) == rounded


def test_nothing_is_shown_as_minus_zero() -> None:
    assert str(cents(D("-0.004"))) == "0.00"


@given(st.decimals(-(10**9), 10**9, places=6))
def test_the_cents_of_the_negative_are_the_negative_cents(amount: D) -> None:
    assert cents(-amount) == -cents(amount)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.5", "12.5"),
        (" 12.50 ", "12.50"),
        ("+3", "3"),
        ("-3", "-3"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1,234.5", "1234.5"),
        ("-1,234,567", "-1234567"),
        ("0", "0"),
        ("0.000000001", "0.000000001"),
        ("12345678901.123456789", "12345678901.123456789"),
    ],
)
def test_a_typed_number_is_read(text: str, value: str) -> None:
    assert parse_decimal(text) == D(value)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "required", "Enter the price."),
        ("   ", "required", "Enter the price."),
        ("1e5", "exponent", "without an exponent"),
        ("-1.5E-3", "exponent", "without an exponent"),
        ("NaN", "not_finite", "ordinary number"),
        ("-snan12", "not_finite", "ordinary number"),
        ("Infinity", "not_finite", "ordinary number"),
        ("-inf", "not_finite", "ordinary number"),
        ("123456789012345678901234567890", "too_many_digits", "at most 11 digits"),
        ("9" * 65, "too_many_digits", "use fewer digits"),
        ("1.0123456789", "too_many_decimals", "at most 9 decimals"),
        ("1,234", "ambiguous_separator", "use a point for decimals"),
        ("12,5", "ambiguous_separator", "use a point for decimals"),
        ("1.234,56", "ambiguous_separator", "use a point for decimals"),
        ("1,23,456.0", "ambiguous_separator", "use a point for decimals"),
        ("1 234", "not_a_number", "must be a number"),
        ("1_000", "not_a_number", "must be a number"),
        ("$12", "not_a_number", "must be a number"),
        ("0x1F", "not_a_number", "must be a number"),
        ("=1+1", "not_a_number", "must be a number"),
        ("--1", "not_a_number", "must be a number"),
        ("٣", "not_a_number", "must be a number"),
        (".", "not_a_number", "must be a number"),
        ("1\x00", "not_a_number", "must be a number"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused_at_its_field(text: str, code: str, says: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_decimal(text, field="price", name="price")
    assert (caught.value.code, caught.value.field) == (code, "price")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "places", "says"),
    [("1.5", 0, "a whole number"), ("1.25", 1, "at most 1 decimal."), ("1.123", 2, "2 decimals.")],
)
def test_too_many_decimals_says_how_many_there_may_be(text: str, places: int, says: str) -> None:
    with pytest.raises(NumberError, match=says):
        parse_decimal(text, places=places)


def test_zeros_at_the_end_are_no_extra_decimals() -> None:
    assert parse_decimal("1.50000000000", places=2) == D("1.5")
    assert [decimal_places(D(text)) for text in ("1.50", "100", "1E+2", "0.000", "NaN")] == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("text", ["0", "-1", "-0.000000001"])
def test_zero_and_negative_are_refused_where_a_positive_number_is_asked(text: str) -> None:
    with pytest.raises(NumberError, match="greater than zero") as caught:
        parse_positive(text, field="quantity", name="quantity")
    assert caught.value.code == "not_positive"
    assert parse_positive("0.1") == D("0.1")


def test_a_decimal_that_is_no_number_is_refused() -> None:
    with pytest.raises(NumberError) as caught:
        check_decimal(D("NaN"))
    assert caught.value.code == "not_finite"


@given(st.decimals(min_value=-(10**10), max_value=10**10, places=9))
def test_what_is_written_out_is_read_back(value: D) -> None:
    assert parse_decimal(f"{value:f}") == value


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_a_domain_error(text: str) -> None:
    try:
        value = parse_decimal(text)
    except DomainError as error:
        sentence = error.sentence
    else:
        sentence = "."
        assert value.is_finite()
    assert sentence.endswith(".")


def test_an_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(NumberError("exponent", "Write it out.", "price")))  # noqa: S301 our own bytes
    assert (error.code, error.sentence, error.field, str(error)) == (
        "exponent",
        "Write it out.",
        "price",
        "Write it out.",
    )


def test_money_adds_within_one_currency() -> None:
    two, three = Money(D(2), "USD"), Money(D(3), "USD")
    assert two + three == Money(D(5), "USD")
    assert two - three == -Money(D(1), "USD")
    assert two * 3 == Money(D(6), "USD")
    assert two < three
    assert two <= Money(D(2), "USD")
    assert Money(D("1.005"), "USD").rounded() == Money(D("1.01"), "USD")


def test_money_of_two_currencies_never_meets() -> None:
    with pytest.raises(CurrencyMismatchError, match="USD and EUR cannot be combined"):
        Money(D(1), "USD") + Money(D(1), "EUR")
    with pytest.raises(CurrencyMismatchError):
        assert Money(D(1), "USD") < Money(D(1), "EUR")
    assert Money(D(1), "USD") != Money(D(1), "EUR")


@pytest.mark.parametrize("currency", ["usd", "US", "USDT", "", "US1"])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    with pytest.raises(CurrencyMismatchError, match="three capital letters"):
        Money(D(1), currency)
