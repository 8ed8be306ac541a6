"""The oracle sees each promise that is broken, and nothing where all are kept."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import pytest

from tests.fault.driver import Intent
from tests.fault.oracle import findings
from tests.fault.traders import Trader
from tests.fault.truth import Truth

TRADER = Trader("alice", "", "", "user", "account", "connection", "exchange", "key", "secret")
D = Decimal


def intent() -> Intent:
    return Intent("key-1", "alice", "place", "api", 0.0, status=201, order="row-1", answered=1.0)


def row(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "id": "row-1", "status": "filled", "client_order_id": "client-1", "broker_order_id": "broker-1",
        "creation_key": "claim-1", "origin": "desk", "replaces_id": None, "parent_id": None, "pending_change": None,
        "side": "buy", "quantity": D(10), "symbol": "SPY", "type": "limit", "limit_price": D(100), "stop_price": None,
        "filled_quantity": D(10), "filled_average_price": D(100), "commission": D("0.35"), "reason_code": "",
        "is_reducing": False,
    }  # fmt: skip
    return given | changes


def their(**changes: Any) -> dict[str, Any]:
    given = {
        "id": "broker-1", "client_order_id": "client-1", "status": "filled", "qty": "10", "filled_qty": "10",
        "filled_avg_price": "100", "limit_price": "100", "stop_price": None, "side": "buy", "symbol": "SPY",
    }  # fmt: skip
    return given | changes


def fill(**changes: Any) -> dict[str, Any]:
    given = {
        "execution_id": "execution-1", "order_id": "row-1", "quantity": D(10), "price": D(100), "side": "buy",
        "symbol": "SPY", "commission": D("0.35"),
    }  # fmt: skip
    return given | changes


def event(was: str, is_now: str, fact: str = "", source: str = "worker") -> dict[str, Any]:
    return {"from_status": was, "to_status": is_now, "fact": fact, "source": source}


def world() -> Truth:
    """One order that was sent, filled, booked and told."""
    trail = [event("", "new", "intend", "trader"), event("new", "submitting", "claim"), event("submitting", "filled")]
    return Truth(
        TRADER,
        theirs={"broker-1": their()},
        executions=[{"id": "execution-1", "order_id": "broker-1", "qty": "10", "price": "100", "symbol": "SPY"}],
        positions={"SPY": D(10)},
        orders=[row()],
        events=defaultdict(list, {"row-1": trail}),
        fills=[fill()],
        notices={"order:row-1:filled": None},
        told_positions={"SPY": D(10)},
        connection={"is_active": True},
        keys={"key-1": "claim-1"},
    )


def found(truth: Truth) -> set[str]:
    return {one.kind for one in findings([truth], [intent()])}


def test_nothing_is_found_where_every_promise_is_kept() -> None:
    assert findings([world()], [intent()]) == []


def second_row(truth: Truth) -> None:
    truth.orders.append(row(id="row-2", creation_key="nobody's", client_order_id="client-2", broker_order_id=""))
    truth.events["row-2"] = truth.events["row-1"]


def sent_twice(truth: Truth) -> None:
    truth.theirs["broker-2"] = their(id="broker-2")


def works_still(truth: Truth) -> None:
    truth.orders[0]["status"] = "submitting"
    truth.events["row-1"].pop()


def in_doubt_untold(truth: Truth) -> None:
    truth.orders[0]["status"] = "in_doubt"
    truth.events["row-1"][-1] = event("submitting", "in_doubt", "doubt")


def gap_in_trail(truth: Truth) -> None:
    truth.events["row-1"].pop(1)


def leg(**changes: Any) -> dict[str, Any]:
    given = {
        "id": "row-2", "creation_key": "", "client_order_id": "", "broker_order_id": "", "parent_id": "row-1",
        "status": "new", "filled_quantity": D(0), "filled_average_price": None, "commission": D(0),
    }  # fmt: skip
    return row(**given | changes)


def leg_waits_for_ever(truth: Truth) -> None:
    truth.orders.append(leg())


def leg_ended_in_silence(truth: Truth) -> None:
    truth.orders.append(leg(status="denied"))


def replaced(truth: Truth, filled: Decimal) -> None:
    """The order was replaced after ten had filled, and its replacement cancelled."""
    truth.orders[0]["status"] = "replaced"
    truth.events["row-1"][-1]["to_status"] = "replaced"
    truth.theirs["broker-1"]["status"] = "replaced"
    second = {
        "id": "row-2",
        "replaces_id": "row-1",
        "client_order_id": "client-2",
        "broker_order_id": "broker-2",
        "creation_key": "claim-2",
    }
    truth.orders.append(row(**second, status="cancelled", filled_quantity=filled, commission=D(0)))
    truth.theirs["broker-2"] = their(
        id="broker-2", client_order_id="client-2", status="canceled", filled_qty=str(filled)
    )
    truth.events["row-2"] = [event("", "cancelled", "adopted")]


def beside(truth: Truth, **changes: Any) -> None:
    """A second row, of which nothing has filled, with a trail of its own."""
    given = {"id": "row-2", "client_order_id": "client-2", "filled_quantity": D(0), "filled_average_price": None}
    truth.orders.append(row(**given | {"status": "cancelled", "commission": D(0)} | changes))
    truth.events["row-2"] = [event("", "cancelled", "adopted")]


def two_rows_of_one(truth: Truth) -> None:
    beside(truth, creation_key="", client_order_id="", origin="external")


def taken_for_anothers(truth: Truth) -> None:
    """The row of our own id has no order at the broker, and another row has it."""
    truth.orders[0].update(broker_order_id="", origin="desk")
    beside(truth, creation_key="", client_order_id="", broker_order_id="broker-1", origin="external")


def placed_twice(truth: Truth) -> None:
    beside(truth, broker_order_id="")


def made_here(truth: Truth) -> None:
    beside(truth, client_order_id="td-1", creation_key="", broker_order_id="", origin="external")


def other_stop(truth: Truth) -> None:
    truth.orders[0]["stop_price"] = D(90)
    truth.theirs["broker-1"]["stop_price"] = "91"


def booked_in_part(truth: Truth) -> None:
    truth.fills[0]["quantity"] = D(7)


BROKEN: dict[str, tuple[Callable[[Truth], Any], set[str]]] = {
    "a request's order is not there": (lambda truth: truth.orders.clear(), {"lost", "wrong"}),
    "an order that nobody asked for": (second_row, {"doubled", "untold", "wrong"}),
    "two orders at the broker under one id": (sent_twice, {"doubled", "lost"}),
    "an order at the broker without a row": (
        lambda truth: truth.theirs.update({"broker-9": their(id="broker-9", client_order_id="else")}),
        {"lost"},
    ),
    "a row of an order that the broker does not have": (lambda truth: truth.theirs.clear(), {"wrong"}),
    "another state than the broker's": (lambda truth: truth.theirs["broker-1"].update(status="canceled"), {"wrong"}),
    "another quantity filled": (lambda truth: truth.theirs["broker-1"].update(filled_qty="7"), {"wrong"}),
    "another price asked": (lambda truth: truth.theirs["broker-1"].update(limit_price="99"), {"wrong"}),
    "an execution that is not booked": (lambda truth: truth.fills.clear(), {"lost", "wrong"}),
    "an execution booked twice": (lambda truth: truth.fills.append(fill()), {"doubled", "wrong"}),
    "a fill that never happened": (lambda truth: truth.fills.append(fill(execution_id="")), {"doubled", "wrong"}),
    "an execution at another price": (lambda truth: truth.fills[0].update(price=D(101)), {"wrong"}),
    "an execution of another order": (lambda truth: truth.fills[0].update(order_id="row-7"), {"wrong"}),
    "a position that differs": (lambda truth: truth.positions.update(SPY=D(11)), {"wrong"}),
    "a position the desk was not told of": (lambda truth: truth.told_positions.clear(), {"wrong"}),
    "commissions that do not add up": (lambda truth: truth.fills[0].update(commission=D(1)), {"wrong"}),
    "an order nobody knows about, and nobody told": (in_doubt_untold, {"untold", "wrong"}),
    "an order on its way for ever": (works_still, {"untold", "wrong"}),
    "a connection left switched off": (lambda truth: truth.connection.update(is_active=False), {"undecided"}),
    "a fill nobody was told of": (lambda truth: truth.notices.clear(), {"untold"}),
    "a step missing in the trail": (gap_in_trail, {"wrong"}),
    "a leg that the broker never showed of an order that filled": (leg_waits_for_ever, {"untold"}),
    "a replacement that filled less than the order before it": (
        lambda truth: replaced(truth, D(7)),
        {"wrong", "doubled"},
    ),
    "a leg that ended without a step": (leg_ended_in_silence, {"wrong"}),
    "two rows of one order at the broker": (two_rows_of_one, {"doubled"}),
    "an order of ours taken for one made elsewhere": (taken_for_anothers, {"doubled", "lost", "wrong"}),
    "an id of ours on an order made elsewhere": (made_here, {"wrong"}),
    "two orders of one request": (placed_twice, {"doubled"}),
    "another quantity asked": (lambda truth: truth.theirs["broker-1"].update(qty="11"), {"wrong"}),
    "another average": (lambda truth: truth.theirs["broker-1"].update(filled_avg_price="101"), {"wrong"}),
    "another stop": (other_stop, {"wrong"}),
    "an execution booked in part": (booked_in_part, {"lost", "wrong"}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_promise_is_found(case: str) -> None:
    truth = world()
    spoil, kinds = BROKEN[case]
    spoil(truth)
    assert found(truth) == kinds


def test_an_undecided_order_whose_trader_knows_is_undecided_and_not_untold() -> None:
    truth = world()
    in_doubt_untold(truth)
    truth.notices["order:row-1:in_doubt"] = None
    assert found(truth) == {"undecided", "wrong"}


def test_a_request_answered_with_another_requests_order_is_found() -> None:
    truth = world()
    truth.keys["key-1"] = "claim-7"
    assert found(truth) == {"lost", "doubled"}


def wish(kind: str, **changes: Any) -> Intent:
    """By the API, and answered as taken."""
    given: dict[str, Any] = {"way": "api", "status": 200, "answered": 3.0, "order": "row-1"}
    return Intent("key-2", "alice", kind, began=2.0, **given | changes)


CHANGE = wish("change", body={"limit_price": "100"})


def found_with(truth: Truth, *wishes: Intent) -> set[str]:
    return {one.kind for one in findings([truth], [intent(), *wishes])}


def test_a_replacement_takes_over_what_the_order_before_it_had_filled() -> None:
    truth = world()
    replaced(truth, D(10))
    assert found_with(truth, CHANGE) == set()


@pytest.mark.parametrize(
    "meant",
    [
        wish("change", body={"limit_price": "101"}),
        wish("change", body={"limit_price": "100"}, order="row-7"),
        Intent("key-2", "alice", "change", "page", 2.0, {"limit_price": "100"}, order="row-1"),
    ],
    ids=["at another price", "of another order", "by another form"],
)
def test_other_terms_are_those_that_somebody_asked_for(meant: Intent) -> None:
    truth = world()
    replaced(truth, D(10))
    assert found_with(truth, meant) == {"doubled"}
    truth.orders[1]["creation_key"] = "key-2"
    assert found_with(truth, wish("change", way="page", status=302, body={"limit_price": "100"})) == set()


def test_a_cancellation_that_was_answered_is_carried_out_or_told_as_refused() -> None:
    truth = rests()
    assert found_with(truth, wish("cancel")) == {"lost"}
    assert found_with(truth, wish("cancel", status=409)) == set()
    truth.notices["order:row-1:cancel:17"] = None
    assert found_with(truth, wish("cancel")) == set()


def test_a_cancellation_in_the_trail_is_carried_out_though_its_answer_was_lost() -> None:
    truth = rests()
    truth.events["row-1"][-1:] = [
        event("submitting", "accepted"),
        event("accepted", "cancelling", "ask_cancel", "trader"),
        event("cancelling", "accepted", "accept"),
    ]
    assert found_with(truth) == {"lost"}


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        ("Done: You asked to cancel the order for SPY.", {"lost"}),
        ("You asked to cancel the order for QQQ. | The order was not cancelled. This order is filled already.", set()),
        ("", set()),
    ],
)
def test_a_page_says_whether_a_cancellation_was_taken(said: str, kinds: set[str]) -> None:
    assert found_with(rests(), wish("cancel", way="page", said=said)) == kinds


def test_what_took_the_place_of_a_cancelled_order_works_no_more() -> None:
    truth = world()
    replaced(truth, D(10))
    truth.orders[1].update(status="partially_filled", quantity=D(20))
    truth.theirs["broker-2"].update(status="new", qty="20")
    truth.events["row-2"] = [event("", "partially_filled", "adopted")]
    assert found_with(truth, CHANGE) == set()
    assert found_with(truth, CHANGE, wish("cancel")) == {"lost"}


def test_a_change_that_was_answered_is_there_or_told_as_refused() -> None:
    truth = rests()
    assert found_with(truth, CHANGE) == {"lost"}
    truth.notices["order:row-1:replace:client-2"] = None
    assert found_with(truth, CHANGE) == set()
    assert found_with(truth, CHANGE, CHANGE) == {"lost"}
    truth.events["row-1"].insert(1, event("new", "new", "rewrite", "trader"))
    assert found_with(truth, CHANGE, CHANGE) == set()


def test_a_change_in_the_trail_is_there_though_its_answer_was_lost() -> None:
    truth = rests()
    truth.events["row-1"].append(event("accepted", "accepted", "ask_replace", "trader"))
    assert found_with(truth) == {"lost"}


def test_a_change_of_an_order_that_ended_meanwhile_needs_no_word() -> None:
    assert found_with(world(), CHANGE) == set()


@pytest.mark.parametrize(("reason", "kinds"), [("parent_ended", set()), ("never_arrived", {"untold"})])
def test_of_a_leg_that_never_was_its_order_tells(reason: str, kinds: set[str]) -> None:
    truth = world()
    truth.orders.append(leg(status="rejected", reason_code=reason))
    truth.events["row-2"] = [event("new", "rejected", "reject")]
    assert found(truth) == kinds


@pytest.mark.parametrize(
    ("began", "changes", "kinds"), [(2.0, {}, {"wrong"}), (0.5, {}, set()), (2.0, {"is_reducing": True}, set())]
)
def test_an_entry_works_no_more_when_its_account_was_halted(
    began: float, changes: dict[str, Any], kinds: set[str]
) -> None:
    """One that was placed later goes on, and so does what only closes."""
    truth = rests()
    truth.orders[0].update(changes)
    halt = Intent("key-2", "alice", "halt", "api", began, status=200, answered=3.0)
    assert {one.kind for one in findings([truth], [intent(), halt])} == kinds


def test_closing_everything_makes_one_order_of_each_symbol() -> None:
    claim = "11111111-2222-4333-8444-555555555555"
    truth = world()
    truth.keys["key-1"] = claim
    truth.orders[0]["creation_key"] = uuid5(UUID(claim), "SPY")
    flatten = Intent("key-1", "alice", "flatten", "api", 0.0, status=201, orders=["row-1"], answered=1.0)
    assert findings([truth], [flatten]) == []
    flatten.orders.append("row-2")
    assert {one.kind for one in findings([truth], [flatten])} == {"lost"}
    truth.orders.append(truth.orders[0] | {"id": "row-2", "broker_order_id": ""})
    truth.events["row-2"] = truth.events["row-1"]
    assert "doubled" in {one.kind for one in findings([truth], [flatten])}


def rests() -> Truth:
    """An order that works, of which nothing has filled."""
    truth = world()
    truth.orders[0].update(status="accepted", filled_quantity=D(0), filled_average_price=None, commission=D(0))
    truth.theirs["broker-1"].update(status="new", filled_qty="0", filled_avg_price=None)
    truth.events["row-1"][-1] = event("submitting", "accepted")
    for book in (truth.executions, truth.fills, truth.positions, truth.told_positions):
        book.clear()
    return truth
