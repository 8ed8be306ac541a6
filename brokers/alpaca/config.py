"""What Alpaca can do, and where its endpoints are."""

from dataclasses import replace
from typing import Final

from brokers.base import Capabilities, Restriction, Trait
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderClass, OrderType, TimeInForce

PAPER_KEY: Final = "PK"
LIVE_KEY: Final = "AK"

ORDERS: Final = "/orders"
ORDER_BY_CLIENT_ID: Final = "/orders:by_client_order_id"
FILLS: Final = "/account/activities/FILL"
ACTIVITIES: Final = "/account/activities"
POSITIONS: Final = "/positions"
ACCOUNT: Final = "/v2/account"
CLOCK: Final = "/v2/clock"
LATEST_QUOTES: Final = {
    "stocks": "/v2/stocks/quotes/latest",
    "crypto": "/v1beta3/crypto/us/latest/quotes",
    "options": "/v1beta1/options/quotes/latest",
}
BARS: Final = {
    "stocks": "/v2/stocks/bars",
    "crypto": "/v1beta3/crypto/us/bars",
    "options": "/v1beta1/options/bars",
}
CORPORATE_ACTIONS: Final = "/v1/corporate-actions"

# The largest pages Alpaca gives.
ORDERS_A_PAGE: Final = 500
ACTIVITIES_A_PAGE: Final = 100
BARS_A_PAGE: Final = 10_000
ACTIONS_A_PAGE: Final = 1000
# An address has no more room.
SYMBOLS_A_REQUEST: Final = 200
MOST_PAGES: Final = 1000

DEFAULT_FEED: Final = "iex"
# The delayed feed has quotes only; its past is the consolidated tape's, which is free after a quarter of an hour.
PAST_OF_FEED: Final = {"delayed_sip": "sip"}

_DAY, _GTC = TimeInForce.DAY, TimeInForce.GTC
_PLAIN = frozenset({OrderClass.SIMPLE})

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
    streams_orders=True,
    quotes=True,
    bars=True,
    keeps_orders_while_closed=True,
    restrictions=(
        Restriction(
            Trait.CRYPTO,
            frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT}),
            frozenset({_GTC, TimeInForce.IOC}),
            _PLAIN,
        ),
        Restriction(Trait.OPTION, frozenset({OrderType.MARKET, OrderType.LIMIT}), frozenset({_DAY}), _PLAIN),
        Restriction(Trait.FRACTION, frozenset(OrderType) - {OrderType.TRAILING_STOP}, frozenset({_DAY}), _PLAIN),
        # The documentation says day, the API's description day or gtc: day is right in both.
        Restriction(Trait.EXTENDED_HOURS, frozenset({OrderType.LIMIT}), frozenset({_DAY}), _PLAIN),
        Restriction(Trait.GROUP, frozenset({OrderType.MARKET, OrderType.LIMIT}), frozenset({_DAY, _GTC})),
        Restriction(Trait.TRAILING, times_in_force=frozenset({_DAY, _GTC}), order_classes=_PLAIN),
        Restriction(Trait.AUCTION, frozenset({OrderType.MARKET, OrderType.LIMIT}), order_classes=_PLAIN),
    ),
)

# The stand-in exchange lists stocks only.
STAND_IN_CAPABILITIES: Final = replace(
    CAPABILITIES,
    asset_classes=frozenset({AssetClass.STOCK, AssetClass.ETF}),
    restrictions=tuple(
        restriction
        for restriction in CAPABILITIES.restrictions
        if restriction.trait not in {Trait.CRYPTO, Trait.OPTION}
    ),
)
