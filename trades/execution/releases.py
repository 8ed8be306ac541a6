"""Orders that wait, for the open or for exits before them, leave when their time has come: checked anew first."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.http import Http404

from brokers.errors import BrokerError
from brokers.models import BrokerConnection
from brokers.services.quotes import quotes_refresh
from brokers.vault import VaultError
from trades.execution.changing import input_of
from trades.execution.desks import Desk, Market, desk_locked, desk_of, has_own_time, market_of
from trades.execution.gate import Checked, order_check
from trades.execution.nudges import order_nudge
from trades.execution.placing import breaches_told
from trades.execution.positions import WAITS_FOR_EXITS
from trades.execution.transitions import transition
from trades.execution.unsent import exit_shrink, order_end
from trades.models import Order
from trades.models.order import WORKING
from trades.selectors.brakes import SILENT
from trenddojo.domain.errors import DomainError
from trenddojo.domain.order_state import OrderFact, OrderState
from trenddojo.domain.orders import OrderError

log = logging.getLogger(__name__)

WORKER = "worker"
MOST = 200
# At the open quotes come one by one, and a pause is over soon: such reasons are waited for so long.
PATIENCE = timedelta(minutes=10)
PASSING = frozenset({"stale_quote", "missing_quote", "orders_per_minute"})


def orders_release(now: datetime, *, limit: int = MOST) -> list[UUID]:
    """Look at every order whose time has come, and send on those that still may; returns the ids of those released.

    Risk, price and the trader's expiry are checked again. Asks brokers for clock and quote, outside any transaction.
    """
    # What waits for a connection that is switched off takes nobody's place, until its own time is over.
    is_alive = Q(connection__is_active=True) | Q(send_before__lte=now)
    due = Order.objects.filter(
        is_alive, Q(send_after=None) | Q(send_after__lte=now), status=OrderState.QUEUED, parent=None
    )
    rows = list(due.order_by("-is_reducing", "created_at").select_related("owner", "connection")[:limit])
    _quotes_ask(rows)
    return [order.pk for order in rows if _look(order, now)]


def _quotes_ask(orders: Sequence[Order]) -> None:
    """One request a connection brings the quotes of all its orders."""
    symbols: dict[BrokerConnection, set[str]] = defaultdict(set)
    for order in orders:
        if order.connection is not None and order.connection.is_active:
            symbols[order.connection].add(order.symbol)
    for connection, wanted in symbols.items():
        try:
            quotes_refresh(connection, sorted(wanted))
        except (BrokerError, VaultError) as problem:
            log.info("order.release.unpriced connection=%s problem=%s", connection.pk, problem)


def _look(order: Order, now: datetime) -> bool:
    """Whether the order was released; what one order runs into does not keep the next one waiting."""
    if order.send_before is not None and order.send_before <= now:
        order_end(order, OrderFact.LAPSE, "lapsed", "Its time to be sent had passed.", now=now)
        return False
    try:
        desk = desk_of(order.owner, order.account_id)
        market = market_of(desk, order.symbol, order.asset_class, now=now)
        return _release(order, market)
    except (OrderError, Http404) as refusal:
        # The connection is disabled or the account archived: the order keeps waiting for the trader.
        log.info("order.release.waits order=%s reason=%s", order.pk, refusal)
    except Exception:  # what this order runs into is no reason for the next one to wait
        log.exception("order.release.failed order=%s", order.pk)
    return False


@transaction.atomic
def _release(order: Order, market: Market) -> bool:
    desk = desk_locked(order.owner, order.account_id)
    order.refresh_from_db()
    if order.status != OrderState.QUEUED or _waits_for_others(desk, order):
        return False
    try:
        checked = _checked(desk, order, market)
    except DomainError as refusal:
        order_end(order, OrderFact.ABANDON, refusal.code, refusal.sentence, now=market.now)
        return False
    if checked.send_after is not None:
        _wait(order, checked.send_after, market)
        return False
    if checked.breaches:
        _deny(order, checked, market)
        return False
    columns = {"reserved_value": checked.value, "reserved_risk": checked.risk, "is_reducing": checked.is_reducing}
    if not transition(
        order,
        OrderFact.RELEASE,
        source=WORKER,
        at=market.now,
        send_after=None,
        reason_code="",
        reason_detail="",
        **columns,
    ):
        return False
    order_nudge(order.pk)
    return True


def _waits_for_others(desk: Desk, order: Order) -> bool:
    """Whether a cancellation that was asked for in its symbol has not come to its end."""
    if order.reason_code != WAITS_FOR_EXITS:
        return False
    others = Order.objects.filter(account=desk.account, symbol=order.symbol, status__in=WORKING)
    return others.filter(cancel_asked_at__isnull=False).exists()


def _checked(desk: Desk, order: Order, market: Market) -> Checked:
    """The order as it would be now. An exit sells no more than is left; raises OrderError when nothing is."""
    legs = list(order.legs.all())
    if order.is_reducing:
        exit_shrink(order, now=market.now)
    return order_check(desk, input_of(order, legs), market, now=market.now, without_orders=[order.pk])


def _wait(order: Order, until: datetime, market: Market) -> None:
    """The market is still shut. One with a time of its own is asked at every sweep."""
    if has_own_time(market.clock, market.now) or order.send_after == until:
        return
    Order.objects.filter(pk=order.pk, version=order.version, status=OrderState.QUEUED).update(send_after=until)


def _deny(order: Order, checked: Checked, market: Market) -> None:
    """Refuse it, unless the reasons pass by themselves and the open was just now."""
    codes = {breach.code for breach in checked.breaches}
    if codes & SILENT:
        # It waits until the desk and its broker are heard of again, and is checked anew then.
        return
    since = order.send_after or market.now
    if codes <= PASSING and market.now - since < PATIENCE:
        return
    transition(
        order,
        OrderFact.DENY,
        source=WORKER,
        at=market.now,
        detail={"breaches": breaches_told(checked.breaches)},
        reason_code=checked.breaches[0].code,
        reason_detail=" ".join(breach.sentence for breach in checked.breaches)[:500],
    )
