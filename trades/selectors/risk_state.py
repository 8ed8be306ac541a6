"""How much risk an account carries and how much room is left: what every plan is checked against.

Open positions count with what they lose if their stop is hit now. Plans that wait, planned and pending alike,
reserve what they would use (their risk, their place, their money) until they are filled or cancelled: otherwise
two plans could both be given the last of the room. Working orders count with their unfilled rest, in place of their
plans. A connected account's equity and buying power are what its broker last said.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, DecimalField, F, Q, Sum, Value
from django.db.models.functions import Coalesce

from accounts.calendars import session_for
from accounts.models import Broker, TradingAccount
from accounts.selectors import limits_for
from brokers.models import AccountSnapshot
from trades.models import AccountDay, SetupRisk, Trade, TradeStatus
from trades.selectors.equity import account_equity
from trades.selectors.order_room import NO_ORDERS, OrderRoom, order_room
from trenddojo.domain.risk import AccountState, RiskLimits

ZERO = Decimal(0)
SUM = DecimalField(max_digits=40, decimal_places=13)
OPEN = Q(status=TradeStatus.ACTIVE)
WAITING = Q(status__in=[TradeStatus.PLANNED, TradeStatus.PENDING])
PLAN_VALUE = F("entry_price") * F("planned_quantity") * F("multiplier")


@dataclass(frozen=True, slots=True)
class RiskState:
    """The account's state for the domain, and what it is made of. Money in the account's currency."""

    account: AccountState
    open_risk: Decimal
    reserved_risk: Decimal
    open_positions: int
    waiting_plans: int
    positions_without_stop: int
    orders: OrderRoom = NO_ORDERS


def risk_state(
    account: TradingAccount,
    *,
    now: datetime,
    symbol: str = "",
    asset_class: str = "",
    without: UUID | None = None,
    without_orders: Collection[UUID] = (),
) -> RiskState:
    """The state just before a plan or an order in `symbol`; `without` leaves one trade's plan and its entries out, as
    if they were not there yet, and `without_orders` these orders."""
    found = _trade_sums(account, symbol=symbol, asset_class=asset_class, without=without)
    today, week = _losses(account, session_for(account.exchange, now))
    snapshot, orders = None, NO_ORDERS
    if account.broker != Broker.MANUAL:
        snapshot = AccountSnapshot.objects.filter(connection__account=account).order_by("-at").first()
        orders = order_room(
            account, now=now, symbol=symbol, snapshot=snapshot, without=without, without_orders=without_orders
        )
    reserved_risk = found["reserved_risk"] - orders.plans_risk + orders.risk
    equity = snapshot.equity if snapshot else account_equity(account)
    state = AccountState(
        equity=equity,
        buying_power=_buying_power(equity, found, orders, snapshot),
        open_risk=found["risk_open"] + reserved_risk,
        open_positions=found["open"] + found["waiting"] - orders.plans + orders.positions,
        loss_today=today,
        loss_this_week=week,
        position_value_in_symbol=(
            found["symbol_open"] + found["symbol_reserved"] - orders.plans_symbol_value + orders.symbol_value
        ),
    )
    return RiskState(
        account=state,
        open_risk=found["risk_open"],
        reserved_risk=reserved_risk,
        open_positions=found["open"],
        waiting_plans=found["waiting"],
        positions_without_stop=found["unprotected"],
        orders=orders,
    )


def _buying_power(
    equity: Decimal, found: dict[str, Decimal], orders: OrderRoom, snapshot: AccountSnapshot | None
) -> Decimal:
    plans = found["reserved_value"] - orders.plans_value
    if snapshot is not None:
        return snapshot.buying_power - plans - orders.unseen
    return equity - found["value_open"] - plans - orders.value


def limits_for_setup(account: TradingAccount, setup_id: UUID | None) -> RiskLimits:
    """The account's limits with what the setup may risk laid over them."""
    limits = limits_for(account)
    own = SetupRisk.objects.filter(account=account, setup_id=setup_id).first() if setup_id else None
    if own is None:
        return limits
    return replace(
        limits,
        risk_per_trade_percent=own.risk_per_trade_percent or limits.risk_per_trade_percent,
        max_position_percent=own.max_position_percent or limits.max_position_percent,
    )


def _trade_sums(account: TradingAccount, *, symbol: str, asset_class: str, without: UUID | None) -> dict[str, Decimal]:
    trades = Trade.objects.filter(account=account).filter(OPEN | WAITING)
    if without is not None:
        trades = trades.exclude(pk=without)
    same = Q(symbol=symbol, asset_class=asset_class)
    return trades.aggregate(
        open=Count("pk", filter=OPEN),
        waiting=Count("pk", filter=WAITING),
        unprotected=Count("pk", filter=OPEN & Q(stop_loss=None)),
        risk_open=_sum("open_risk", OPEN),
        reserved_risk=_sum("initial_risk", WAITING),
        value_open=_sum("open_value", OPEN),
        reserved_value=_sum(PLAN_VALUE, WAITING),
        symbol_open=_sum("open_value", OPEN & same),
        symbol_reserved=_sum(PLAN_VALUE, WAITING & same),
    )


def _sum(expression: object, kept: Q) -> Coalesce:
    return Coalesce(Sum(expression, filter=kept, output_field=SUM), Value(ZERO), output_field=SUM)


def _losses(account: TradingAccount, session: date) -> tuple[Decimal, Decimal]:
    """What was lost in the session and in its week, as positive amounts; gains are no loss."""
    monday = session - timedelta(days=session.weekday())
    days = AccountDay.objects.filter(account=account, day__range=(monday, monday + timedelta(days=6)))
    sums = days.aggregate(
        today=_sum("realised_net", Q(day=session)),
        week=Coalesce(Sum("realised_net", output_field=SUM), Value(ZERO), output_field=SUM),
    )
    return max(ZERO, -sums["today"]), max(ZERO, -sums["week"])
