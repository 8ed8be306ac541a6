"""A budget of requests that goes into looking: docs/runbook.md says to look less often, and orders leave again."""

import signal
import sys
from collections.abc import Iterator

import pytest

from tests.runtime.desk_process import copy_checkout
from tests.runtime.operated import Operated, ids, operated, until
from tests.runtime.test_remedies import is_each_at_the_exchange_once, state
from tests.trenddojo.alert_kit import Between

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left"),
]

OFTEN = {"POLL_SECONDS": "1", "SYNC_SECONDS": "5"}
SELDOM = {"POLL_SECONDS": "30", "SYNC_SECONDS": "120"}
# Less than a sync every five seconds asks for, and plenty for a few orders.
ALLOWED = 30


@pytest.fixture
def desk() -> Iterator[Operated]:
    with operated(copy_checkout(), **OFTEN) as made:
        made.quiet()
        yield made


def test_a_desk_that_looks_less_often_leaves_the_budget_to_orders(desk: Operated) -> None:
    desk.exchange.control.set_rate_limit(ALLOWED)
    before = desk.scrape()
    waiting = ids([desk.order() for _ in range(5)])
    desk.fires("BudgetShort", since=before, within=300)

    desk.desk.end(signal.SIGTERM)
    desk.desk.variables |= SELDOM
    desk.desk.start()
    before = desk.scrape()
    until(desk.is_quiet, "a desk at work again", 180)
    # Minutes that the looking has used up may have to end first.
    until(lambda: are_accepted(desk, waiting), "the orders that waited", 300)
    further = ids([desk.order() for _ in range(5)])
    until(lambda: are_accepted(desk, further), "further orders", 300)
    assert "BudgetShort" not in Between(before, desk.scrape()).firing()
    is_each_at_the_exchange_once(desk, waiting + further)


def are_accepted(desk: Operated, orders: list[str]) -> bool:
    return {state(desk, order) for order in orders} == {"accepted"}
