"""Reading the journal: a trade's, a day's, and the days of a month with their results."""

from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum

from accounts.models import User
from trades.models import AccountDay, Fill, JournalDay, Screenshot, Trade
from trades.selectors.trade_pages import COLUMNS, tags_by_trade

MOST_TRADES_OF_A_DAY = 100


@dataclass
class DayLine:
    """A day of the journal list: its page if there is one, and what its trades came to by currency."""

    day: date
    page: JournalDay | None = None
    net: dict[str, Decimal] = field(default_factory=dict)
    n: int = 0
    wins: int = 0
    losses: int = 0


def journal_month(user: User, first: date) -> list[DayLine]:
    """The days of the month on which something was written or realised, the newest first."""
    last = first.replace(day=monthrange(first.year, first.month)[1])
    lines: dict[date, DayLine] = {}
    pages = JournalDay.objects.filter(owner=user, day__range=(first, last)).prefetch_related("tags")
    for page in pages:
        lines[page.day] = DayLine(page.day, page)
    for row in _results(user, first, last):
        line = lines.setdefault(row["day"], DayLine(row["day"]))
        line.net[row["account__currency"]] = row["net"]
        line.n += row["closed"]
        line.wins += row["won"]
        line.losses += row["lost"]
    return [lines[day] for day in sorted(lines, reverse=True)]


def _results(user: User, first: date, last: date) -> QuerySet[Any, dict[str, Any]]:
    days = AccountDay.objects.filter(account__owner=user, day__range=(first, last))
    return (
        days.values("day", "account__currency")
        .annotate(net=Sum("realised_net"), closed=Sum("n"), won=Sum("wins"), lost=Sum("losses"))
        .order_by("day", "account__currency")
    )


def journal_is_empty(user: User) -> bool:
    """Whether there is neither a page nor a day with results yet."""
    return not (
        JournalDay.objects.filter(owner=user).exists() or AccountDay.objects.filter(account__owner=user).exists()
    )


def journal_days_of(user: User) -> QuerySet[JournalDay]:
    """The user's pages of days, with their tags."""
    return JournalDay.objects.filter(owner=user).prefetch_related("tags")


def screenshots_of(user: User) -> QuerySet[Screenshot]:
    """The user's screenshots with the days some are of."""
    return Screenshot.objects.filter(owner=user).select_related("journal_day")


def day_page(user: User, day: date) -> JournalDay | None:
    return JournalDay.objects.filter(owner=user, day=day).first()


def day_results(user: User, day: date) -> list[AccountDay]:
    """What each account realised on this day."""
    return list(AccountDay.objects.filter(account__owner=user, day=day).select_related("account").order_by("account"))


def day_trades(user: User, day: date) -> list[dict[str, Any]]:
    """The trades with a fill in the session of this day, a hundred at most, as rows of the trades table."""
    # A session lies within two days of its date in any zone: the index by time finds the few fills that may count.
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    near = (noon - timedelta(days=3), noon + timedelta(days=3))
    fills = Fill.objects.filter(account__owner=user, executed_at__range=near, session=day)
    found = Trade.objects.filter(owner=user, pk__in=fills.values("trade_id")).order_by("occurred_at", "id")
    rows = list(found.values(*COLUMNS, "account__name", "account__currency", "setup__name")[:MOST_TRADES_OF_A_DAY])
    tags = tags_by_trade(rows)
    for row in rows:
        row["account"] = {"name": row["account__name"], "currency": row["account__currency"]}
        row["setup"] = row["setup__name"] or ""
        row["tags"] = tags.get(row["id"], [])
        row["has_result"] = row["status"] in {"active", "closed"}
    return rows


def neighbours(user: User, day: date) -> tuple[date | None, date | None]:
    """The nearest days before and after on which something was written or realised."""
    pages = JournalDay.objects.filter(owner=user)
    results = AccountDay.objects.filter(account__owner=user)
    before = [
        rows.filter(day__lt=day).order_by("-day").values_list("day", flat=True).first() for rows in (pages, results)
    ]
    after = [
        rows.filter(day__gt=day).order_by("day").values_list("day", flat=True).first() for rows in (pages, results)
    ]
    return max(filter(None, before), default=None), min(filter(None, after), default=None)


def trade_journal(trade: Trade) -> dict[str, Any]:
    """What the panel on a trade's page shows beside its notes: words by kind, checklist, screenshots."""
    words: dict[str, list[str]] = defaultdict(list)
    for tag in trade.tags.all():
        words[tag.kind].append(tag.name)
    return {
        "words": dict(words),
        "checklist": list(trade.checklist.all()),
        "screenshots": list(Screenshot.objects.filter(trade_id=trade.pk)),
    }
