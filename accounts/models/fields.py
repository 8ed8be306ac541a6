"""The precision of money and percentages."""

PERCENT = {"max_digits": 5, "decimal_places": 2}
MONEY = {"max_digits": 20, "decimal_places": 2}
