"""Reading trades, always through their owner: which ones, how many, and what they come to."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.http import Http404

from accounts.models import TradingAccount, User
from trades.models import FigureTotal, SavedFilter, Setup, Tag, Trade, TradeStatus
from trades.selectors.contributions import HOLDING_BOUNDS

# A filtered list is counted no further than this: beyond it the exact number tells nobody anything.
COUNT_LIMIT = 10_000
WITH_RESULT = (TradeStatus.ACTIVE, TradeStatus.CLOSED)

# Words, quoted phrases, a minus that excludes and the word "or", as search engines taught everybody.
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')


def trades_of(user: User) -> QuerySet[Trade]:
    """All trades of the user; the search column is never read back."""
    return Trade.objects.filter(owner=user).defer("search")


def trades_chosen(user: User, keys: Collection[UUID]) -> QuerySet[Trade]:
    """The user's trades with these keys. Raises Http404 when one of them is another's or gone."""
    wanted = set(keys)
    found = trades_of(user).filter(pk__in=wanted)
    if found.count() != len(wanted):
        raise Http404
    return found


def trades_told(user: User) -> QuerySet[Trade]:
    """All trades of the user with everything an answer of the API says of them, in a fixed number of queries."""
    return trades_of(user).prefetch_related("fills", "tags", "targets", "checklist")


def setups_of(user: User) -> QuerySet[Setup]:
    return Setup.objects.filter(owner=user)


def setups_told(user: User) -> QuerySet[Setup]:
    """The user's setups with their criteria and their risk in each account, in a fixed number of queries."""
    return setups_of(user).prefetch_related("criteria", "risks")


def tags_of(user: User) -> QuerySet[Tag]:
    return Tag.objects.filter(owner=user)


def filters_of(user: User) -> QuerySet[SavedFilter]:
    """The user's filters of the trades list, by name."""
    return SavedFilter.objects.filter(owner=user)


def search_expression(text: str) -> str:
    """What the trader typed as a PostgreSQL tsquery; any input gives a valid one, "" when nothing can be searched.

    Every word matches as a prefix, a quoted phrase as it stands; all must be found unless joined by "or".
    """
    terms: list[str] = []
    for minus, phrase, word in _TERM.findall(text.replace("\0", " ")):
        if word.lower() == "or" and not minus:
            if terms and terms[-1] != "|":
                terms.append("|")
            continue
        term = _phrase(phrase) if phrase else _prefix(word)
        if not term:
            continue
        if terms and terms[-1] != "|":
            terms.append("&")
        terms.append(f"!({term})" if minus else term)
    if terms and terms[-1] == "|":
        terms.pop()
    return " ".join(terms)


def _quoted(word: str) -> str:
    """A word as a quoted tsquery operand: the database's own parser takes it apart as it did the text."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def _prefix(word: str) -> str:
    return f"{_quoted(word)}:*" if re.search(r"\w", word) else ""


def _phrase(phrase: str) -> str:
    words = [_quoted(word) for word in phrase.split() if re.search(r"\w", word)]
    return f"({' <-> '.join(words)})" if words else ""


def matching_text(text: str) -> Q:
    """Trades whose symbol or notes match what was typed; none when nothing in it can be searched."""
    expression = search_expression(text)
    if not expression:
        return Q(pk__in=[])
    return Q(search=SearchQuery(expression, search_type="raw", config="simple"))


def happened_from(day: date, zone: tzinfo) -> Q:
    """Closed in the session of this day or later; what is not closed counts by its entry or plan, in the zone."""
    closed = Q(status=TradeStatus.CLOSED)
    return (closed & Q(closed_session__gte=day)) | (~closed & Q(occurred_at__gte=_start_of(day, zone)))


def happened_to(day: date, zone: tzinfo) -> Q:
    """Closed in the session of this day or earlier; what is not closed counts by its entry or plan, in the zone."""
    closed = Q(status=TradeStatus.CLOSED)
    after = _start_of(day + timedelta(days=1), zone)
    # No trade is entered after it closed: the second bound changes nothing and lets the index by time serve.
    bound = Q(occurred_at__lt=after + timedelta(days=2))
    return bound & ((closed & Q(closed_session__lte=day)) | (~closed & Q(occurred_at__lt=after)))


def _start_of(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def held_within(bucket: int) -> Q:
    """Held for a time in the bucket with this number, the buckets of the figures."""
    bounds = (None, *HOLDING_BOUNDS, None)
    low, high = bounds[bucket], bounds[bucket + 1]
    found = Q(holding_seconds__isnull=False)
    if low is not None:
        found &= Q(holding_seconds__gte=low)
    return found if high is None else found & Q(holding_seconds__lt=high)


def carrying(tag_id: UUID) -> Exists:
    """Trades with this tag."""
    return Exists(Trade.tags.through.objects.filter(trade_id=OuterRef("pk"), tag_id=tag_id))


def untagged() -> Q:
    return ~Q(Exists(Trade.tags.through.objects.filter(trade_id=OuterRef("pk"))))


@dataclass(frozen=True)
class TradeSum:
    """How many trades, and their net result by currency. ``n`` is None where there are more than COUNT_LIMIT.

    ``left_out`` of them miss their opening fills: they are counted, and like in every figure not summed.
    """

    n: int | None
    net: dict[str, Decimal]
    left_out: int = 0


def trades_sum_kept(user: User, account_id: UUID | None = None) -> TradeSum:
    """All complete closed trades, from the kept sums: as quick for a hundred thousand as for one."""
    kept = FigureTotal.objects.filter(account__owner=user, dimension="all")
    if account_id is not None:
        kept = kept.filter(account_id=account_id)
    rows = kept.values_list("account__currency").annotate(Sum("n"), Sum("sum_net")).order_by("account__currency")
    found = list(rows)
    return TradeSum(n=sum(n for _currency, n, _net in found), net={currency: net for currency, _n, net in found})


def trades_sum(trades: QuerySet[Trade], accounts: Iterable[TradingAccount]) -> TradeSum:
    """The trades of a filter, counted to COUNT_LIMIT at most; beyond it no sum is claimed."""
    by_currency: dict[str, list[UUID]] = {}
    for account in accounts:
        by_currency.setdefault(account.currency, []).append(account.pk)
    sums = {
        f"net_{currency}": Sum("net_pnl", filter=Q(account_id__in=keys, is_incomplete=False), default=Decimal(0))
        for currency, keys in sorted(by_currency.items())
    }
    counts = {f"n_{currency}": Count("pk", filter=Q(account_id__in=keys)) for currency, keys in by_currency.items()}
    first = trades.order_by().only("id", "account_id", "net_pnl", "is_incomplete")[: COUNT_LIMIT + 1]
    found = first.aggregate(**sums, **counts, left_out=Count("pk", filter=Q(is_incomplete=True)))
    n = sum(found[f"n_{currency}"] for currency in by_currency)
    if n > COUNT_LIMIT:
        return TradeSum(n=None, net={})
    net = {currency: found[f"net_{currency}"] for currency in sorted(by_currency) if found[f"n_{currency}"]}
    return TradeSum(n=n, net=net, left_out=found["left_out"])
