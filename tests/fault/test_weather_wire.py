"""What the broker answers in words that nobody knows: orders go their way, and stay what they were placed as."""

import pytest

from tests.fault.sky import Sky, sky

pytestmark = pytest.mark.slow

__all__ = ["sky"]

# What an order is, which its state does not say; the oracle compares the rest.
WORDS = ("symbol", "side", "type", "time_in_force", "order_class")
INJECTION = "wire.unknown_enum"


def test_answers_with_unknown_sides_types_and_classes(sky: Sky) -> None:
    with sky.busy() as driver:
        for _ in range(10):
            sky.inject(INJECTION)
            sky.after(driver, 1)
        # Somebody elsewhere trades, too: such an order is told with the same words.
        sky.inject("market.elsewhere")
        sky.after(driver, 4)
    assert sky.lab.record.strikes()[INJECTION] >= 5
    assert sky.settles() < 60
    for trader, theirs in sky.lab.control.call("dump").items():
        named = "SELECT o.* FROM orders o JOIN broker_connections c ON c.id = o.connection_id WHERE c.broker_account_id = %s"
        rows = {row["broker_order_id"]: row for row in sky.lab.rows(named, theirs["account"]["account_number"])}
        placed = [order for order in theirs["orders"] if order["parent_id"] is None]
        assert {order["id"]: [order[word] for word in WORDS] for order in placed} == {
            order["id"]: [rows[order["id"]][word] for word in WORDS] for order in placed
        }, trader
