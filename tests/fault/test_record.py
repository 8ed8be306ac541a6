"""What struck is told from what was only drawn, and the dead are counted."""

import os
import signal
import subprocess
import sys
from random import Random
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from tests.brokers.simulator_server import simulator
from tests.fault.injections import EVERY, Deck
from tests.fault.lab import Lab
from tests.fault.record import Missed, Record, born
from tests.fault.wire import BY_CLIENT_ID, ORDERS, lookup_lags


def test_what_is_drawn_strikes_at_once_or_when_somebody_comes_by_or_never() -> None:
    record = Record()
    with record.drawn("at once"):
        pass
    with record.drawn("awaited"):
        label = record.awaited()
    with record.drawn("awaited"):
        record.awaited()
    with record.drawn("nobody"):
        raise Missed("nobody is there")
    with record.drawn("broken"):
        raise OSError("the server is away")
    assert record.counts() == {"at once": 1, "awaited": 2, "nobody": 1, "broken": 1}
    assert record.strikes() == {"at once": 1}
    record.learn({label: 2})
    assert record.strikes() == {"at once": 1, "awaited": 1}
    assert [line.detail for line in record.lines[3:]] == [
        "missed: nobody is there",
        "missed: OSError('the server is away')",
    ]


def test_an_exchange_that_was_started_anew_takes_nothing_back() -> None:
    record = Record()
    record.learn({"a": 2})
    record.learn({"b": 1})
    assert record.befallen == {"a": 2, "b": 1}


def test_nothing_is_awaited_outside_of_an_injection() -> None:
    assert Record().awaited() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_counts_as_killed_when_it_is_dead() -> None:
    record = Record()
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        record.died(process.pid, born(process.pid))
        record.died(process.pid, born(process.pid))
        assert record.kills() == 0
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert record.kills() == 1


def test_a_deck_shows_everything_once_and_draws_the_same_by_the_same_seed() -> None:
    weights = {"often": 1000.0, "seldom": 0.001, "hardly": 0.001}
    one, other = (Deck(Random("seed"), weights, of_all=1) for _ in range(2))  # noqa: S311 - the same every time
    drawn = [one.draw() for _ in range(len(weights) * EVERY)]
    assert set(drawn) == set(weights)
    assert drawn == [other.draw() for _ in drawn]


def test_the_exchange_counts_by_label_whom_its_faults_befell() -> None:
    with simulator() as exchange:
        control = exchange.control
        control.fault("status_before", path="/v2/clock", times=2, label="clock#1")
        control.fault("status_before", path="/v2/never", label="never#2")
        assert control.call("struck") == {"struck": {}}
        answer = subprocess.run(
            [sys.executable, "-c", f"import urllib.request as u; u.urlopen('{exchange.url}/v2/clock')"],
            capture_output=True,
            check=False,
        )
        assert answer.returncode == 1
        assert control.call("struck") == {"struck": {"clock#1": 1}}


def test_a_look_up_that_lags_counts_by_the_look_up_and_not_by_the_answer_that_was_lost() -> None:
    with simulator() as exchange:
        lab: Any = SimpleNamespace(control=exchange.control, record=Record(), later=lambda *_: None)
        lab.fault = lambda kind, **details: Lab.fault(lab, kind, **details)
        with lab.record.drawn("wire.lookup_lags"):
            lookup_lags(lab, Random(1))  # noqa: S311 - nothing is drawn
        assert lab.record.misses() == {}
        for path, struck in ((ORDERS, {}), (BY_CLIENT_ID, {"wire.lookup_lags": 1})):
            with pytest.raises((OSError, URLError)):
                urlopen(Request(f"{exchange.url}{path}", data=b"{}" if path == ORDERS else None), timeout=30)  # noqa: S310
            lab.record.learn(exchange.control.call("struck")["struck"])
            assert lab.record.strikes() == struck
        assert exchange.control.call("struck")["struck"] == {"wire.lookup_lags#0": 1}
