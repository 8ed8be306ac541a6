"""From Alpaca's words to ours and back. Tolerant: an unknown word is kept or left out, floats become the Decimal they
were written as, and only what nobody could act on (an order without an id, a fill without a price) is an error.
"""

from datetime import date
from decimal import Decimal
from typing import Any, Final

from brokers.alpaca.parsing import (
    Fields,
    decimal,
    fields,
    moment,
    needed_decimal,
    needed_moment,
    needed_text,
    rows,
    text,
    unreadable,
    word,
)
from brokers.alpaca.symbols import asset_class_of, ours, theirs
from brokers.base import (
    AccountReport,
    CashReport,
    ClockReport,
    FillReport,
    OrderChanges,
    OrderReport,
    OrderRequest,
    PositionReport,
)
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderClass, OrderType, TimeInForce

ZERO: Final = Decimal(0)

S = OrderState
STATES: Final[dict[str, OrderState]] = {
    "new": S.ACCEPTED,
    "accepted": S.ACCEPTED,
    "pending_new": S.ACCEPTED,
    "accepted_for_bidding": S.ACCEPTED,
    "pending_review": S.ACCEPTED,
    "held": S.ACCEPTED,  # a leg that waits for its entry, or for its twin
    "stopped": S.ACCEPTED,  # a fill is guaranteed and has not happened yet
    "suspended": S.ACCEPTED,  # not eligible for trading now, but not over
    "done_for_day": S.ACCEPTED,  # goes on tomorrow
    "calculated": S.ACCEPTED,  # settlement is being worked out: filled or done for the day, the quantity says which
    "pending_replace": S.ACCEPTED,  # works until the replacement is reported
    "partially_filled": S.PARTIALLY_FILLED,
    "filled": S.FILLED,
    "pending_cancel": S.CANCELLING,
    "canceled": S.CANCELLED,
    "expired": S.EXPIRED,
    "rejected": S.REJECTED,
    "replaced": S.REPLACED,
}
SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL, "sell_short": Side.SELL}
ASSET_CLASSES: Final = {
    "us_equity": AssetClass.STOCK,
    "us_option": AssetClass.OPTION,
    "crypto": AssetClass.CRYPTO,
}
CASH_KINDS: Final[dict[str, str]] = {
    "CSD": "deposit",
    "CSW": "withdrawal",
    "CGD": "dividend",
    "DIV": "dividend",
    "DIVCGL": "dividend",
    "DIVCGS": "dividend",
    "DIVFT": "dividend",
    "DIVNRA": "dividend",
    "DIVROC": "dividend",
    "DIVTW": "dividend",
    "DIVTXEX": "dividend",
    "INT": "interest",
    "INTNRA": "interest",
    "INTTW": "interest",
    "FEE": "fee",
    "CFEE": "fee",
    "DIVFEE": "fee",
    "PTC": "fee",
    "PTR": "fee",
}
# Money that comes or goes: the sign says which.
CASH_BOTH_WAYS: Final = frozenset({"ACATC", "JNL", "JNLC", "TRANS"})


# --- what is sent -----------------------------------------------------------------------------------------------------


def number(value: Decimal) -> str:
    """Plain digits as the wire wants them: no exponent, no zeros at the end."""
    return f"{value.normalize():f}" if value else "0"


def order_body(request: OrderRequest) -> dict[str, Any]:
    """The body of POST /v2/orders, every number as an exact string."""
    terms = request.terms
    body: dict[str, Any] = {
        "client_order_id": request.client_order_id,
        "symbol": theirs(terms.symbol),
        "side": terms.side.value,
        "type": terms.type.value,
        "qty": number(terms.quantity),
        "time_in_force": terms.time_in_force.value,
        "order_class": terms.order_class.value,
    }
    body |= _prices(terms, "limit_price", "stop_price", "trail_percent", "trail_price")
    if terms.extended_hours:
        body["extended_hours"] = True
    if terms.take_profit:
        body["take_profit"] = _prices(terms.take_profit, "limit_price")
    if terms.stop_loss:
        body["stop_loss"] = _prices(terms.stop_loss, "stop_price", "limit_price")
    return body


