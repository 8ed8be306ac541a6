"""A split overnight: the exchange holds other shares for the same money, and no execution says why.

Positions differ until their trader adopts them. What the oracle compares in shares of one kind (executions with what is
held, and with what an order filled) it then finds still: the tests say exactly that, and nothing else.
"""

import contextlib
from dataclasses import replace
from decimal import Decimal as D
from http import HTTPStatus
from itertools import pairwise
from uuid import uuid4

import pytest

from tests.fault.oracle import findings
from tests.fault.sky import Sky, sky
from tests.fault.truth import truths

pytestmark = pytest.mark.slow

__all__ = ["sky"]

FILLS, POSITIONS = "/v2/account/activities/FILL", "/v2/positions"
# Quantities of whole shares, as the database writes them.
ZEROS = ".000000000"
# An adopted difference is a transfer, which the exchange never executed.
TRANSFER = "doubled: 1 fills of the execution “”, which never happened"


def split(sky: Sky, symbol: str) -> None:
    """Two for one, and the price of the next morning."""
    sky.lab.control.split(symbol, 2)
    sky.quote(symbol, "50.00", "50.02")


def found(sky: Sky, symbol: str) -> list[str]:
    """What the oracle says of one symbol."""
    truth, mine = truths(sky.lab)[0], {"symbol": symbol}.items()
    part = replace(
        truth,
        theirs={key: order for key, order in truth.theirs.items() if mine <= order.items()},
        executions=[line for line in truth.executions if line["symbol"] == symbol],
        positions={name: held for name, held in truth.positions.items() if name == symbol},
        orders=[row for row in truth.orders if row["symbol"] == symbol],
        fills=[fill for fill in truth.fills if fill["symbol"] == symbol],
        told_positions={name: held for name, held in truth.told_positions.items() if name == symbol},
    )
    intents = [intent for intent in sky.hand.intents if intent.body.get("symbol") == symbol]
    return sorted(f"{one.kind}: {one.text}".replace(ZEROS, "") for one in findings([part], intents))


def comes_to(sky: Sky, symbol: str, *said: str) -> None:
    """When the oracle says exactly this."""
    with contextlib.suppress(AssertionError):
        sky.lab.wait_for(lambda: found(sky, symbol) == sorted(said), "the oracle's word", 60)
    assert found(sky, symbol) == sorted(said)


def stands_still(sky: Sky, symbol: str) -> None:
    """Three further syncs change nothing, and each asks for executions once, as ever."""
    before = _standing(sky, symbol)
    sky.lab.control.forget_counts()
    sky.lab.wait_for(lambda: len(_places(_asked(sky), POSITIONS)) >= 4, "three further syncs", 90)
    asked = _asked(sky)
    rounds = [asked[start:end].count(FILLS) for start, end in pairwise(_places(asked, POSITIONS))]
    assert set(rounds) == {1}, rounds
    assert _standing(sky, symbol) == before


def _standing(sky: Sky, symbol: str) -> list[tuple]:
    rows = sky.lab.rows(
        "SELECT o.id, o.status, o.version, (SELECT count(*) FROM order_events e WHERE e.order_id = o.id) AS steps"
        " FROM orders o WHERE o.symbol = %s ORDER BY o.id",
        symbol,
    )
    return [tuple(row.values()) for row in rows]


def _asked(sky: Sky) -> list[str]:
    key, _ = sky.lab.keys[sky.lab.traders[0].name]
    return [one["path"] for one in sky.lab.control.requests() if one["key_id"] == key]


def _places(asked: list[str], path: str) -> list[int]:
    return [place for place, one in enumerate(asked) if one == path]


def drifts(sky: Sky, symbol: str) -> list[str]:
    """What waits for the trader's eyes in a symbol."""
    answer = sky.hand.client.call("GET", "eyes/")
    return [one["kind"] for one in answer.json()["matters"] if one["symbol"] == symbol and one["kind"] == "drift"]


def is_told_to_differ(sky: Sky, text: str) -> bool:
    told = "SELECT text FROM notifications WHERE user_id = %s AND key LIKE 'positions:%%:differ:%%'"
    return any(text in row["text"] for row in sky.lab.rows(told, sky.lab.traders[0].user))


def adopt(sky: Sky, symbol: str) -> None:
    body = {"account": sky.lab.traders[0].account, "symbol": symbol}
    answer = sky.hand.client.call("POST", "positions/adopt/", str(uuid4()), body)
    assert answer.status_code == HTTPStatus.CREATED, answer.text


def position(sky: Sky, symbol: str) -> dict[str, D]:
    (line,) = sky.lab.rows(
        "SELECT open_quantity, open_value, stop_loss, status FROM trades WHERE symbol = %s AND account_id = %s",
        symbol,
        sky.lab.traders[0].account,
    )
    return line


