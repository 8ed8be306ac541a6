"""How each named point is come by on purpose: a trader's deed, or a message to the workers, that leads through it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.fault.driver import Hand, Intent
from tests.fault.lab import Lab
from tests.fault.market import CENT, SYMBOLS, Market
from tests.fault.points import POINTS
from tests.fault.traders import Trader

# Others may have done what was to be done at the point: it is provoked again.
ATTEMPTS = 4
# Entries of a connection that was not read for two minutes are held.
IN_STEP = "SELECT id FROM broker_connections WHERE is_active AND last_sync > now() - interval '75 s'"
# Seconds until a point is come by, where it takes long: a lost sender is missed late, and doubts are asked with pauses.
PATIENCE = {"sweep": 100, "resolve": 40}


@dataclass
class Scene:
    """A lab with a market that stands still, and a trader at work in it."""

    lab: Lab
    seed: int = 1
    # What was asked for the sake of each point.
    intents: dict[str, list[Intent]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.market = Market(self.lab.control, Random(self.seed))  # noqa: S311 - repeated by its seed
        self.market.show_all()
        self.market.stand()
        self.hands = [Hand(self.lab, self.market, each, Random(each.name)) for each in self.lab.traders]  # noqa: S311
        for hand in self.hands:
            hand.client.sign_in()
        self.turns = 0

    @property
    def hand(self) -> Hand:
        """The traders take turns, but for those whose connection a killed process still holds: their entries wait, too."""
        found: list[Hand] = []

        def is_anybody_in_step() -> bool:
            in_step = {str(row["id"]) for row in self.lab.rows(IN_STEP)}
            turns = [self.hands[(self.turns + step) % len(self.hands)] for step in range(1, len(self.hands) + 1)]
            found[:] = [hand for hand in turns if hand.trader.connection in in_step][:1]
            return bool(found)

        self.lab.wait_for(is_anybody_in_step, "a trader whose connection is in step", 150)
        self.turns = self.hands.index(found[0])
        return found[0]

    def all_intents(self) -> list[Intent]:
        return [intent for hand in self.hands for intent in hand.intents]

    def strike(self, point: str) -> list[Intent]:
        """Arm a point and provoke it; the intents that led to it. AssertionError when nobody comes by."""
        before = len(self.all_intents())
        self.lab.points.arm(point)
        patience = PATIENCE.get(point.split(".", maxsplit=1)[0], 15)
        try:
            for _ in range(ATTEMPTS):
                PROVOKED[point](self, point)
                if self._comes_by(point, patience):
                    break
            assert point not in self.lab.points.armed(), f"nobody came by {point}"
        finally:
            self.lab.points.disarm(point)
            self.lab.control.unmute()
            for hand in self.hands:
                if hand.brakes.is_on:
                    hand.brakes.resume()
        self.intents[point] = self.all_intents()[before:]
        return self.intents[point]

    def _comes_by(self, point: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while point in self.lab.points.armed():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def drain(self) -> None:
        """Everything that was asked is answered."""
        for hand in self.hands:
            hand.drain(150)

    # --- what traders do ---------------------------------------------------------------------------------------------

    def rests(self, hand: Hand, *, way: str = "page", accepted: bool = False, **changes: object) -> str:
        """An order far from the market."""
        terms = {"type": "limit", "side": "buy", "quantity": "2", "limit_price": "60", "time_in_force": "gtc"}
        given = {"symbol": SYMBOLS[0], "stop_loss": None, "take_profit": None, **terms, **changes}
        order = self._placed(hand.place(way, **given))
        if accepted:
            self.until(order, "accepted")
        return order

    def fills(self, hand: Hand, symbol: str = SYMBOLS[1]) -> str:
        terms = {"type": "market", "side": "buy", "quantity": "3", "limit_price": None, "time_in_force": "day"}
        given = {"symbol": symbol, "stop_loss": None, "take_profit": None, **terms}
        return self._placed(hand.place("api", **given))

    def _placed(self, intent: Intent) -> str:
        if not intent.is_answered:
            # Its process was killed, and the key's next request may not have been let in yet.
            return ""
        assert intent.order, f"the order was refused: {intent.status} {intent.said}"
        found = self.lab.rows(
            "SELECT reason_detail FROM orders WHERE id::text = %s AND status = 'denied'", intent.order
        )
        assert not found, f"the order was denied: {found[0]['reason_detail']}"
        return intent.order

    def until(self, order: str, *states: str) -> None:
        def is_there() -> bool:
            found = self.lab.rows("SELECT status FROM orders WHERE id = %s", order)
            return bool(found) and found[0]["status"] in states

        self.lab.wait_for(is_there, f"order {order} being {' or '.join(states)}", 60)


Provocation = Callable[[Scene, str], None]


def _places(scene: Scene, point: str) -> None:
    scene.rests(scene.hand)


def _places_by_api(scene: Scene, point: str) -> None:
    scene.rests(scene.hand, way="api")


def _places_bracket(scene: Scene, point: str) -> None:
    exits = {"stop_loss": {"stop_price": "50"}, "take_profit": {"limit_price": "70"}}
    scene.rests(scene.hand, way="api", **exits)


def _cancels(scene: Scene, point: str) -> None:
    hand = scene.hand
    order = scene.rests(hand, accepted=True)
    hand.cancel(order, "page")


def _changes(scene: Scene, point: str) -> None:
    hand = scene.hand
    order = scene.rests(hand, accepted=True)
    hand.change(order, "page", limit_price="61")


def _halts(scene: Scene, point: str) -> None:
    hand = scene.hand
    scene.rests(hand, accepted=True)
    hand.brakes.halt("trader", "keep")


def _flattens(scene: Scene, point: str) -> None:
    """Two positions at least, so that there is something left to close."""
    hand, symbols = scene.hand, SYMBOLS[:2]
    for symbol in symbols:
        scene.fills(hand, symbol)
    held = "SELECT FROM trades WHERE account_id::text = %s AND status = 'active' AND symbol = ANY(%s)"
    scene.lab.wait_for(
        lambda: len(scene.lab.rows(held, hand.trader.account, list(symbols))) == len(symbols), "two positions"
    )
    hand.brakes.flatten()


def _leaves_halt(scene: Scene, point: str) -> None:
    """A trader's process dies when the halt is marked: a worker goes on with it."""
    scene.lab.points.arm("halt.committed")
    _halts(scene, point)


