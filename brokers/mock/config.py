"""What the mock broker can do, and what its accounts begin with."""

from decimal import Decimal
from typing import Final

from brokers.base import Capabilities
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderClass, OrderType, TimeInForce

PRICE: Final = Decimal(100)
HALF_SPREAD: Final = Decimal("0.01")
EQUITY: Final = Decimal(100_000)
BUYING_POWER: Final = Decimal(80_000)
CASH: Final = Decimal(20_000)

CAPABILITIES: Final = Capabilities(
    order_types=frozenset(OrderType),
    times_in_force=frozenset(TimeInForce),
    order_classes=frozenset(OrderClass),
    asset_classes=frozenset({AssetClass.STOCK, AssetClass.ETF, AssetClass.OPTION, AssetClass.CRYPTO}),
    extended_hours=True,
    fractions=True,
    shorts=True,
    replaces=True,
    trails_by_price=True,
    refuses_duplicate_ids=True,
    quotes=True,
)
