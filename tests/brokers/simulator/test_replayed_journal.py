"""Whatever was asked of the exchange: killed at any moment, it comes back exactly as it was."""

import contextlib
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.simulator.engine.types import OrderQuery, Rejection
from brokers.simulator.errors import ApiError, SimulatorError
from brokers.simulator.floor import Floor
from brokers.simulator.options import NewAccount, Options
from brokers.simulator.server import open_floor

OPENING = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
SYMBOLS = st.sampled_from(["SPY", "IBM"])
PRICES = st.integers(9_000, 11_000).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")
QUANTITIES = st.integers(1, 40).map(str)


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["market", "limit", "stop", "trailing_stop"]))
    side = draw(st.sampled_from(["buy", "sell"]))
    prices = {
        "market": {},
        "limit": {"limit_price": draw(PRICES)},
        "stop": {"stop_price": draw(PRICES)},
        "trailing_stop": {"trail_percent": "1"},
    }
    plain = {
        "symbol": draw(SYMBOLS),
        "qty": draw(QUANTITIES),
        "side": side,
        "type": kind,
        "time_in_force": draw(st.sampled_from(["day", "gtc"])),
        **prices[kind],
    }
    exits = {"take_profit": {"limit_price": "130"}, "stop_loss": {"stop_price": "70"}}
    is_bracket = side == "buy" and kind in {"market", "limit"} and draw(st.booleans())
    return {**plain, **({"order_class": "bracket"} | exits if is_bracket else {})}


STEPS = st.one_of(
    st.tuples(st.just("submit"), orders()),
    st.tuples(
        st.just("show"),
        st.fixed_dictionaries(
            {"kind": st.just("quote"), "symbol": SYMBOLS, "bid": PRICES, "ask": PRICES, "ask_size": QUANTITIES}
        ),
    ),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("replace"), st.tuples(st.integers(0, 20), PRICES)),
    st.tuples(st.just("pass"), st.sampled_from([1, 600, 30_000])),
    st.tuples(st.just("close_all"), st.booleans()),
    st.tuples(st.just("checkpoint"), st.none()),
)


def do(floor: Floor, step: tuple[str, Any]) -> None:
    """Refusals are part of life; nothing of them is kept."""
    verb, given_ = step
    account_id = floor.exchange.account_ids()[0]
    if verb == "pass":
        floor.clock.step(timedelta(seconds=given_))
        floor.catch_up()
        return
    if verb == "checkpoint":
        floor.checkpoint()
        return
    with contextlib.suppress(Rejection, ApiError, SimulatorError):
        floor.execute(verb, **arguments(floor, verb, account_id, given_))


def arguments(floor: Floor, verb: str, account_id: str, given_: Any) -> dict[str, Any]:
    if verb == "show":
        return dict(given_)
    if verb == "submit":
        return {"account_id": account_id, "order": given_}
    if verb == "close_all":
        return {"account_id": account_id, "cancel_orders": given_}
    number, price = given_ if verb == "replace" else (given_, "")
    listed = floor.exchange.orders(account_id, OrderQuery(status="all", limit=500, direction="asc"))
    order_id = listed[number % len(listed)].id if listed else "none"
    changes = {"changes": {"limit_price": price}} if verb == "replace" else {}
    return {"account_id": account_id, "order_id": order_id, **changes}


@settings(max_examples=60)
@given(st.lists(STEPS, min_size=1, max_size=25), st.sampled_from(["scripted", "synthetic"]))
def test_what_was_accepted_is_there_after_a_kill(steps: list[tuple[str, Any]], market: str) -> None:
    with tempfile.TemporaryDirectory(prefix="tdx-") as folder:
        account = NewAccount(key_id="PKTEST", secret_key="secret", cash="100000")
        options = Options(market=market, start=OPENING, speed=Decimal(0), state=Path(folder), accounts=(account,))
        floor = open_floor(options)
        for symbol in ("SPY", "IBM") if market == "scripted" else ():
            floor.execute("show", kind="quote", symbol=symbol, bid="100.00", ask="100.02")
        for step in steps:
            do(floor, step)
        before = known(floor)
        # The end of a process closes its files, and does nothing else.
        floor._journal.release()

        again = open_floor(options)
        # Moments at which nothing happened are not kept: time is let pass again.
        again.clock.reach(floor.exchange.now)
        again.catch_up()

        assert known(again) == before
        again.close()


def known(floor: Floor) -> list[Any]:
    """Every account, order, position and line of the statement, and the moment they are true at."""
    return [floor.world.configurations, floor.exchange.dump()]
