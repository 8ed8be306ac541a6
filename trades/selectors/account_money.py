"""What accounts are worth and what may be spent in them, for many accounts at once.

Of a connected account it is what the broker last said. Of one kept by hand it is what the journal says, and what may be
spent is what a plan is checked against (trades.selectors.risk_state): open positions count at what they cost, and
plans that wait keep their money.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, QuerySet

from accounts.models import Broker, RiskPolicy, TradingAccount, User
from accounts.selectors import accounts_of, policy_of
from trenddojo.statements import rows_of


@dataclass(frozen=True, slots=True)
class AccountMoney:
    """Money in the account's currency. `told_at` is when the broker said so, None where the journal does."""

    account: TradingAccount
    connection_id: UUID | None
    equity: Decimal
    cash: Decimal
    buying_power: Decimal
    as_of: datetime
    told_at: datetime | None

    @property
    def policy(self) -> RiskPolicy:
        return policy_of(self.account)


class _Row(NamedTuple):
    account_id: UUID
    equity: Decimal
    bought: Decimal
    spent: Decimal
    told_at: datetime | None
    told_equity: Decimal | None
    told_cash: Decimal | None
    told_power: Decimal | None


_MONEY = """
SELECT a.id,
    a.starting_balance
        + coalesce((SELECT sum(realised_net) FROM account_days WHERE account_id = a.id), 0)
        + coalesce((SELECT sum(CASE WHEN kind IN ('deposit', 'dividend', 'interest') THEN amount ELSE -amount END)
            FROM cash_movements WHERE account_id = a.id), 0),
    coalesce(t.bought, 0), coalesce(t.spent, 0), s.at, s.equity, s.cash, s.buying_power
FROM accounts a
LEFT JOIN LATERAL (
    SELECT sum(CASE WHEN status <> 'active' THEN 0 WHEN direction = 'short' THEN -open_value ELSE open_value END)
            AS bought,
        sum(CASE WHEN status = 'active' THEN open_value ELSE entry_price * planned_quantity * multiplier END) AS spent
    FROM trades WHERE account_id = a.id AND status IN ('planned', 'pending', 'active')
) t ON true
LEFT JOIN broker_connections c ON c.account_id = a.id
LEFT JOIN LATERAL (
    SELECT at, equity, cash, buying_power FROM account_snapshots WHERE connection_id = c.id ORDER BY at DESC LIMIT 1
) s ON a.broker <> %(manual)s
WHERE a.id = ANY(%(accounts)s)
"""


def accounts_with_connections(user: User) -> QuerySet[TradingAccount]:
    """The user's accounts with their policies, each with `connection_key`."""
    return accounts_of(user).annotate(connection_key=F("connection__id"))


def accounts_money(accounts: Iterable[Any], *, now: datetime) -> list[AccountMoney]:
    """The money of accounts of `accounts_with_connections`, in their order; one query."""
    accounts = list(accounts)
    given = {"accounts": [account.pk for account in accounts], "manual": Broker.MANUAL.value}
    rows = {row.account_id: row for row in map(_Row._make, rows_of(_MONEY, given))}
    return [_money(account, rows[account.pk], now) for account in accounts]


def _money(account: Any, row: _Row, now: datetime) -> AccountMoney:
    if row.told_at is not None:
        told = (row.told_equity, row.told_cash, row.told_power)
        return AccountMoney(account, account.connection_key, *told, as_of=row.told_at, told_at=row.told_at)
    return AccountMoney(
        account,
        account.connection_key,
        equity=row.equity,
        cash=row.equity - row.bought,
        buying_power=row.equity - row.spent,
        as_of=now,
        told_at=None,
    )