def changes_body(changes: OrderChanges) -> dict[str, str]:
    """The body of PATCH /v2/orders/{id}: what changes, and the new order's id."""
    found = {
        "qty": changes.quantity,
        "limit_price": changes.limit_price,
        "stop_price": changes.stop_price,
        "trail": changes.trail_percent,
    }
    body = {name: number(value) for name, value in found.items() if value is not None}
    if changes.time_in_force is not None:
        body["time_in_force"] = changes.time_in_force.value
    return {**body, "client_order_id": changes.client_order_id}


def _prices(given: object, *names: str) -> dict[str, str]:
    found = {name: getattr(given, name) for name in names}
    return {name: number(value) for name, value in found.items() if value is not None}


# --- what is read -----------------------------------------------------------------------------------------------------


def order_report(given: Any) -> OrderReport:
    """One order with its legs. Raises OutcomeUnknown when it has no id or symbol."""
    raw = fields(given)
    legs = raw.get("legs")
    return _order(raw, tuple(_order(fields(leg), ()) for leg in legs) if isinstance(legs, list) else ())


def order_reports(given: Any) -> list[OrderReport]:
    """A listing. Multi-leg option orders, which only Alpaca's own pages make, are told by their legs."""
    found: list[OrderReport] = []
    for raw in map(fields, rows(given)):
        if raw.get("order_class") == "mleg" and isinstance(raw.get("legs"), list):
            found += [_order(fields(leg), ()) for leg in raw["legs"]]
        else:
            found.append(order_report(raw))
    return found


def _order(raw: Fields, legs: tuple[OrderReport, ...]) -> OrderReport:
    asset_class = ASSET_CLASSES.get(text(raw.get("asset_class"))) or asset_class_of(text(raw.get("symbol")))
    quantity, filled = decimal(raw.get("qty")), decimal(raw.get("filled_qty")) or ZERO
    status = text(raw.get("status"))
    return OrderReport(
        broker_order_id=needed_text(raw, "id"),
        client_order_id=text(raw.get("client_order_id")),
        symbol=ours(needed_text(raw, "symbol"), asset_class),
        asset_class=asset_class,
        side=SIDES.get(text(raw.get("side"))),
        type=word(OrderType, raw.get("type") or raw.get("order_type")),
        time_in_force=word(TimeInForce, raw.get("time_in_force")),
        order_class=word(OrderClass, raw.get("order_class") or OrderClass.SIMPLE.value),
        quantity=quantity,
        filled_quantity=filled,
        filled_average_price=decimal(raw.get("filled_avg_price")),
        state=state_from(status, quantity, filled),
        raw_status=status,
        limit_price=decimal(raw.get("limit_price")),
        stop_price=decimal(raw.get("stop_price")),
        trail_percent=decimal(raw.get("trail_percent")),
        trail_price=decimal(raw.get("trail_price")),
        extended_hours=raw.get("extended_hours") is True,
        submitted_at=moment(raw.get("submitted_at")) or moment(raw.get("created_at")),
        filled_at=moment(raw.get("filled_at")),
        updated_at=moment(raw.get("updated_at")),
        replaces=text(raw.get("replaces")),
        replaced_by=text(raw.get("replaced_by")),
        reason=text(raw.get("reject_reason")),
        legs=legs,
    )


def state_from(status: str, quantity: Decimal | None, filled: Decimal) -> OrderState | None:
    """Where an order stands; None for a status that is not known."""
    state = STATES.get(status)
    if state is not S.ACCEPTED or filled <= 0:
        return state
    return S.FILLED if status == "calculated" and filled == quantity else S.PARTIALLY_FILLED


