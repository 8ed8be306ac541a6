"""From the words of the exchange to the fields Alpaca sends: money as strings, times to the nanosecond."""

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from brokers.simulator.engine.types import (
    AccountReport,
    Activity,
    Asset,
    ClockReport,
    Order,
    Outcome,
    PositionReport,
    Session,
    TradeUpdate,
)

NEW_YORK = ZoneInfo("America/New_York")
AVERAGE = Decimal("0.000000001")
SHARE = Decimal("0.0001")
# What a movement is more exactly: dividends here are paid in cash, fees are those of the regulators.
SUB_TYPES = {"DIV": "CDIV"}
FEE_TYPES = {"REG fee": "REG", "TAF fee": "TAF", "CAT fee": "CAT"}
Fields = dict[str, Any]


def number(value: Decimal) -> str:
    """Plain digits: no exponent, no zeros at the end."""
    return f"{value.normalize():f}" if value else "0"


def optional(value: Decimal | None) -> str | None:
    return None if value is None else number(value)


def rounded(value: Decimal, unit: Decimal) -> str:
    return number(value.quantize(unit))


def timestamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}000Z"


def optional_timestamp(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def new_york(moment: datetime) -> str:
    return moment.astimezone(NEW_YORK).isoformat()


# --- orders -------------------------------------------------------------------------------------------------------


def order(found: Order, asset_id: str, legs: list[Fields] | None = None) -> Fields:
    average = found.filled_avg_price
    fields: Fields = {
        "id": found.id,
        "client_order_id": found.client_order_id,
        "created_at": timestamp(found.created_at),
        "updated_at": timestamp(found.updated_at),
        "submitted_at": timestamp(found.submitted_at),
        "filled_at": optional_timestamp(found.filled_at),
        "expired_at": optional_timestamp(found.expired_at),
        "canceled_at": optional_timestamp(found.canceled_at),
        "failed_at": optional_timestamp(found.failed_at),
        "replaced_at": optional_timestamp(found.replaced_at),
        "replaced_by": found.replaced_by,
        "replaces": found.replaces,
        "asset_id": asset_id,
        "symbol": found.symbol,
        "asset_class": "us_equity",
        "notional": optional(found.notional),
        "qty": optional(found.qty),
        "filled_qty": number(found.filled_qty),
        "filled_avg_price": None if average is None else rounded(average, AVERAGE),
        "order_class": found.order_class.value,
        "order_type": found.type.value,
        "type": found.type.value,
        "side": found.side.value,
        "position_intent": found.position_intent,
        "time_in_force": found.time_in_force.value,
        "limit_price": optional(found.limit_price),
        "stop_price": optional(found.stop_price),
        "status": found.status.value,
        "extended_hours": found.extended_hours,
        "legs": legs,
        "trail_percent": optional(found.trail_percent),
        "trail_price": optional(found.trail_price),
        "hwm": optional(found.hwm),
        "ratio_qty": None,
        "subtag": None,
        "source": None,
    }
    # The specification has no null here.
    return fields if found.expires_at is None else {**fields, "expires_at": timestamp(found.expires_at)}


def trade_update(update: TradeUpdate, asset_id: str) -> Fields:
    fields: Fields = {
        "event": update.kind.value,
        "event_id": update.event_id,
        "execution_id": update.execution_id or str(uuid.uuid5(uuid.NAMESPACE_OID, update.event_id)),
        "timestamp": timestamp(update.at),
        "at": timestamp(update.at),
        "order": order(update.order, asset_id),
    }
    if update.position_qty is not None:
        fields["position_qty"] = number(update.position_qty)
    if update.qty is None or update.price is None:
        return fields
    return {**fields, "price": number(update.price), "qty": number(update.qty)}


def cancelled(outcome: Outcome) -> Fields:
    return {"id": outcome.id, "status": outcome.http_status}


def closed(outcome: Outcome, write: Callable[[Order], Fields]) -> Fields:
    """One position of a request to close them all: the order, or why there is none."""
    fields: Fields = {"symbol": outcome.symbol, "status": outcome.http_status}
    if outcome.order is not None:
        return {**fields, "body": write(outcome.order)}
    if outcome.rejection is not None:
        return {**fields, "body": {"code": outcome.rejection.code, "message": outcome.rejection.message}}
    return fields


# --- account ------------------------------------------------------------------------------------------------------


def account(report: AccountReport, *, is_suspended: bool) -> Fields:
    money = {
        name: rounded(getattr(report, name), AVERAGE)
        for name in (
            *("cash", "equity", "last_equity", "long_market_value", "short_market_value", "initial_margin"),
            *("maintenance_margin", "last_maintenance_margin", "buying_power", "regt_buying_power"),
            "non_marginable_buying_power",
        )
    }
    return {
        **money,
        "id": report.id,
        "account_number": report.account_number,
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "options_buying_power": "0",
        "options_approved_level": 0,
        "options_trading_level": 0,
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_transfer_out": "0",
        "portfolio_value": money["equity"],
        "position_market_value": rounded(report.long_market_value + report.short_market_value, AVERAGE),
        "sma": "0",
        "multiplier": str(report.multiplier),
        "shorting_enabled": report.shorting_enabled,
        "trading_blocked": report.trading_blocked,
        "transfers_blocked": False,
        "account_blocked": report.account_blocked,
        "trade_suspended_by_user": is_suspended,
        "created_at": timestamp(report.created_at),
        "balance_asof": report.balance_asof.isoformat(),
        "intraday_adjustments": "0",
        "pending_reg_taf_fees": rounded(report.pending_fees, AVERAGE),
    }


def position(report: PositionReport) -> Fields:
    return {
        "asset_id": report.asset.id,
        "symbol": report.asset.symbol,
        "exchange": report.asset.exchange,
        "asset_class": "us_equity",
        "asset_marginable": report.asset.marginable,
        "qty": number(report.qty),
        "qty_available": number(report.qty_available),
        "avg_entry_price": rounded(report.avg_entry_price, AVERAGE),
        "side": "short" if report.qty < 0 else "long",
        "market_value": number(report.market_value),
        "cost_basis": rounded(report.cost_basis, AVERAGE),
        "unrealized_pl": rounded(report.unrealized_pl, AVERAGE),
        "unrealized_plpc": rounded(report.unrealized_plpc, AVERAGE),
        "unrealized_intraday_pl": rounded(report.unrealized_intraday_pl, AVERAGE),
        "unrealized_intraday_plpc": rounded(report.unrealized_intraday_plpc, AVERAGE),
        "current_price": rounded(report.current_price, SHARE),
        "lastday_price": rounded(report.lastday_price, SHARE),
        "change_today": rounded(report.change_today, AVERAGE),
    }


def activity(line: Activity) -> Fields:
    return _fill(line) if line.type == "FILL" else _movement(line)


def _fill(line: Activity) -> Fields:
    return {
        "id": line.id,
        "activity_type": line.type,
        "transaction_time": timestamp(line.at),
        "type": line.fill_kind,
        "price": optional(line.price),
        "qty": optional(line.qty),
        "side": line.side,
        "symbol": line.symbol,
        "leaves_qty": optional(line.leaves_qty),
        "cum_qty": optional(line.cum_qty),
        "order_id": line.order_id,
        "order_status": line.order_status,
    }


def _movement(line: Activity) -> Fields:
    fields = {
        "id": line.id,
        "activity_type": line.type,
        "activity_sub_type": SUB_TYPES.get(line.type) or FEE_TYPES.get(line.description or ""),
        "date": line.at.astimezone(NEW_YORK).date().isoformat(),
        "created_at": timestamp(line.at),
        "net_amount": optional(line.net_amount),
        "currency": "USD",
        "symbol": line.symbol,
        "qty": optional(line.qty),
        "per_share_amount": optional(line.per_share_amount),
        "description": line.description,
        "status": "executed",
    }
    return {name: value for name, value in fields.items() if value is not None}


# --- the market's hours and names ---------------------------------------------------------------------------------


def clock(report: ClockReport) -> Fields:
    return {
        "timestamp": new_york(report.at),
        "is_open": report.is_open,
        "next_open": new_york(report.next_open),
        "next_close": new_york(report.next_close),
    }


def calendar(sessions: Iterable[Session], settlements: dict[Any, Any]) -> list[Fields]:
    """`settlements` gives the day on which what is traded on a day is paid."""

    def hour(session: Session, moment: datetime) -> str:
        local = moment.astimezone(NEW_YORK)
        # A day that never closes ends a minute before the next: its hours have no date of their own.
        return "23:59" if local.date() > session.day else f"{local:%H:%M}"

    return [
        {
            "date": session.day.isoformat(),
            "open": hour(session, session.open),
            "close": hour(session, session.close),
            "session_open": hour(session, session.pre).replace(":", ""),
            "session_close": hour(session, session.post).replace(":", ""),
            "settlement_date": settlements.get(session.day, session.day).isoformat(),
        }
        for session in sessions
    ]


def asset(found: Asset) -> Fields:
    return {
        "id": found.id,
        "class": "us_equity",
        "exchange": found.exchange,
        "symbol": found.symbol,
        "name": found.name,
        "status": "active",
        "tradable": found.tradable,
        "marginable": found.marginable,
        "shortable": found.shortable,
        "easy_to_borrow": found.easy_to_borrow,
        "borrow_status": "easy_to_borrow" if found.easy_to_borrow else "hard_to_borrow",
        "fractionable": found.fractionable,
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "attributes": [],
    }
