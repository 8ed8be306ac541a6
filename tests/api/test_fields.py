"""How numbers are written in an answer."""

from decimal import Decimal

import pytest

from trenddojo.api.fields import plain


@pytest.mark.parametrize(
    ("value", "shown", "written"),
    [
        ("-0.00", 2, "0.00"),
        ("-0", 0, "0"),
        ("-0.01", 2, "-0.01"),
        ("1E+3", 0, "1000"),
        ("187.4500", 2, "187.45"),
        ("10", 2, "10.00"),
        ("0.000000001", 2, "0.000000001"),
    ],
)
def test_a_decimal_is_written_digit_for_digit_and_nothing_is_never_negative(value, shown, written):
    assert plain(Decimal(value), shown) == written