def fill_report(given: Any) -> FillReport:
    """One FILL activity: it has no commission and names the order by the broker's id only."""
    raw = fields(given)
    symbol = needed_text(raw, "symbol")
    asset_class = asset_class_of(symbol)
    return FillReport(
        execution_id=needed_text(raw, "id"),
        broker_order_id=needed_text(raw, "order_id"),
        symbol=ours(symbol, asset_class),
        asset_class=asset_class,
        side=_side(raw),
        quantity=abs(needed_decimal(raw, "qty")),
        price=needed_decimal(raw, "price"),
        executed_at=needed_moment(raw, "transaction_time"),
        cursor=needed_text(raw, "id"),
    )


def cash_report(given: Any) -> CashReport | None:
    """One activity that moved money; None for what moved none, was taken back or is of a kind we do not keep."""
    raw = fields(given)
    amount, kind = decimal(raw.get("net_amount")), text(raw.get("activity_type"))
    if not amount or raw.get("status") == "canceled" or kind not in CASH_KINDS.keys() | CASH_BOTH_WAYS:
        return None
    return CashReport(
        activity_id=needed_text(raw, "id"),
        kind=CASH_KINDS.get(kind) or ("deposit" if amount > 0 else "withdrawal"),
        amount=amount,
        moved_on=_day(raw),
        symbol=text(raw.get("symbol")),
        description=text(raw.get("description")),
        booked_at=moment(raw.get("created_at")),
    )


def position_report(given: Any) -> PositionReport:
    """What is held. Alpaca names the side; whether a short's quantity is negative as well is not relied upon."""
    raw = fields(given)
    symbol = needed_text(raw, "symbol")
    asset_class = ASSET_CLASSES.get(text(raw.get("asset_class"))) or asset_class_of(symbol)
    quantity = needed_decimal(raw, "qty")
    return PositionReport(
        symbol=ours(symbol, asset_class),
        asset_class=asset_class,
        quantity=-abs(quantity) if raw.get("side") == "short" else quantity,
        average_price=needed_decimal(raw, "avg_entry_price"),
        market_price=decimal(raw.get("current_price")),
        market_value=decimal(raw.get("market_value")),
        unrealized_pnl=decimal(raw.get("unrealized_pl")),
    )


def account_report(given: Any) -> AccountReport:
    raw = fields(given)
    equity = decimal(raw.get("equity"))
    return AccountReport(
        broker_account_id=text(raw.get("account_number")) or needed_text(raw, "id"),
        currency=text(raw.get("currency")) or "USD",
        equity=needed_decimal(raw, "portfolio_value") if equity is None else equity,
        cash=needed_decimal(raw, "cash"),
        buying_power=needed_decimal(raw, "buying_power"),
        block=_block(raw),
        allows_shorts=raw.get("shorting_enabled") is True,
    )


def _block(raw: Fields) -> str:
    """Why nothing may be traded; empty when it may."""
    blocks = {
        "account_blocked": "Alpaca has blocked this account.",
        "trading_blocked": "Alpaca has blocked trading in this account.",
        "trade_suspended_by_user": "Trading is suspended in the account's own settings at Alpaca.",
    }
    said = next((sentence for name, sentence in blocks.items() if raw.get(name) is True), "")
    status = text(raw.get("status"))
    if said or status in {"", "ACTIVE"}:
        return said
    return f"The account is not active at Alpaca: {status.lower().replace('_', ' ')}."


def clock_report(given: Any) -> ClockReport:
    raw = fields(given)
    return ClockReport(
        now=needed_moment(raw, "timestamp"),
        is_open=raw.get("is_open") is True,
        next_open=needed_moment(raw, "next_open"),
        next_close=needed_moment(raw, "next_close"),
    )


def _side(raw: Fields) -> Side:
    side = SIDES.get(text(raw.get("side")))
    if side is None:
        raise unreadable("“side” is neither buy nor sell")
    return side


def _day(raw: Fields) -> date:
    """The day an activity was booked: a date or a time, under two names."""
    for name in ("date", "created_at", "transaction_time"):
        try:
            return date.fromisoformat(text(raw.get(name))[:10])
        except ValueError:
            continue
    raise unreadable("an activity has no date")
