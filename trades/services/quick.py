"""Quick entry: a finished trade in one step."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from uuid import UUID, uuid4

from django.db import transaction

from accounts.models import User
from accounts.selectors import account_get_locked
from trades.models import Fill, Trade
from trades.services.columns import domain_fill
from trades.services.errors import TradeError
from trades.services.fills import FillInput, fill_apply
from trades.services.instruments import account_instrument
from trades.services.plans import setup_of
from trades.services.recording import recorded_write
from trades.services.sent_forms import same_or_refuse, sent_before
from trenddojo.domain import positions
from trenddojo.domain.errors import DomainError, FillError
from trenddojo.domain.instruments import validate_symbol
from trenddojo.domain.money import CENT
from trenddojo.domain.sizing import check_levels


@dataclass(frozen=True, slots=True)
class QuickInput:
    """A finished trade as typed; `costs` is what both ways cost together, None to estimate it."""

    account_id: UUID
    symbol: str
    asset_class: str
    direction: str
    quantity: Decimal
    entry_at: datetime
    entry_price: Decimal
    exit_at: datetime
    exit_price: Decimal
    multiplier: Decimal | None = None
    stop: Decimal | None = None
    costs: Decimal | None = None
    setup_id: UUID | None = None
    tag_ids: tuple[UUID, ...] = ()
    notes: str = ""


@transaction.atomic
def quick_entry(*, owner: User, given: QuickInput, creation_key: UUID, now: datetime) -> Trade:
    """Record a trade that is over; the same key a second time returns the first one.

    Raises Http404 for another's account, and domain errors with the field: symbol, multiplier, quantity,
    entry_price, entry_at, exit_price, exit_at, stop, costs, setup.
    """
    account = account_get_locked(owner, given.account_id)
    known = sent_before(Trade, creation_key, owner=owner)
    if known is not None:
        kept = (known.symbol, known.direction, known.quantity, known.entry_date, known.exit_date)
        told = (given.direction, given.quantity, given.entry_at, given.exit_at)
        return same_or_refuse(known, said=(validate_symbol(given.symbol), *told), kept=kept)
    if account.is_archived:
        raise TradeError("archived", "This account is archived: choose another one.", "account")
    instrument = account_instrument(account, given.symbol, given.asset_class, given.multiplier)
    trade = Trade(
        owner=owner,
        account=account,
        creation_key=creation_key,
        symbol=instrument.symbol,
        asset_class=given.asset_class,
        multiplier=instrument.multiplier,
        direction=given.direction,
        stop_loss=given.stop,
        setup=setup_of(owner, given.setup_id),
        notes_after=given.notes,
        occurred_at=given.entry_at,
    )
    fills = _fills(trade, given, now=now)
    _refuse_stop(given, price_places=instrument.price_places)
    recorded_write(trade, fills, given.tag_ids)
    return trade


def _fills(trade: Trade, given: QuickInput, *, now: datetime) -> list[Fill]:
    direction = positions.Direction(given.direction)
    entry_costs, exit_costs = _halves(given.costs)
    legs = (
        ("entry", direction.entry_side, given.entry_price, given.entry_at, entry_costs),
        ("exit", direction.exit_side, given.exit_price, given.exit_at, exit_costs),
    )
    found = []
    for leg, side, price, at, costs in legs:
        fill = Fill(account=trade.account, trade=trade, creation_key=uuid4())
        fees = None if costs is None else Decimal(0)
        said = FillInput(side.value, given.quantity, price, at, commission=costs, fees=fees)
        try:
            fill_apply(fill, trade=trade, given=said, now=now)
        except DomainError as problem:
            raise type(problem)(problem.code, problem.sentence, _field(leg, problem.field)) from problem
        found.append(fill)
    if given.exit_at < given.entry_at:
        raise FillError("exit_before_entry", "The exit is dated before the entry: check the times.", "exit_at")
    positions.validate_fills([domain_fill(fill) for fill in found], now=now, direction=direction)
    return found


def _field(leg: str, field: str) -> str:
    renamed = {"price": f"{leg}_price", "executed_at": f"{leg}_at", "commission": "costs", "fees": "costs"}
    return renamed.get(field, field)


def _halves(costs: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """One figure for both ways: half each, an odd cent on the exit."""
    if costs is None:
        return None, None
    first = (costs / 2).quantize(CENT, rounding=ROUND_DOWN)
    return first, costs - first


def _refuse_stop(given: QuickInput, *, price_places: int) -> None:
    if given.stop is not None:
        direction = positions.Direction(given.direction)
        check_levels(direction, entry=given.entry_price, stop=given.stop, places=price_places)
