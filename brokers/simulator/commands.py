"""Everything that changes the exchange, as data: a name and JSON arguments, so that it can be kept and done again.

A command either raises and changes nothing, or is part of the journal for ever.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.simulator import parsing, script
from brokers.simulator.engine.exchange import Exchange
from brokers.simulator.engine.recorded import ReplayMarket
from brokers.simulator.engine.types import Activity, Asset, Event, Order, OrderDraft, Outcome, Rejection
from brokers.simulator.errors import SimulatorError, malformed

Arguments = dict[str, Any]
INSTANT = timedelta(microseconds=1)


class World:
    """The engine, its market, and what the broker's front remembers about its accounts."""

    def __init__(self, exchange: Exchange, market: Any) -> None:
        self.exchange = exchange
        self.market = market
        # Account id to the settings of /v2/account/configurations that were changed.
        self.configurations: dict[str, Arguments] = {}
        # What was written on the tape of a scripted market: the market itself keeps nothing.
        self.script: list[Arguments] = []
        self._events: list[Event] = []

    def advance(self, to: datetime) -> None:
        """Time that a command takes by itself."""
        self._events += self.exchange.advance(to)

    def happened(self) -> list[Event]:
        """Everything since the last call, in order."""
        events, self._events = self._events, []
        return events + self.exchange.drain()

    def write_script(self, line: Arguments) -> None:
        """Append to the tape. Raises SimulatorError where prices do not come from a script."""
        add = getattr(self.market, "add", None)
        if add is None or isinstance(self.market, ReplayMarket):
            raise SimulatorError("Prices can only be set in a scripted market.")
        try:
            add(script.item(line))
        except (ValueError, ArithmeticError, KeyError) as problem:
            raise SimulatorError(f"This cannot be shown by the market: {problem}.") from problem
        self.script.append(line)

    def read_script(self, lines: Iterable[Arguments]) -> None:
        for line in lines:
            self.write_script(line)


# --- what clients ask for -------------------------------------------------------------------------------------------


def _submit(world: World, given: Arguments) -> Order:
    return world.exchange.submit(given["account_id"], _draft(world, given["order"]))


def _draft(world: World, body: Arguments) -> OrderDraft:
    draft = parsing.order_draft(body)
    # Orders may name their asset by its id.
    return draft if "-" not in draft.symbol else _renamed(draft, _asset(world, draft.symbol).symbol)


def _renamed(draft: OrderDraft, symbol: str) -> OrderDraft:
    return replace(draft, symbol=symbol)


def _asset(world: World, symbol_or_id: str) -> Asset:
    try:
        return world.exchange.asset(symbol_or_id)
    except Rejection as problem:
        raise malformed(f'asset "{symbol_or_id}" not found') from problem


def _replace(world: World, given: Arguments) -> Order:
    changes = parsing.order_changes(given["changes"])
    return world.exchange.replace(given["account_id"], given["order_id"], changes)


def _cancel(world: World, given: Arguments) -> None:
    world.exchange.cancel(given["account_id"], given["order_id"])


def _cancel_all(world: World, given: Arguments) -> list[Outcome]:
    return world.exchange.cancel_all(given["account_id"])


def _close_position(world: World, given: Arguments) -> Order:
    qty, percentage = parsing.decimal(given, "qty"), parsing.decimal(given, "percentage")
    if qty is not None and percentage is not None:
        raise malformed("only one of qty and percentage is allowed")
    return world.exchange.close_position(given["account_id"], given["symbol"], qty=qty, percentage=percentage)


def _close_all(world: World, given: Arguments) -> list[Outcome]:
    return world.exchange.close_all(given["account_id"], cancel_orders=given["cancel_orders"])


def _configure(world: World, given: Arguments) -> None:
    world.configurations.setdefault(given["account_id"], {}).update(given["changes"])


# --- what the control port asks for ---------------------------------------------------------------------------------


def _open_account(world: World, given: Arguments) -> str:
    cash = parsing.decimal(given, "cash") or Decimal(0)
    kind = given.get("kind", "margin")
    try:
        report = world.exchange.open_account(
            key_id=given["key_id"], secret_key=given["secret_key"], cash=cash, kind=kind
        )
    except ValueError as problem:
        raise SimulatorError(f"The account cannot be opened: {problem}.") from problem
    return report.id


def _change_keys(world: World, given: Arguments) -> None:
    world.exchange.change_keys(given["account_id"], key_id=given["key_id"], secret_key=given["secret_key"])


def _transfer(world: World, given: Arguments) -> Activity:
    amount = parsing.decimal(given, "amount") or Decimal(0)
    return world.exchange.transfer(given["account_id"], amount, type=given.get("type", "CSD"))


def _block(world: World, given: Arguments) -> None:
    world.exchange.block_trading(given["account_id"])


def _unblock(world: World, given: Arguments) -> None:
    world.exchange.unblock_trading(given["account_id"])


def _place_external(world: World, given: Arguments) -> Order:
    return world.exchange.place_external(given["account_id"], _draft(world, given["order"]))


def _fill_late(world: World, given: Arguments) -> None:
    world.exchange.fill_late(given["account_id"], given["order_id"])


def _show(world: World, given: Arguments) -> None:
    """A quote or a trade, an instant after the present, so that the exchange sees it come."""
    at = world.exchange.now + INSTANT
    world.write_script({**given, "at": at.isoformat()})
    world.advance(at)


def _show_bar(world: World, given: Arguments) -> None:
    """A minute of the past, with the moment it began; the tape is written in order of time."""
    world.write_script(given)


def _halt(world: World, given: Arguments) -> None:
    world.exchange.halt(given["symbol"])


def _resume(world: World, given: Arguments) -> None:
    world.exchange.resume(given["symbol"])


def _split(world: World, given: Arguments) -> None:
    world.exchange.split(given["symbol"], _required(given, "ratio"), at=_at(given))


def _dividend(world: World, given: Arguments) -> None:
    world.exchange.dividend(given["symbol"], _required(given, "amount"), at=_at(given))


def _set_delays(world: World, given: Arguments) -> None:
    world.exchange.set_delays(
        route=parsing.seconds(given, "route"),
        cancel=parsing.seconds(given, "cancel"),
        replace=parsing.seconds(given, "replace"),
    )


def _play(world: World, given: Arguments) -> None:
    """Time alone passed, and something happened by then that clients were told."""


def _required(given: Arguments, name: str) -> Decimal:
    value = parsing.decimal(given, name)
    if value is None:
        raise SimulatorError(f"Write a number for {name}.")
    return value


def _at(given: Arguments) -> datetime | None:
    return parsing.moment(given, "at")


COMMANDS: dict[str, Callable[[World, Arguments], Any]] = {
    "submit": _submit,
    "replace": _replace,
    "cancel": _cancel,
    "cancel_all": _cancel_all,
    "close_position": _close_position,
    "close_all": _close_all,
    "configure": _configure,
    "open_account": _open_account,
    "change_keys": _change_keys,
    "transfer": _transfer,
    "block": _block,
    "unblock": _unblock,
    "place_external": _place_external,
    "fill_late": _fill_late,
    "show": _show,
    "show_bar": _show_bar,
    "halt": _halt,
    "resume": _resume,
    "split": _split,
    "dividend": _dividend,
    "set_delays": _set_delays,
    "play": _play,
}
