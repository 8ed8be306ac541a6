"""The acceptance cards that every adapter passes. A card is skipped only where the capabilities say so.

To hold a new adapter to them, write a `Floor` for it (what the test may do to the broker behind the adapter's back) and a
test module with a fixture `floor` and `class TestMyBroker(Cards)`. On a floor the market stands at 100 for SPY, IBM and
BAC, bid 99.99 and ask 100.01, with enough size for every order, and the account may spend 100,000.
"""

import pytest

from tests.brokers.contract.doubts import DoubtCards
from tests.brokers.contract.floor import Floor, Trouble
from tests.brokers.contract.listings import ListingCards
from tests.brokers.contract.made_of import CLASSES, TYPES, buy, needs, new_id, oco, ref_of
from tests.brokers.contract.orders import OrderCards

__all__ = ["CLASSES", "TYPES", "Cards", "Floor", "Trouble", "buy", "new_id", "oco", "ref_of"]


class Cards(ListingCards, DoubtCards, OrderCards):
    """The cards, numbered. Subclass it where a fixture `floor` gives a Floor."""

    @pytest.fixture(autouse=True)
    def _orders_are_placed(self, floor: Floor) -> None:
        """The cards are about orders: an adapter that places none says so, and proves elsewhere that it refuses them."""
        needs(floor, floor.adapter.capabilities.places_orders)
