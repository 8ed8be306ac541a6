"""The precision of every column that holds a price, a quantity or money."""

PRICE = {"max_digits": 20, "decimal_places": 9}
QUANTITY = {"max_digits": 20, "decimal_places": 9}
MONEY = {"max_digits": 20, "decimal_places": 2}
# Brokers report commissions and regulatory fees to fractions of a cent.
COST = {"max_digits": 16, "decimal_places": 6}
RATIO = {"max_digits": 14, "decimal_places": 4}
PERCENT = {"max_digits": 5, "decimal_places": 2}