def test_a_resting_order_is_told_in_the_new_shares(sky: Sky) -> None:
    """Nothing is held, so that nothing differs: the order says it, and its trader is told."""
    order = sky.order(symbol="SPY", side="buy", quantity="10", limit_price="90.00", time_in_force="gtc")
    sky.until(order, "accepted")
    split(sky, "SPY")
    comes_to(sky, "SPY")
    row = sky.row(order)
    assert (row["status"], row["quantity"], row["limit_price"], row["filled_quantity"]) == ("accepted", 20, 45, 0)
    assert sky.trail(order)[-2:] == [("accept", "accepted"), ("restated", "accepted")]
    stands_still(sky, "SPY")
    assert (sky.told(order), drifts(sky, "SPY")) == (["SPY: order in other shares"], [])
    sky.quote("SPY", "44.98", "45.00")
    row = sky.until(order, "filled")
    comes_to(sky, "SPY")
    assert (row["filled_quantity"], row["filled_average_price"]) == (20, 45)


def test_a_half_filled_order_goes_on_in_the_new_shares(sky: Sky) -> None:
    order = sky.order(symbol="QQQ", side="buy", quantity="10", limit_price="90.00", time_in_force="gtc")
    sky.until(order, "accepted")
    sky.quote("QQQ", "89.98", "90.00", size=4)
    sky.until(order, "partially_filled")
    comes_to(sky, "QQQ")
    split(sky, "QQQ")
    in_part = "wrong: fills of 4, taken over 0, filled 8"
    comes_to(sky, "QQQ", in_part, "wrong: QQQ: the exchange holds 8, the fills come to 4")
    row = sky.row(order)
    assert (row["status"], row["quantity"], row["limit_price"]) == ("partially_filled", 20, 45)
    assert (row["filled_quantity"], row["filled_average_price"]) == (8, 45)
    assert sky.trail(order)[-2:] == [("partial", "partially_filled"), ("restated", "partially_filled")]
    sky.lab.wait_for(lambda: is_told_to_differ(sky, "QQQ: broker 8, journal 4"), "a word about the difference", 45)
    stands_still(sky, "QQQ")
    assert (sky.told(order), drifts(sky, "QQQ")) == (["QQQ: order in other shares"], ["drift"])
    adopt(sky, "QQQ")
    comes_to(sky, "QQQ", in_part, TRANSFER)
    assert (position(sky, "QQQ")["open_quantity"], position(sky, "QQQ")["open_value"]) == (8, 360)
    assert drifts(sky, "QQQ") == []
    sky.quote("QQQ", "44.98", "45.00")
    row = sky.until(order, "filled")
    assert (row["filled_quantity"], row["filled_average_price"]) == (20, 45)
    comes_to(sky, "QQQ", "wrong: fills of 16, taken over 0, filled 20", TRANSFER)
    assert (position(sky, "QQQ")["open_quantity"], position(sky, "QQQ")["open_value"]) == (20, 900)
    stands_still(sky, "QQQ")


def test_a_position_with_its_stop_is_a_difference_until_it_is_adopted(sky: Sky) -> None:
    """What was executed stays as it was; the stop works on for all of the new shares, at half its price."""
    stop = {"stop_loss": {"stop_price": "80.00"}}
    order = sky.order(symbol="MSFT", side="buy", quantity="10", limit_price="110.00", time_in_force="gtc", **stop)
    sky.until(order, "filled")
    sky.lab.wait_for(lambda: sky.legs(order)["stop_loss"]["status"] == "accepted", "a working stop")
    comes_to(sky, "MSFT")
    split(sky, "MSFT")
    comes_to(sky, "MSFT", "wrong: MSFT: the exchange holds 20, the fills come to 10")
    sky.lab.wait_for(lambda: is_told_to_differ(sky, "MSFT: broker 20, journal 10"), "a word about the difference", 45)
    kept, leg = sky.row(order), sky.legs(order)["stop_loss"]
    assert (kept["status"], kept["quantity"], kept["filled_quantity"]) == ("filled", 10, 10)
    assert (leg["status"], leg["quantity"], leg["stop_price"], leg["filled_quantity"]) == ("accepted", 20, 40, 0)
    stands_still(sky, "MSFT")
    assert (sky.told(str(leg["id"])), drifts(sky, "MSFT")) == (["MSFT: order in other shares"], ["drift"])
    cost = position(sky, "MSFT")["open_value"]
    adopt(sky, "MSFT")
    comes_to(sky, "MSFT", TRANSFER)
    held = position(sky, "MSFT")
    assert (held["open_quantity"], held["open_value"], held["stop_loss"]) == (20, cost, 40)
    assert drifts(sky, "MSFT") == []
    sky.quote("MSFT", "40.00", "40.02")
    row = sky.until(str(leg["id"]), "filled")
    assert (row["filled_quantity"], row["filled_average_price"]) == (20, 40)
    comes_to(sky, "MSFT", TRANSFER)
    assert position(sky, "MSFT")["status"] == "closed"
