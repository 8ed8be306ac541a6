"""What the first page shows: where the trader stands now, in a number of queries that does not grow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import Count, Window

from accounts.calendars import exchange_timezone, session_for, sessions_between
from accounts.models import RiskPolicy, TradingAccount
from accounts.selectors import policy_of
from trades.models import Trade, TradeStatus
from trades.selectors.equity import ZERO, Change, EquityDay, changes, equity_by_account, equity_days

CHART_SESSIONS = 90
OPEN_SHOWN = 12
# A plan this old was forgotten; a closed trade stays worth a look this long.
OLD_PLAN_DAYS = 14
REVIEW_DAYS = 14
# The share of a loss limit from which on it is near.
NEAR = Decimal("0.7")
HUNDRED = Decimal(100)

_CHART_SPAN = timedelta(days=150)
_LIST_FIELDS = (
    *("id", "symbol", "direction", "stop_loss", "initial_risk", "open_risk", "open_value", "open_quantity"),
    *("actual_entry", "account"),
)


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a limit is used, both in percent of equity; ``limit`` is None where there is none."""

    percent: Decimal | None
    limit: Decimal | None

    @property
    def share(self) -> Decimal | None:
        return None if self.percent is None or not self.limit else self.percent / self.limit

    @property
    def is_near(self) -> bool:
        return self.share is not None and self.share >= NEAR

    @property
    def is_over(self) -> bool:
        return self.share is not None and self.share >= 1


@dataclass(frozen=True, slots=True)
class OpenSums:
    """What is open in one account."""

    active: int = 0
    planned: int = 0
    without_stop: int = 0
    old_plans: int = 0
    risk: Decimal = ZERO
    value: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class AccountNow:
    account: TradingAccount
    equity: Decimal
    today: Decimal
    week: Decimal
    closed_today: int
    open: OpenSums
    heat: Used
    daily_loss: Used
    weekly_loss: Used


@dataclass(frozen=True, slots=True)
class CurrencyNow:
    """The accounts of one currency together, their equity over the last sessions and just before these."""

    currency: str
    accounts: list[AccountNow]
    days: list[EquityDay] = field(default_factory=list)
    equity_before: Decimal = ZERO

    def _sum(self, name: str) -> Decimal:
        return sum((getattr(account, name) for account in self.accounts), ZERO)

    @property
    def equity(self) -> Decimal:
        return self._sum("equity")

    @property
    def today(self) -> Decimal:
        return self._sum("today")

    @property
    def week(self) -> Decimal:
        return self._sum("week")

    @property
    def closed_today(self) -> int:
        return sum(account.closed_today for account in self.accounts)

    @property
    def open_risk(self) -> Decimal:
        return sum((account.open.risk for account in self.accounts), ZERO)

    @property
    def open_value(self) -> Decimal:
        return sum((account.open.value for account in self.accounts), ZERO)

    @property
    def heat(self) -> Used:
        return Used(_percent(self.open_risk, self.equity), None)


def desk_now(accounts: Sequence[TradingAccount], *, now: datetime) -> list[CurrencyNow]:
    """Equity, results and open risk of these accounts by currency; two queries, policies joined already."""
    since = {account.pk: _first_chart_day(account, now) for account in accounts}
    start = min(since.values(), default=now.date())
    found = changes(accounts, since=start) if accounts else []
    opened = _open_sums(accounts, now)
    equity = equity_by_account(found)
    by_currency: dict[str, list[AccountNow]] = {}
    for account in accounts:
        mine = [change for change in found if change.account_id == account.pk]
        here = _account_now(account, mine, equity[account.pk], opened.get(account.pk, OpenSums()), now)
        by_currency.setdefault(account.currency, []).append(here)
    return [_currency_now(currency, here, found, now) for currency, here in by_currency.items()]


def _first_chart_day(account: TradingAccount, now: datetime) -> date:
    today = now.astimezone(exchange_timezone(account.exchange)).date()
    sessions = sessions_between(account.exchange, today - _CHART_SPAN, today)
    # One session more than is shown: what came before is added up in it.
    return sessions[-CHART_SESSIONS - 1] if len(sessions) > CHART_SESSIONS else today - _CHART_SPAN


