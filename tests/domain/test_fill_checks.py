"""A fill that cannot have happened is refused at its field."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from tests.domain.streams import START, fill
from trenddojo.domain.errors import DomainError
from trenddojo.domain.instruments import AssetClass, Fractions, instrument_for
from trenddojo.domain.positions import Direction, Fill, validate_fill, validate_fills

NOW = START + timedelta(days=1)
GOOD = fill(0, "buy", "10", "12.345678", "1.00", "-0.05")


def refusal(fills: list[Fill], direction: Direction | None = None, **names: str) -> tuple[str, str]:
    instrument = instrument_for("A", AssetClass(names["of"])) if names else None
    with pytest.raises(DomainError) as caught:
        validate_fills(fills, now=NOW, direction=direction, instrument=instrument)
    assert caught.value.sentence.endswith(".")
    return caught.value.code, caught.value.field


def test_a_possible_fill_passes() -> None:
    validate_fill(GOOD, now=NOW, instrument=instrument_for("A", AssetClass.STOCK))
    validate_fill(GOOD, now=GOOD.executed_at)
    validate_fills([], now=NOW, direction=Direction.LONG)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"quantity": D(0)}, "not_positive", "quantity"),
        ({"quantity": D(-5)}, "not_positive", "quantity"),
        ({"quantity": D("NaN")}, "not_finite", "quantity"),
        ({"quantity": D("Infinity")}, "not_finite", "quantity"),
        ({"quantity": D("1.0000000001")}, "too_many_decimals", "quantity"),
        ({"quantity": D(10) ** 29}, "too_many_digits", "quantity"),
        ({"price": D(0)}, "not_positive", "price"),
        ({"price": D("-0.01")}, "not_positive", "price"),
        ({"price": D("NaN")}, "not_finite", "price"),
        ({"price": D("1.0123456789")}, "too_many_decimals", "price"),
        ({"commission": D(-1)}, "negative_commission", "commission"),
        ({"commission": D("NaN")}, "not_finite", "commission"),
        ({"commission": D("1e-10")}, "too_many_decimals", "commission"),
        ({"fees": D("Infinity")}, "not_finite", "fees"),
        ({"executed_at": NOW + timedelta(seconds=1)}, "in_future", "executed_at"),
        ({"executed_at": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)}, "before_1970", "executed_at"),
        ({"executed_at": datetime(2025, 1, 1)}, "naive_time", "executed_at"),  # noqa: DTZ001 naive on purpose
    ],
)
def test_an_impossible_fill_is_refused(change: dict[str, object], code: str, field: str) -> None:
    assert refusal([replace(GOOD, **change)]) == (code, field)  # type: ignore[arg-type]


def test_the_instrument_bounds_the_decimals() -> None:
    assert refusal([fill(0, "buy", "1.5", "10")], of="stock") == ("too_many_decimals", "quantity")
    assert refusal([fill(0, "buy", "1", "10.1234567")], of="stock") == ("too_many_decimals", "price")
    fractional = instrument_for("A", AssetClass.STOCK, fractions=Fractions.ALLOWED)
    validate_fill(fill(0, "buy", "1.5", "10"), now=NOW, instrument=fractional)


def test_only_an_expiry_or_a_transfer_in_has_no_price() -> None:
    validate_fill(fill(0, "sell", "1", "0", kind="expiry"), now=NOW)
    validate_fill(fill(0, "buy", "1", "0", kind="transfer_in"), now=NOW)
    assert refusal([fill(0, "sell", "1", "0", kind="transfer_out")]) == ("not_positive", "price")
    assert refusal([fill(0, "sell", "1", "-1", kind="expiry")]) == ("not_positive", "price")


def test_an_exit_larger_than_the_position_is_refused() -> None:
    fills = [fill(0, "buy", "10", "5"), fill(1, "sell", "11", "6")]
    assert refusal(fills, Direction.LONG) == ("exit_exceeds_position", "quantity")
    validate_fills(fills, now=NOW)


def test_an_exit_before_the_entry_is_refused() -> None:
    fills = [fill(1, "buy", "10", "5"), fill(0, "sell", "10", "6")]
    assert refusal(fills, Direction.LONG) == ("exit_before_entry", "executed_at")
    validate_fills(fills, now=NOW, direction=Direction.SHORT)


def test_an_exit_between_two_entries_cannot_use_the_later_one() -> None:
    fills = [fill(0, "sell", "10", "5"), fill(1, "buy", "15", "4"), fill(2, "sell", "10", "5")]
    assert refusal(fills, Direction.SHORT) == ("exit_before_entry", "executed_at")


def test_at_equal_time_the_entry_counts_first() -> None:
    validate_fills([fill(0, "sell", "10", "5"), fill(0, "buy", "10", "5")], now=NOW, direction=Direction.LONG)
