"""How much to order when only the stop is given: the account's risk policy says, as for a plan."""

from datetime import datetime
from decimal import Decimal

from accounts.models import User
from trades.execution.desks import Desk, desk_of, market_of
from trades.execution.shapes import OrderInput
from trades.models import Direction, Side
from trades.services.plan_input import PlanInput
from trades.services.sizing import plan_size
from trenddojo.domain.errors import DomainError
from trenddojo.domain.orders import OrderError

# The plan's words for what the ticket calls otherwise.
_FIELDS = {"stop": "stop_loss", "entry": "limit_price"}


def order_size(*, owner: User, given: OrderInput, now: datetime) -> Decimal:
    """The quantity the limits allow between the order's price and its stop; uses the network for a market order.

    Raises Http404, and DomainError with the field where nothing can be computed.
    """
    if given.stop_loss is None:
        raise OrderError("required", "Enter the quantity, or a protective stop to have it computed.", "quantity")
    desk = desk_of(owner, given.account_id)
    plan = PlanInput(
        account_id=given.account_id,
        symbol=given.symbol,
        asset_class=given.asset_class,
        direction=Direction.LONG if given.side == Side.BUY else Direction.SHORT,
        entry=given.limit_price or given.stop_price or _met(desk, given, now=now),
        stop=given.stop_loss.stop_price,
        targets=(),
    )
    try:
        size = plan_size(account=desk.account, plan=plan, now=now, without=given.trade_id)
    except DomainError as refusal:
        raise type(refusal)(refusal.code, refusal.sentence, _FIELDS.get(refusal.field, refusal.field)) from refusal
    if not size.quantity:
        sentence = size.allowed.zero_reason or "Your limits leave no room for this order."
        raise OrderError("no_room", sentence, "quantity")
    return size.quantity


def _met(desk: Desk, given: OrderInput, *, now: datetime) -> Decimal:
    """The price a market order would meet now."""
    market = market_of(desk, given.symbol, given.asset_class, now=now)
    if market.quote is None:
        raise OrderError("missing_quote", "There is no quote to compute a size from: enter the quantity.", "quantity")
    return market.quote.ask if given.side == Side.BUY else market.quote.bid
