"""The control port: drives the market, the clock and the faults. For tests; off by default, and asks for a token.

`POST /control/<verb>` with a JSON object does one thing; VERBS is the list. The answer is a JSON object.
"""

import fnmatch
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from brokers.simulator import parsing, wire
from brokers.simulator.clock import PAUSED
from brokers.simulator.data_stream import DataStream
from brokers.simulator.door import Door, dumps
from brokers.simulator.engine.types import ActivityQuery, Order, OrderQuery, Rejection
from brokers.simulator.errors import ApiError, SimulatorError
from brokers.simulator.faults import Fault
from brokers.simulator.floor import Floor
from brokers.simulator.sockets import Frames
from brokers.simulator.stream_faults import StreamFault
from brokers.simulator.trade_stream import TradeStream
from brokers.simulator.trading_api import TradingApi

Given = dict[str, Any]
Answer = dict[str, Any]
# These go to the exchange as they are; `key_id` stands for the account.
FORWARDED = frozenset(
    {
        *("open_account", "change_keys", "transfer", "block", "unblock", "fill_late"),
        *("show", "show_bar", "halt", "resume", "split", "dividend", "set_delays"),
    }
)


class Control:
    def __init__(self, floor: Floor, door: Door, trades: TradeStream, data: DataStream, token: str) -> None:
        self.floor = floor
        self.door = door
        self.streams: dict[str, TradeStream | DataStream] = {"trades": trades, "data": data}
        self.trades = trades
        self.data = data
        self.writer = TradingApi(floor)
        self._token = token
        self._keys: dict[str, str] = {}
        self.verbs: dict[str, Callable[[Given], Answer]] = {
            "account_of": self._account_of,
            "clock": self._clock,
            "pause": self._pause,
            "run": self._run,
            "set_clock": self._set_clock,
            "advance": self._advance,
            "place_external": self._place_external,
            "cancel_external": self._cancel_external,
            "fault": self._fault,
            "clear_faults": self._clear_faults,
            "struck": self._struck,
            "stream_fault": self._stream_fault,
            "mute": self._mute,
            "unmute": self._unmute,
            "refuse_connections": self._refuse_connections,
            "frames": self._frames,
            "connections": self._connections,
            "rate_limit": self._rate_limit,
            "counts": self._counts,
            "forget_counts": self._forget_counts,
            "requests": self._requests,
            "dump": self._dump,
        }

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/control/close_streams", self._close_streams), web.post("/control/{verb}", self.serve)]

    @web.middleware
    async def guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode(), self._token.encode()):
            return web.json_response({"message": "The control port's token is missing or wrong."}, status=401)
        try:
            return await handler(request)
        except ApiError as error:
            return web.json_response(error.body(), status=400)
        except Rejection as refusal:
            return web.json_response({"message": refusal.message, "code": refusal.code}, status=400)
        except (SimulatorError, KeyError, TypeError, ValueError) as problem:
            return web.json_response({"message": str(problem)}, status=400)

    async def serve(self, request: web.Request) -> web.Response:
        verb, given = request.match_info["verb"], parsing.plain(parsing.json_body(await request.read()))
        if verb in FORWARDED:
            return web.json_response(self._forward(verb, given), dumps=dumps)
        if verb not in self.verbs:
            raise SimulatorError(
                f"There is no verb '{verb}': use one of {', '.join(sorted({*self.verbs, *FORWARDED}))}."
            )
        return web.json_response(self.verbs[verb](given), dumps=dumps)

    def _forward(self, verb: str, given: Given) -> Answer:
        arguments = dict(given)
        if verb != "open_account" and "account" in arguments:
            arguments["account_id"] = self._account_id(arguments.pop("account"))
        answer = self.floor.execute(verb, **arguments)
        return {"id": answer} if isinstance(answer, str) else {}

    def _account_id(self, named: str) -> str:
        """An account by its id or by its number."""
        exchange = self.floor.exchange
        for account_id in exchange.account_ids():
            if named in {account_id, exchange.account_report(account_id).account_number}:
                return account_id
        raise SimulatorError(f"There is no account {named}.")

    def _account_of(self, given: Given) -> Answer:
        return {"id": self.floor.exchange_account(given["key_id"], given["secret_key"])}

    # --- time --------------------------------------------------------------------------------------------------------

    def _clock(self, _given: Given) -> Answer:
        self.floor.catch_up()
        return {**wire.clock(self.floor.exchange.clock()), "speed": str(self.floor.clock.speed)}

    def _pause(self, given: Given) -> Answer:
        self.floor.clock.run(PAUSED)
        return self._clock(given)

    def _run(self, given: Given) -> Answer:
        self.floor.clock.run(parsing.decimal(given, "speed") or PAUSED + 1)
        return self._clock(given)

    def _set_clock(self, given: Given) -> Answer:
        moment = parsing.moment(given, "at")
        if moment is None:
            raise SimulatorError("Write a time for at.")
        self.floor.clock.set(moment)
        return self._clock(given)

    def _advance(self, given: Given) -> Answer:
        self.floor.clock.step(parsing.seconds(given, "seconds"))
        return self._clock(given)

    # --- what others do to the account -------------------------------------------------------------------------------

    def _place_external(self, given: Given) -> Answer:
        account_id = self._account_id(given["account"])
        order = self.floor.execute("place_external", account_id=account_id, order=given["order"])
        return self.writer.write(order, nested=True)

    def _cancel_external(self, given: Given) -> Answer:
        self.floor.execute("cancel", account_id=self._account_id(given["account"]), order_id=given["order_id"])
        return {}

    # --- faults ------------------------------------------------------------------------------------------------------

    def _fault(self, given: Given) -> Answer:
        fault = Fault(**_typed(given, {"times": int, "seconds": float, "status": int, "reset": int}))
        return {"number": self.door.faults.add(fault).number}

    def _clear_faults(self, _given: Given) -> Answer:
        self.door.faults.clear()
        for stream in self.streams.values():
            stream.gate.clear()
        return {}

    def _stream_fault(self, given: Given) -> Answer:
        stream = self._stream(given)
        stream.gate.add(StreamFault(**_typed(_without(given, "stream"), {"times": int, "seconds": float})))
        return {}

    def _struck(self, _given: Given) -> Answer:
        """How many requests, updates and connections were befallen, by the label of the fault."""
        streams = [stream.gate.struck for stream in self.streams.values()]
        return {"struck": dict(sum(streams, self.door.faults.struck))}

    def _mute(self, given: Given) -> Answer:
        gate = self._stream(given).gate
        gate.muted, gate.muted_by = True, given.get("label", "")
        return {}

    def _unmute(self, given: Given) -> Answer:
        self._stream(given).gate.muted = False
        return {}

    def _refuse_connections(self, given: Given) -> Answer:
        gate = self._stream(given).gate
        gate.refused_connections, gate.refused_by = int(given.get("times", 1)), given.get("label", "")
        return {}

    def _frames(self, given: Given) -> Answer:
        self.trades.frames = Frames(given["frames"])
        return {}

    async def _close_streams(self, request: web.Request) -> web.Response:
        given = parsing.plain(parsing.json_body(await request.read()))
        stream = self._stream(given)
        closed = len(stream.connections())
        await stream.close_all(int(given.get("code", 1001)), str(given.get("reason", "")))
        return web.json_response({"closed": closed})

    def _stream(self, given: Given) -> TradeStream | DataStream:
        return self.streams[given.get("stream", "trades")]

    # --- looking -----------------------------------------------------------------------------------------------------

    def _connections(self, _given: Given) -> Answer:
        """Which keys are connected, which of them hear trade updates, and which symbols anybody wants."""
        return {
            "trades": self.trades.connections(),
            "data": self.data.connections(),
            "listening": self.trades.listeners(),
            "watched": self.data.watched(),
        }

    def _rate_limit(self, given: Given) -> Answer:
        self.door.limits[given.get("service", "trading")].change(int(given["limit"]))
        return {}

    def _counts(self, given: Given) -> Answer:
        """Requests since the last `forget_counts`, by method and path; of one method and path pattern, if named."""
        method, path = given.get("method", "*"), given.get("path", "*")
        matching = [
            line
            for line in self.door.log
            if method in {"*", line["method"]} and fnmatch.fnmatchcase(line["path"], path)
        ]
        return {"total": len(matching), "by_path": dict(self.door.counts)}

    def _forget_counts(self, _given: Given) -> Answer:
        self.door.counts.clear()
        self.door.log.clear()
        return {}

    def _requests(self, _given: Given) -> Answer:
        return {"requests": list(self.door.log), "faults": self.door.faults.listing()}

    def _dump(self, _given: Given) -> Answer:
        """Everything the exchange knows to be true, by account id."""
        self.floor.catch_up()
        return {account_id: self._dump_of(account_id) for account_id in self.floor.exchange.account_ids()}

    def _dump_of(self, account_id: str) -> Answer:
        exchange = self.floor.exchange
        everything = OrderQuery(status="all", limit=1_000_000_000, direction="asc")
        return {
            "account": wire.account(
                exchange.account_report(account_id), is_suspended=self.floor.is_suspended(account_id)
            ),
            "orders": [self._order(order) for order in exchange.orders(account_id, everything)],
            "positions": [wire.position(report) for report in exchange.positions(account_id)],
            "activities": [
                {**wire.activity(line), "execution_id": line.execution_id}
                for line in exchange.activities(account_id, ActivityQuery(direction="asc", page_size=1_000_000_000))
            ],
        }

    def _order(self, order: Order) -> Answer:
        """Legs stand for themselves, with their parent's id, which Alpaca does not tell."""
        return {**self.writer.write(order, nested=False), "parent_id": order.parent_id}


def _typed(given: Given, kinds: dict[str, Callable[[Any], Any]]) -> Given:
    return {name: kinds[name](value) if name in kinds else value for name, value in given.items()}


def _without(given: Given, name: str) -> Given:
    return {key: value for key, value in given.items() if key != name}
