"""An account whose orders are placed by hand, somewhere else."""

from typing import Final

from brokers.base import Capabilities
from trenddojo.domain.instruments import AssetClass

CAPABILITIES: Final = Capabilities(
    order_types=frozenset(),
    times_in_force=frozenset(),
    order_classes=frozenset(),
    asset_classes=frozenset(AssetClass),
    places_orders=False,
    sends_client_order_id=False,
    finds_client_order_id=False,
)