def _doubts(fault: str) -> Provocation:
    def provoke(scene: Scene, point: str) -> None:
        # A stream would end the doubt before anybody asks.
        scene.lab.control.mute()
        scene.lab.control.fault(fault, method="POST", path="/v2/orders")
        scene.rests(scene.hand)

    return provoke


def _loses_sender(scene: Scene, point: str) -> None:
    """A sender dies; the sweep that finds the order is struck."""
    scene.lab.points.arm("submit.claimed")
    scene.rests(scene.hand)


def _polls(scene: Scene, point: str) -> None:
    """Something happens that no stream tells of, and the connection is polled."""
    hand = scene.hand
    scene.lab.control.mute()
    order = scene.fills(hand)
    scene.until(order, "accepted", "filled")
    _asked(scene.lab, hand.trader, "brokers.connection_poll", point)


def _syncs(scene: Scene, point: str) -> None:
    hand = scene.hand
    scene.lab.control.mute()
    order = scene.fills(hand)
    scene.until(order, "accepted", "filled")
    _asked(scene.lab, hand.trader, "brokers.connection_sync", point)


def _asked(lab: Lab, trader: Trader, task: str, point: str) -> None:
    """Until somebody comes by: a connection that is held by another is not asked for."""
    deadline = time.monotonic() + 8
    while point in lab.points.armed() and time.monotonic() < deadline:
        lab.send(task, trader.connection)
        time.sleep(0.5)


def _hears(scene: Scene, point: str) -> None:
    """An execution that the stream tells of."""
    hand = scene.hand
    scene.lab.control.wait_for_listener(hand.trader.key_id, 60)
    price = scene.market.bids[SYMBOLS[2]]
    scene.rests(hand, way="api", symbol=SYMBOLS[2], limit_price=str(price - 10 * CENT))
    scene.market.bids[SYMBOLS[2]] = price - 20 * CENT
    scene.market.show(SYMBOLS[2])


def _reopens(scene: Scene, point: str) -> None:
    scene.lab.control.wait_for_listener(scene.hand.trader.key_id, 60)
    scene.lab.control.close_streams()


def _waits(scene: Scene, point: str) -> None:
    """The scheduler comes by without anybody's doing."""


# By the beginning of a name, the longest that fits.
_WAYS: dict[str, Provocation] = {
    "place.": _places,
    "place.unanswered": _places_by_api,
    "ask_cancel.": _cancels,
    "ask_change.": _changes,
    "submit.": _places,
    "submit.before_commit": _places_bracket,
    "submit.committed": _places_bracket,
    "cancel.": _cancels,
    "flatten.": _flattens,
    "halt.": _halts,
    "halt.decided": _leaves_halt,
    "halt.nudging": _leaves_halt,
    "change.": _changes,
    "resolve.": _doubts("drop_after"),
    "resolve.counted": _doubts("drop_before"),
    "sweep.": _loses_sender,
    "poll.": _polls,
    "sync.": _syncs,
    "stream.": _hears,
    "stream.catching_up": _reopens,
    "beat.": _waits,
}
PROVOKED: dict[str, Provocation] = {
    point: _WAYS[max((name for name in _WAYS if point.startswith(name)), key=len)] for point in POINTS
}
