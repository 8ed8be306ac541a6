"""Taking what the broker holds into the journal, where no executions tell how it came to be: as a transfer."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.http import Http404

from accounts.calendars import session_for
from accounts.models import TradingAccount, User
from accounts.selectors import account_get_locked
from trades.models import BrokerSyncStatus, Direction, Fill, FillKind, StopMove, Trade
from trades.selectors.positions import PositionLine, positions_compared
from trades.services.audit import audit_record, snapshot
from trades.services.errors import TradeError
from trades.services.figures import figures_following
from trades.services.recompute import trade_recompute
from trades.services.sent_forms import sent_before
from trenddojo.domain import positions
from trenddojo.domain.instruments import AssetClass, instrument_for, validate_symbol
from trenddojo.domain.money import CENT, exact, rounded_price
from trenddojo.domain.sizing import check_levels

ADOPTED = "position.adopted"
ZERO = Decimal(0)
# Averages are told rounded: a cost that is less by a part this small is the same cost.
ROUNDING = Decimal("0.0001")
# A price this many times the broker's average is none anybody paid: something else is missing as well.
FURTHEST = 10


@transaction.atomic
def position_adopt(
    *, owner: User, account_id: UUID, symbol: str, creation_key: UUID, now: datetime, stop: Decimal | None = None
) -> Trade:
    """Bring the journal's position to what the broker holds, and to what it cost there.

    A position the journal lacks becomes an imported trade at the broker's average price, with `stop` as its first stop;
    one that differs in size gets a transfer in, at the price that makes the cost agree with the broker's, or a transfer
    out at its own average. The same key adopts once. Raises Http404 for another's account, and TradeError or
    SizingError with the field for what cannot be adopted.
    """
    account = account_get_locked(owner, account_id)
    known = sent_before(Fill, creation_key, owner=owner)
    if known is not None:
        return known.trade
    line = _line(owner, account, validate_symbol(symbol), now)
    fill = _fill(account, line, creation_key)
    trade = line.trade or _trade(account, line, stop)
    fill.trade = trade
    with figures_following(account, [trade.pk] if line.trade else []) as following:
        if line.trade is None:
            _keep(trade, stop, fill)
        trade.account = account
        trade_recompute(trade, [*trade.fills.all(), fill])
        following.add([trade.pk])
    audit_record(
        account=account,
        actor=owner,
        action=ADOPTED,
        subject=fill,
        before=None,
        after=snapshot(fill),
        trade_id=trade.pk,
    )
    return trade


def _line(owner: User, account: TradingAccount, symbol: str, now: datetime) -> PositionLine:
    """The position as both sides see it; raises where there is nothing certain to adopt."""
    lines = positions_compared(owner, account, now=now)
    line = next((one for one in lines if one.symbol == symbol), None)
    if line is None or line.connection is None:
        raise Http404
    if not line.is_settled:
        sentence = "Something was executed since the broker was last asked: sync the connection, then look again."
        raise TradeError("unsettled", sentence)
    if not line.difference:
        raise TradeError("nothing_to_adopt", "The journal and the broker agree about this position.")
    if line.journal_quantity * line.quantity < 0:
        sentence = "The broker holds the opposite of the journal's position: record the exit that is missing first."
        raise TradeError("opposite", sentence)
    return line


def _fill(account: TradingAccount, line: PositionLine, creation_key: UUID) -> Fill:
    """The transfer that makes up the difference, at the moment the broker told of it."""
    is_more = abs(line.quantity) > abs(line.journal_quantity)
    price = _price_of_more(line) if is_more else line.journal_average or ZERO
    at = line.as_of
    if at is None:
        raise Http404
    return Fill(
        account=account,
        kind=FillKind.TRANSFER_IN if is_more else FillKind.TRANSFER_OUT,
        side=positions.Side.BUY.value if line.difference > 0 else positions.Side.SELL.value,
        quantity=abs(line.difference),
        price=price,
        executed_at=at,
        session=session_for(account.exchange, at),
        creation_key=creation_key,
    )


def _price_of_more(line: PositionLine) -> Decimal:
    """What the missing units cost: the broker's cost less the journal's. Those of a split cost nothing.

    Raises TradeError where the two costs do not belong to the same units.
    """
    average = line.broker_average or ZERO
    if line.trade is None:
        return average
    with exact():
        cost = average * abs(line.quantity)
        missing = cost - line.trade.open_value / line.trade.multiplier
        if -(CENT + cost * ROUNDING) <= missing < 0:
            return ZERO
        price = rounded_price(missing / abs(line.difference))
    if not ZERO <= price <= average * FURTHEST:
        sentence = (
            f"What the journal's {line.symbol} cost does not fit the broker's average, so that no price can be told "
            "for the difference: compare the executions with the broker's, and record what is missing at its price."
        )
        raise TradeError("cost_differs", sentence)
    return price


def _trade(account: TradingAccount, line: PositionLine, stop: Decimal | None) -> Trade:
    direction = Direction.LONG if line.quantity > 0 else Direction.SHORT
    instrument = instrument_for(line.symbol, AssetClass(line.asset_class))
    if stop is not None and line.broker_average is not None:
        entry = line.broker_average
        check_levels(positions.Direction(direction), entry=entry, stop=stop, places=9)
    return Trade(
        owner_id=account.owner_id,
        account=account,
        symbol=line.symbol,
        asset_class=line.asset_class,
        multiplier=instrument.multiplier,
        direction=direction,
        stop_loss=stop,
        occurred_at=line.as_of,
        broker=line.connection.broker if line.connection else "",
        broker_sync_status=BrokerSyncStatus.IMPORTED,
        broker_fill_price=line.broker_average,
        last_sync=line.as_of,
    )


def _keep(trade: Trade, stop: Decimal | None, fill: Fill) -> None:
    trade.save(force_insert=True)
    if stop is not None:
        StopMove.objects.create(trade=trade, moved_at=fill.executed_at, from_price=None, to_price=stop)
