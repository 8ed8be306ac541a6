"""What the broker says is held and owned, as it said it: positions, the account's worth, money that moved."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import uuid5

from django.db import transaction
from django.utils import timezone

from accounts.calendars import exchange_timezone
from accounts.models import CashMovement, CashMovementKind, TradingAccount
from brokers.base import AccountReport, CashReport, PositionReport
from brokers.models import BrokerConnection, BrokerPosition
from brokers.services.snapshots import snapshot_keep
from trenddojo.domain.money import cents, rounded_price

# Charges are often booked days after what they are for.
CASH_AGAIN = timedelta(days=10)
A_DAY = timedelta(days=1)
# Two hosts that keep time are no further apart.
CLOCKS_APART = timedelta(seconds=30)
_COMES_IN = frozenset({CashMovementKind.DEPOSIT, CashMovementKind.DIVIDEND, CashMovementKind.INTEREST})
# What money of this kind is called when it goes the other way.
_TURNED = {
    CashMovementKind.DEPOSIT: CashMovementKind.WITHDRAWAL,
    CashMovementKind.WITHDRAWAL: CashMovementKind.DEPOSIT,
    CashMovementKind.DIVIDEND: CashMovementKind.CHARGE,
    CashMovementKind.INTEREST: CashMovementKind.CHARGE,
    CashMovementKind.CHARGE: CashMovementKind.INTEREST,
}
_POSITION = ("quantity", "average_price", "market_price", "unrealized_pnl", "as_of")


def positions_write(connection: BrokerConnection, reports: Sequence[PositionReport], *, as_of: datetime) -> None:
    """Keep what is held and forget what is not any more; three queries. A pull that was overtaken changes nothing."""
    held = {(report.symbol, report.asset_class): report for report in reports if report.quantity}
    rows = [
        BrokerPosition(
            connection=connection,
            symbol=report.symbol,
            asset_class=report.asset_class.value,
            quantity=report.quantity,
            average_price=rounded_price(report.average_price),
            market_price=None if report.market_price is None else rounded_price(report.market_price),
            unrealized_pnl=None if report.unrealized_pnl is None else cents(report.unrealized_pnl),
            as_of=as_of,
        )
        for report in held.values()
    ]
    with transaction.atomic():
        # What was written by a clock that was ahead is not newer.
        until = timezone.now() + CLOCKS_APART
        newer = BrokerConnection.objects.select_for_update().filter(
            pk=connection.pk, last_sync__gt=as_of, last_sync__lte=until
        )
        if newer.values_list("pk", flat=True).first():
            return
        BrokerPosition.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["connection", "symbol", "asset_class"],
            update_fields=_POSITION,
        )
        BrokerPosition.objects.filter(connection=connection).exclude(as_of=as_of).delete()


def snapshot_write(connection: BrokerConnection, report: AccountReport, *, at: datetime) -> None:
    """Keep what the account is worth, and whether it may go short."""
    snapshot_keep(connection, report, at=at)
    if connection.allows_shorts != report.allows_shorts:
        BrokerConnection.objects.filter(pk=connection.pk).update(allows_shorts=report.allows_shorts)
        connection.allows_shorts = report.allows_shorts


def cash_since(connection: BrokerConnection, today: date) -> date:
    """From which day on money that moved is asked for."""
    began = _brokers_day(connection.journal_since or connection.created_at)
    last = connection.last_sync.date() if connection.last_sync else today
    return max(began, min(last, today) - CASH_AGAIN)


def cash_write(connection: BrokerConnection, reports: Iterable[CashReport]) -> int:
    """Record money that moved, each movement once however often it is told; returns how many were new.

    What moved before the account's first day, or before the journal began, is part of what it began with.
    """
    reports = list(reports)
    account = connection.account
    if account is None or not reports:
        return 0
    with transaction.atomic():
        account = TradingAccount.objects.select_for_update().get(pk=account.pk)
        began = connection.journal_since or connection.created_at
        first = _first_day(account, began)
        since = [report for report in reports if report.moved_on >= first and not _is_before(report, began)]
        rows = [_movement(account, report) for report in since if cents(report.amount)]
        keys = [row.creation_key for row in rows]
        known = set(CashMovement.objects.filter(creation_key__in=keys).values_list("creation_key", flat=True))
        new = {row.creation_key: row for row in rows if row.creation_key not in known}
        CashMovement.objects.bulk_create(new.values())
        BrokerConnection.objects.filter(pk=connection.pk).update(cash_cursor=reports[-1].activity_id[:128])
    return len(new)


def _brokers_day(moment: datetime) -> date:
    """Brokers date money by New York's day, which begins hours after UTC's."""
    return moment.astimezone(exchange_timezone("XNYS")).date()


def _first_day(account: TradingAccount, began: datetime) -> date:
    """The broker's day on which the journal began. The account's own first day is the trader's, which may be the next
    one already; one that is later than that was chosen."""
    day = _brokers_day(began)
    return day if account.opened_on <= day + A_DAY else account.opened_on


def _is_before(report: CashReport, began: datetime) -> bool:
    """On the first day only the moment says whether the balance the journal began with has it in it already."""
    return report.booked_at is not None and report.booked_at < began


def _movement(account: TradingAccount, report: CashReport) -> CashMovement:
    kind = CashMovementKind.CHARGE if report.kind == "fee" else CashMovementKind(report.kind)
    if (report.amount > 0) != (kind in _COMES_IN):
        kind = _TURNED[kind]
    note = " ".join(filter(None, (report.symbol, report.description)))
    return CashMovement(
        account=account,
        kind=kind,
        amount=abs(cents(Decimal(report.amount))),
        moved_on=max(report.moved_on, account.opened_on),
        note=note[:200],
        creation_key=uuid5(account.pk, f"cash:{report.activity_id}"),
    )
