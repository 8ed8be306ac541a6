"""What a trade's fills come to, as the computed columns of trades and fills. Pure: nothing is read or written."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from accounts.calendars import exchange_timezone, session_count, session_for
from accounts.models import TradingAccount
from trades.models import Fill, StopMove, Trade, TradeStatus
from trenddojo.domain import positions, risk
from trenddojo.domain.errors import FillError
from trenddojo.domain.metrics.outcomes import outcome_of
from trenddojo.domain.money import rounded_price

NOTHING = Decimal(0)
RATIO_QUANTUM = Decimal("0.0001")
# What the columns hold: 18 digits of money, 10 of R and 11 of a quantity before the point.
MOST_MONEY = Decimal(10) ** 18
MOST_RATIO = Decimal(10) ** 10
MOST_QUANTITY = Decimal(10) ** 11
TOO_LARGE = "This amount is too large to be kept: check quantity and price."

NOT_REALISED: dict[str, Any] = {
    "is_exit": False,
    "realised_gross": NOTHING,
    "realised_costs": NOTHING,
    "realised_net": NOTHING,
}
# What the market did while a trade was open is measured anew once its fills were written.
UNMEASURED: dict[str, Any] = {
    **dict.fromkeys(("mae", "mfe", "mae_price", "mfe_price")),
    "excursion_bar": "",
}
WITHOUT_FILLS: dict[str, Any] = {
    **UNMEASURED,
    **dict.fromkeys(("quantity", "open_quantity", "gross_pnl", "costs", "net_pnl", "open_risk", "open_value"), NOTHING),
    **dict.fromkeys(("actual_entry", "actual_exit", "entry_date", "exit_date", "r_multiple", "gross_r")),
    **dict.fromkeys(("holding_seconds", "holding_sessions", "closed_session", "entry_weekday", "entry_hour")),
    "outcome": "",
    "has_estimated_costs": False,
    "is_incomplete": False,
}


def domain_fill(fill: Fill) -> positions.Fill:
    """The row in the domain's words; its key is the row's id."""
    return positions.Fill(
        key=str(fill.pk),
        side=positions.Side(fill.side),
        quantity=fill.quantity,
        price=fill.price,
        commission=fill.commission,
        fees=fill.fees,
        executed_at=fill.executed_at,
        kind=positions.FillKind(fill.kind),
    )


def ratio(value: Decimal | None) -> Decimal | None:
    """A ratio as its column keeps it; None where it is undefined or beyond what can be kept."""
    if value is None or abs(value) >= MOST_RATIO:
        return None
    return value.quantize(RATIO_QUANTUM, rounding=ROUND_HALF_UP)


def stop_at(stops: Sequence[StopMove], at: datetime, *, plan_of: Trade) -> Decimal | None:
    """The stop in force at a moment; a plan's stop counts from before the plan was typed."""
    in_force = plan_of.initial_stop if has_plan(plan_of) else None
    for move in stops:
        if move.moved_at > at:
            break
        in_force = move.to_price
    return in_force


def has_plan(trade: Trade) -> bool:
    """Whether a plan was made before the first fill: its risk is the frozen one."""
    return trade.planned_quantity is not None and trade.entry_price is not None


def plan_entry(trade: Trade) -> risk.RiskEntry | None:
    if trade.planned_quantity is None or trade.entry_price is None:
        return None
    return risk.RiskEntry(trade.planned_quantity, trade.entry_price, trade.initial_stop)


def risk_columns(
    result: positions.TradeResult | None, *, plan_of: Trade, stops: Sequence[StopMove] = ()
) -> dict[str, Any]:
    """``initial_risk`` (1R in money) and ``initial_stop``, frozen as METRICS says."""
    entries = result.entries if result else ()
    plan = plan_entry(plan_of)
    if plan is None and not stops:
        return {"initial_risk": None, "initial_stop": None}
    first = plan_of.initial_stop if plan else stop_at(stops, entries[0].opened_at, plan_of=plan_of) if entries else None
    taken = [risk.RiskEntry(lot.quantity, lot.price, stop_at(stops, lot.opened_at, plan_of=plan_of)) for lot in entries]
    amount = risk.initial_risk(taken, multiplier=plan_of.multiplier, plan=plan)
    return {"initial_risk": _checked(amount), "initial_stop": first}


