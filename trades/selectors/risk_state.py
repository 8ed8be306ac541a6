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
from typing import NamedTuple
from uuid import UUID

from accounts.calendars import session_for
from accounts.models import Broker, TradingAccount
from accounts.selectors import limits_for
from brokers.models import AccountSnapshot
from trades.models import SetupRisk
from trades.selectors.equity import account_equity
from trades.selectors.order_room import NO_ORDERS, OrderRoom, order_room
from trenddojo.domain.risk import AccountState, RiskLimits
from trenddojo.statements import models_of, rows_of

ZERO = Decimal(0)
_NEWEST = """
connection_id = (SELECT id FROM broker_connections WHERE account_id = %(account)s) ORDER BY at DESC LIMIT 1
"""


class _Sums(NamedTuple):
    """Of an account's open trades and waiting plans, and what it lost; in the order of `_SUMS`."""

    open: int
    waiting: int
    unprotected: int
    risk_open: Decimal
    reserved_risk: Decimal
    value_open: Decimal
    reserved_value: Decimal
    symbol_open: Decimal
    symbol_reserved: Decimal
    net_today: Decimal
    net_week: Decimal


_SUMS = """
SELECT count(*) FILTER (WHERE is_open), count(*) FILTER (WHERE NOT is_open),
    count(*) FILTER (WHERE is_open AND stop_loss IS NULL),
    coalesce(sum(open_risk) FILTER (WHERE is_open), 0), coalesce(sum(initial_risk) FILTER (WHERE NOT is_open), 0),
    coalesce(sum(open_value) FILTER (WHERE is_open), 0), coalesce(sum(planned) FILTER (WHERE NOT is_open), 0),
    coalesce(sum(open_value) FILTER (WHERE is_open AND is_same), 0),
    coalesce(sum(planned) FILTER (WHERE NOT is_open AND is_same), 0),
    (SELECT coalesce(sum(realised_net), 0) FROM account_days WHERE account_id = %(account)s AND day = %(today)s),
    (SELECT coalesce(sum(realised_net), 0) FROM account_days
     WHERE account_id = %(account)s AND day BETWEEN %(monday)s AND %(sunday)s)
FROM (
    SELECT status = 'active' AS is_open, stop_loss, open_risk, initial_risk, open_value,
        entry_price * planned_quantity * multiplier AS planned,
        symbol = %(symbol)s AND asset_class = %(asset_class)s AS is_same
    FROM trades
    WHERE account_id = %(account)s AND status IN ('planned', 'pending', 'active') AND id IS DISTINCT FROM %(without)s
) t
"""


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
    session = session_for(account.exchange, now)
    found = _sums(account, session, symbol=symbol, asset_class=str(asset_class), without=without)
    snapshot, orders = None, NO_ORDERS
    if account.broker != Broker.MANUAL:
        snapshot = next(iter(models_of(AccountSnapshot, _NEWEST, {"account": account.pk})), None)
        orders = order_room(
            account, now=now, symbol=symbol, snapshot=snapshot, without=without, without_orders=without_orders
        )
    reserved_risk = found.reserved_risk - orders.plans_risk + orders.risk
    equity = snapshot.equity if snapshot else account_equity(account)
    state = AccountState(
        equity=equity,
        buying_power=_buying_power(equity, found, orders, snapshot),
        open_risk=found.risk_open + reserved_risk,
        open_positions=found.open + found.waiting - orders.plans + orders.positions,
        # A gain is no loss.
        loss_today=max(ZERO, -found.net_today),
        loss_this_week=max(ZERO, -found.net_week),
        position_value_in_symbol=(
            found.symbol_open + found.symbol_reserved - orders.plans_symbol_value + orders.symbol_value
        ),
    )
    return RiskState(
        account=state,
        open_risk=found.risk_open,
        reserved_risk=reserved_risk,
        open_positions=found.open,
        waiting_plans=found.waiting,
        positions_without_stop=found.unprotected,
        orders=orders,
    )


def _buying_power(equity: Decimal, found: _Sums, orders: OrderRoom, snapshot: AccountSnapshot | None) -> Decimal:
    plans = found.reserved_value - orders.plans_value
    if snapshot is not None:
        return snapshot.buying_power - plans - orders.unseen
    return equity - found.value_open - plans - orders.value


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


def _sums(account: TradingAccount, session: date, *, symbol: str, asset_class: str, without: UUID | None) -> _Sums:
    monday = session - timedelta(days=session.weekday())
    given = {
        "account": account.pk,
        "symbol": symbol,
        "asset_class": asset_class,
        "without": without,
        "today": session,
        "monday": monday,
        "sunday": monday + timedelta(days=6),
    }
    (row,) = rows_of(_SUMS, given)
    return _Sums(*row)
