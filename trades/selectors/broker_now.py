"""Where the trader stands at the brokers: what works, what is held, and what needs a look."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from trades.models import Trade, TradeStatus
from trades.selectors.orders import working_counts
from trades.selectors.positions import PositionLine, positions_compared
from trenddojo.domain.reconciliation import PositionState


@dataclass(frozen=True, slots=True)
class BrokerNow:
    """Counts of orders and positions in the connected accounts, and what the positions have gained by currency.

    `lines` are the positions of open trades by trade, `oldest` the one whose price was told first.
    """

    working: int
    in_doubt: int
    held: int
    unmatched: int
    unrealized: dict[str, Decimal] = field(default_factory=dict)
    lines: dict[UUID, PositionLine] = field(default_factory=dict)
    oldest: PositionLine | None = None

    @property
    def needs_eyes(self) -> int:
        return self.in_doubt + self.unmatched


def broker_now(
    owner: User, accounts: Sequence[TradingAccount], connections: Sequence[BrokerConnection], *, now: datetime
) -> BrokerNow | None:
    """What stands at the brokers of these accounts, whose connections these are; None where there is none."""
    connected = {connection.account_id for connection in connections}
    if not connected:
        return None
    chosen = accounts[0] if len(accounts) == 1 else None
    lines = [line for line in positions_compared(owner, chosen, now=now) if line.account.pk in connected]
    working, in_doubt = working_counts([account for account in accounts if account.pk in connected])
    return BrokerNow(
        working=working,
        in_doubt=in_doubt,
        held=len(lines),
        unmatched=sum(line.state != PositionState.MATCHED for line in lines),
        unrealized=_by_currency(lines),
        lines={line.trade.pk: line for line in lines if line.trade is not None},
        oldest=max(
            (line for line in lines if line.age_seconds is not None), key=lambda line: line.age_seconds, default=None
        ),
    )


def position_of(trade: Trade, *, now: datetime) -> PositionLine | None:
    """The position of an open trade as it stands now."""
    if trade.status != TradeStatus.ACTIVE:
        return None
    lines = positions_compared(trade.owner, trade.account, now=now)
    return next((line for line in lines if line.trade is not None and line.trade.pk == trade.pk), None)


def _by_currency(lines: Sequence[PositionLine]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in lines:
        if line.unrealized_pnl is not None:
            found[line.account.currency] = found.get(line.account.currency, Decimal(0)) + line.unrealized_pnl
    return found