def _currency_now(currency: str, here: list[AccountNow], found: Iterable[Change], now: datetime) -> CurrencyNow:
    accounts = [each.account for each in here]
    keys = {account.pk for account in accounts}
    until = max(now.astimezone(exchange_timezone(account.exchange)).date() for account in accounts)
    days = equity_days(accounts, [change for change in found if change.account_id in keys], until=until)
    earlier = days[:-CHART_SESSIONS]
    return CurrencyNow(currency, here, days[-CHART_SESSIONS:], earlier[-1].equity if earlier else ZERO)


def _account_now(
    account: TradingAccount, mine: Sequence[Change], equity: Decimal, opened: OpenSums, now: datetime
) -> AccountNow:
    session = session_for(account.exchange, now)
    monday = session - timedelta(days=session.weekday())
    today = sum((change.realised for change in mine if change.day == session), ZERO)
    week = sum((change.realised for change in mine if monday <= change.day <= session), ZERO)
    policy: RiskPolicy = policy_of(account)
    return AccountNow(
        account=account,
        equity=equity,
        today=today,
        week=week,
        closed_today=sum(change.closed for change in mine if change.day == session),
        open=opened,
        heat=Used(_percent(opened.risk, equity), policy.max_open_risk_percent),
        # Of today's equity, as a plan is checked: what is said here is what a plan would be refused for.
        daily_loss=Used(_percent(max(-today, ZERO), equity), policy.max_daily_loss_percent),
        weekly_loss=Used(_percent(max(-week, ZERO), equity), policy.max_weekly_loss_percent),
    )


def _percent(amount: Decimal, equity: Decimal) -> Decimal | None:
    """Percent of equity; None where there is no equity to compare with."""
    return amount * HUNDRED / equity if equity > 0 else None


# The states are spelled out so that the small index over unfinished trades serves.
_OPEN_SUMS = """
SELECT account_id, count(*) FILTER (WHERE status = 'active'), count(*) FILTER (WHERE status <> 'active'),
    count(*) FILTER (WHERE status = 'active' AND stop_loss IS NULL),
    count(*) FILTER (WHERE status = 'planned' AND created_at < %s),
    coalesce(sum(open_risk) FILTER (WHERE status = 'active'), 0),
    coalesce(sum(open_value) FILTER (WHERE status = 'active'), 0)
FROM trades WHERE account_id = ANY(%s) AND status IN ('planned', 'pending', 'active') GROUP BY account_id
"""


def _open_sums(accounts: Iterable[TradingAccount], now: datetime) -> dict[UUID, OpenSums]:
    old = now - timedelta(days=OLD_PLAN_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_SUMS, [old, [account.pk for account in accounts]])
        return {account_id: OpenSums(*sums) for account_id, *sums in cursor.fetchall()}


def open_trades(accounts: Iterable[TradingAccount]) -> tuple[list[Trade], int]:
    """The open positions that risk the most, OPEN_SHOWN at most, each with its account; and how many are open."""
    by_key = {account.pk: account for account in accounts}
    active = Trade.objects.filter(account__in=list(by_key), status=TradeStatus.ACTIVE)
    counted = active.only(*_LIST_FIELDS).annotate(open_count=Window(Count("*")))
    found = list(counted.order_by("-open_risk", "-id")[:OPEN_SHOWN])
    for trade in found:
        trade.account = by_key[trade.account_id]
    return found, found[0].open_count if found else 0


@dataclass(frozen=True, slots=True)
class ReviewCounts:
    """Closed trades of the last REVIEW_DAYS days that miss something, and trades without their opening fills."""

    since: date
    without_notes: int = 0
    without_setup: int = 0
    without_rating: int = 0
    estimated: int = 0
    incomplete: int = 0


_REVIEW = """
SELECT count(*) FILTER (WHERE notes_after = ''), count(*) FILTER (WHERE setup_id IS NULL),
    count(*) FILTER (WHERE rating IS NULL), count(*) FILTER (WHERE has_estimated_costs),
    (SELECT count(*) FROM trades WHERE account_id = ANY(%s) AND is_incomplete)
FROM trades WHERE account_id = ANY(%s) AND status = 'closed' AND closed_session >= %s
"""


def review_counts(accounts: Iterable[TradingAccount], *, today: date) -> ReviewCounts:
    """One query on indexes, so that old trades cost nothing."""
    since = today - timedelta(days=REVIEW_DAYS)
    keys = [account.pk for account in accounts]
    with connection.cursor() as cursor:
        cursor.execute(_REVIEW, [keys, keys, since])
        return ReviewCounts(since, *cursor.fetchone())
