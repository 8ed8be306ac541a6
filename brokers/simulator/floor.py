"""The trading floor: the exchange with its clock, its journal and everybody who listens."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from brokers.simulator import parsing
from brokers.simulator.clock import Clock
from brokers.simulator.commands import COMMANDS, World
from brokers.simulator.engine.exchange import Exchange
from brokers.simulator.engine.types import Event, Rejection, TradeUpdate
from brokers.simulator.equity_history import EquityHistory
from brokers.simulator.errors import ApiError, SimulatorError
from brokers.simulator.journal import LONGEST, Entry, Journal

Listener = Callable[[Event], None]


class Floor:
    """Every request comes to the exchange through here, one after the other, at the present of its clock."""

    def __init__(self, world: World, clock: Clock, journal: Journal | None, identity: Mapping[str, str]) -> None:
        self.world = world
        self.clock = clock
        self.history = EquityHistory()
        self.listeners: list[Listener] = []
        # Which market this is: a journal only makes sense with the prices it was written under.
        self.identity = dict(identity)
        self._journal = journal
        self._asset_ids: dict[str, str] = {}

    @property
    def exchange(self) -> Exchange:
        return self.world.exchange

    # --- the present -------------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Play the market up to what the clock shows, and tell what happened."""
        events = self._advance(self.clock.now())
        if any(isinstance(event, TradeUpdate) for event in events):
            # Once told, it has happened: after a kill the exchange does not begin before it.
            self._keep(self.exchange.now, "play", {})
        self._tell(events)

    def execute(self, command: str, **arguments: Any) -> Any:
        """Do it, keep it, tell it; in this order. Raises what the command raises, with nothing changed."""
        self.catch_up()
        # A command may move time by itself; it is done again at the moment it began.
        began = self.exchange.now
        answer = COMMANDS[command](self.world, arguments)
        events = self.world.happened()
        self.clock.reach(self.exchange.now)
        self._keep(began, command, arguments)
        self._tell(events)
        return answer

    def _advance(self, to: datetime) -> list[Event]:
        events = self.exchange.advance(to)
        account_ids = self.exchange.account_ids()
        if account_ids and self.history.is_due(self.exchange.now):
            for account_id in account_ids:
                self.history.add(account_id, self.exchange.now, self.exchange.account_report(account_id).equity)
        return events

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            for listener in self.listeners:
                listener(event)

    # --- keeping -----------------------------------------------------------------------------------------------------

    def restore(self, make: Callable[[dict[str, Any]], Exchange]) -> None:
        """Bring back what the journal holds; `make` builds the exchange of a snapshot."""
        if self._journal is None:
            return
        snapshot, entries = self._journal.read()
        if snapshot is not None:
            self._load(snapshot, make, self._journal)
        for entry in entries:
            self._repeat(entry)

    def _repeat(self, entry: Entry) -> None:
        """What happened was told before: the outbox is emptied unread."""
        self._advance(datetime.fromisoformat(entry.at))
        try:
            COMMANDS[entry.command](self.world, entry.arguments)
        except (Rejection, ApiError) as problem:
            raise SimulatorError(
                f"The exchange no longer accepts what it had accepted at {entry.at} ({problem}): "
                "move its folder away to begin with a fresh one."
            ) from problem
        self.world.happened()

    def needs_checkpoint(self) -> bool:
        """Whether playing the journal again would take noticeably long."""
        return self._journal is not None and self._journal.length >= LONGEST

    def checkpoint(self) -> None:
        """Write a snapshot; what came before it need not be played again."""
        if self._journal is None:
            return
        self.catch_up()
        self._journal.write_snapshot(
            {
                "identity": self.identity,
                "exchange": self.exchange.dump(),
                "configurations": self.world.configurations,
                "script": self.world.script,
                "equity": self.history.dump(),
            }
        )

    def close(self) -> None:
        self.checkpoint()
        if self._journal is not None:
            self._journal.release()

    def _load(self, snapshot: dict[str, Any], make: Callable[[dict[str, Any]], Exchange], journal: Journal) -> None:
        if snapshot["identity"] != self.identity:
            kept = ", ".join(f"{name} {value}" for name, value in snapshot["identity"].items())
            raise SimulatorError(
                f"The kept exchange has another market ({kept}): start it with the same options or use another folder."
            )
        try:
            self.world.read_script(snapshot["script"])
            self.world.exchange = make(snapshot["exchange"])
            self.world.configurations = snapshot["configurations"]
            self.history.load(snapshot["equity"])
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as problem:
            # What an older version wrote has another shape.
            raise journal.unreadable() from problem

    def _keep(self, at: datetime, command: str, arguments: dict[str, Any]) -> None:
        if self._journal is not None:
            self._journal.append(Entry(at.isoformat(), command, arguments))

    # --- accounts ----------------------------------------------------------------------------------------------------

    def open_account(self, key_id: str, secret_key: str, cash: str, kind: str = "margin") -> str:
        """The id of the account with these keys, opened with `cash` dollars if there is none."""
        found = self.exchange.account_for(key_id, secret_key)
        if found is not None:
            return found
        opened: str = self.execute("open_account", key_id=key_id, secret_key=secret_key, cash=cash, kind=kind)
        return opened

    def exchange_account(self, key_id: str, secret_key: str) -> str | None:
        """The account these keys open; asked anew each time, as the exchange may have been restored since."""
        return self.exchange.account_for(key_id, secret_key)

    def asset_id(self, symbol: str) -> str:
        if symbol not in self._asset_ids:
            self._asset_ids[symbol] = self.exchange.asset(symbol).id
        return self._asset_ids[symbol]

    def is_suspended(self, account_id: str) -> bool:
        """Whether the account's owner has asked for no trading."""
        return parsing.flag(self.world.configurations.get(account_id, {}), "suspend_trade")
