"""The demo trader's account at the stand-in exchange: planned, sized, checked and sent as a trader does it.

Everything has a key of its own that is the same each time, so this may be run again and again, by several workers: it
goes on where it was ended, and once every order is written it asks for one row and no more.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from uuid import NAMESPACE_URL, UUID, uuid5

from django.conf import settings
from django.db.models import Min

from accounts.models import TradingAccount, User
from brokers.errors import BrokerError, NoMarketData
from brokers.models import BrokerConnection, Quote
from brokers.services.connections import NewAccount, connection_create
from brokers.services.errors import ConnectionRefusal
from brokers.services.quotes import quote_fetch
from brokers.vault import VaultError
from trades.execution.intents import order_create, order_from_trade
from trades.models import Order, Setup, Trade
from trades.services.plan_input import PlanInput, Target
from trades.services.plans import plan_create, plan_size
from trenddojo.domain.errors import DomainError
from trenddojo.domain.fills import Direction
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderType

log = logging.getLogger(__name__)

NAME = "Stand-in exchange"
RISK_PERCENT = Decimal("0.60")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Idea:
    """A trade to plan: entry, stop and target in percent of the price that is met at the market."""

    symbol: str
    asset_class: AssetClass
    direction: Direction
    type: OrderType
    entry: Decimal
    stop: Decimal
    target: Decimal
    setup: str
    thesis: str


def _idea(symbol: str, direction: Direction, type: OrderType, prices: str, setup: str, thesis: str) -> Idea:  # noqa: A002
    entry, stop, target = map(Decimal, prices.split())
    kind = AssetClass.ETF if symbol == "SPY" else AssetClass.STOCK
    return Idea(symbol, kind, direction, type, entry, stop, target, setup, thesis)


# The first three fill at once and stay open with their exits; the others wait for their price.
IDEAS = (
    _idea(
        "AAPL", Direction.LONG, OrderType.MARKET, "100 95.5 109", "Pullback to the 20-day average",
        "Third touch of the rising average on low volume. Wrong below the low of the pullback.",
    ),
    _idea(
        "IBM", Direction.LONG, OrderType.MARKET, "100 96 112", "Failed breakdown",
        "Bought back within two days of the break. Out if it closes below support again.",
    ),
    _idea(
        "SPY", Direction.SHORT, OrderType.MARKET, "100 102.8 94.4", "Failed breakdown",
        "A hedge for what is long: the index could not hold above last week's high.",
    ),
    _idea(
        "MSFT", Direction.LONG, OrderType.LIMIT, "97 93.5 107.5", "Pullback to the 20-day average",
        "Waits three percent lower, where the average and last month's high meet.",
    ),
    _idea(
        "KO", Direction.LONG, OrderType.LIMIT, "98 95.5 105.5", "Pullback to the 20-day average",
        "Slow and steady: only worth it two percent lower, with room to the old high.",
    ),
)  # fmt: skip


def demo_orders(*, now: datetime) -> int:
    """Connect the demo trader to the stand-in exchange and send its first orders; returns how many were written.

    Where there is no demo trader nothing happens; while the exchange does not answer, nothing yet.
    """
    user = User.objects.filter(username=settings.DEMO_USERNAME).first()
    if user is None or not settings.SIMULATOR_API_KEY or not (ideas := _unwritten(user)):
        return 0
    try:
        connection = _connection(user)
        return sum(_send(connection, idea, now=now) for idea in ideas) if _is_usable(connection) else 0
    except (BrokerError, ConnectionRefusal, VaultError) as problem:
        log.info("demo.exchange.waits reason=%s", type(problem).__name__)
        return 0


def _unwritten(user: User) -> list[Idea]:
    keys = {_key(user, "order", idea): idea for idea in IDEAS}
    written = set(Order.objects.filter(creation_key__in=keys).values_list("creation_key", flat=True))
    return [idea for key, idea in keys.items() if key not in written]


def _key(user: User, kind: str, idea: Idea | None = None) -> UUID:
    return uuid5(NAMESPACE_URL, f"demo/{user.pk}/{kind}/{idea.symbol if idea else ''}")


def _connection(user: User) -> BrokerConnection:
    key = _key(user, "connection")
    known = BrokerConnection.objects.select_related("account", "user").filter(pk=key).first()
    return known or _connect(user, key)


def _connect(user: User, key: UUID) -> BrokerConnection:
    since = TradingAccount.objects.filter(owner=user).aggregate(first=Min("opened_on"))["first"]
    connection = connection_create(
        user=user,
        broker="simulator",
        label=NAME,
        is_paper=True,
        credentials={"api_key": settings.SIMULATOR_API_KEY, "secret_key": settings.SIMULATOR_SECRET_KEY},
        account=NewAccount(NAME),
        creation_key=key,
    )
    # As old as the trader's other accounts: its money came before the year the curves show.
    if since is not None:
        TradingAccount.objects.filter(pk=connection.account_id).update(opened_on=since)
    return connection


def _is_usable(connection: BrokerConnection) -> bool:
    """The trader may have disabled it, or taken its account away."""
    return connection.is_active and connection.account_id is not None


def _send(connection: BrokerConnection, idea: Idea, *, now: datetime) -> bool:
    """Plan the trade unless it is planned, and write its order; says whether it could be done."""
    user = connection.user
    try:
        trade = Trade.objects.filter(creation_key=_key(user, "plan", idea)).first() or _plan(connection, idea, now=now)
        given = order_from_trade(owner=user, trade_id=trade.pk, type=idea.type)
        order_create(owner=user, given=given, creation_key=_key(user, "order", idea), now=now)
    except (DomainError, NoMarketData) as problem:
        # A missing price, or what the trader did meanwhile, stands in the way of this one only.
        log.info("demo.order.left symbol=%s reason=%s", idea.symbol, problem.code)
        return False
    return True


def _plan(connection: BrokerConnection, idea: Idea, *, now: datetime) -> Trade:
    user, quote = connection.user, quote_fetch(connection, idea.symbol)
    entry, stop, target = (_price(idea, quote, percent) for percent in (idea.entry, idea.stop, idea.target))
    setup = Setup.objects.filter(owner=user, name=idea.setup).first()
    plan = PlanInput(
        account_id=connection.account_id,
        symbol=idea.symbol,
        asset_class=idea.asset_class,
        direction=idea.direction,
        entry=entry,
        stop=stop,
        targets=(Target(target),),
        setup_id=setup.pk if setup else None,
        thesis=idea.thesis,
        risk_percent=RISK_PERCENT,
        checklist={criterion.pk: True for criterion in setup.criteria.all()} if setup else {},
    )
    size = plan_size(account=connection.account, plan=plan, now=now)
    # Stop and target come along with whole shares only.
    whole = replace(plan, quantity=size.quantity.to_integral_value(ROUND_DOWN))
    return plan_create(owner=user, plan=whole, creation_key=_key(user, "plan", idea), now=now)


def _price(idea: Idea, quote: Quote, percent: Decimal) -> Decimal:
    met = quote.ask if idea.direction is Direction.LONG else quote.bid
    return (met * percent / 100).quantize(CENT)