def trade_columns(
    result: positions.TradeResult,
    *,
    account: TradingAccount,
    plan_of: Trade,
    stops: Sequence[StopMove] = (),
) -> dict[str, Any]:
    """The computed columns of a trade.

    `plan_of` gives the plan, the multiplier and the stop in force (unsaved for a trade without a plan), `stops` its
    stop moves in time order. Raises FillError (too_large) for money no column can hold.
    """
    if result.quantity_entered >= MOST_QUANTITY:
        raise FillError("too_large", "The position is too large to be kept: check the quantity.", "quantity")
    risks = risk_columns(result, plan_of=plan_of, stops=stops)
    return {
        **risks,
        **_money_columns(result, plan_of=plan_of),
        **_time_columns(result, account=account),
        "direction": result.direction.value,
        "status": TradeStatus.CLOSED if result.is_closed else TradeStatus.ACTIVE,
        "quantity": result.quantity_entered,
        "open_quantity": result.open_quantity,
        "actual_entry": result.average_entry,
        "actual_exit": result.average_exit,
        "r_multiple": ratio(risk.r_multiple(result.net, risks["initial_risk"])) if result.exits else None,
        "gross_r": ratio(risk.r_multiple(result.gross, risks["initial_risk"])) if result.exits else None,
        "outcome": outcome_of(result.net, account.break_even_band).value if result.is_closed else "",
        "is_incomplete": result.is_incomplete,
    }


def fill_columns(
    result: positions.TradeResult, fills: Iterable[positions.Fill], *, account: TradingAccount
) -> dict[str, dict[str, Any]]:
    """What each fill realised and the session it counts in, by the fill's key."""
    realised = realised_by_fill(result)
    return {
        fill.key: {
            **(_realised_columns(*realised[fill.key]) if fill.key in realised else NOT_REALISED),
            "session": session_for(account.exchange, fill.executed_at),
        }
        for fill in fills
    }


def realised_by_fill(result: positions.TradeResult) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Gross, costs and net of each exit, by the fill's key.

    An exit larger than the known position of an incomplete trade has a matched and an unmatched part, which add up.
    Raises FillError (too_large) for money no column can hold: a gain and a loss may balance in the trade alone.
    """
    found: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    for match in result.exits:
        gross, costs, net = match.gross, match.entry_costs + match.exit_costs, match.net
        if match.fill_key in found:
            before = found[match.fill_key]
            gross, costs, net = before[0] + gross, before[1] + costs, before[2] + net
        if abs(gross) >= MOST_MONEY or abs(net) >= MOST_MONEY or costs >= MOST_MONEY:
            raise FillError("too_large", TOO_LARGE, "quantity")
        found[match.fill_key] = (gross, costs, net)
    return found


def _realised_columns(gross: Decimal, costs: Decimal, net: Decimal) -> dict[str, Any]:
    return {"is_exit": True, "realised_gross": gross, "realised_costs": costs, "realised_net": net}


def _money_columns(result: positions.TradeResult, *, plan_of: Trade) -> dict[str, Any]:
    return {
        "gross_pnl": _checked(result.gross),
        "costs": _checked(result.costs),
        "net_pnl": _checked(result.net),
        "open_value": _checked(result.open_cost_basis),
        "open_risk": _checked(open_risk(result, plan_of=plan_of)) or NOTHING,
    }


def open_risk(result: positions.TradeResult, *, plan_of: Trade) -> Decimal | None:
    """Money lost if the stop in force is hit now; None without a stop."""
    if not result.open_quantity:
        return NOTHING
    entry = rounded_price(result.open_cost_basis / result.open_quantity / plan_of.multiplier)
    return risk.open_risk(
        result.direction,
        quantity=result.open_quantity,
        entry=entry,
        stop=plan_of.stop_loss,
        multiplier=plan_of.multiplier,
    )


def _time_columns(result: positions.TradeResult, *, account: TradingAccount) -> dict[str, Any]:
    there = result.opened_at.astimezone(exchange_timezone(account.exchange))
    closed = session_for(account.exchange, result.closed_at) if result.closed_at else None
    opened = session_for(account.exchange, result.opened_at)
    return {
        "entry_date": result.opened_at,
        "exit_date": result.closed_at,
        "occurred_at": result.opened_at,
        "closed_session": closed,
        "entry_weekday": there.weekday(),
        "entry_hour": there.hour,
        "holding_seconds": result.holding_seconds,
        "holding_sessions": session_count(account.exchange, opened, closed) if closed else None,
    }


def _checked(amount: Decimal | None) -> Decimal | None:
    if amount is not None and abs(amount) >= MOST_MONEY:
        raise FillError("too_large", TOO_LARGE, "quantity")
    return amount
