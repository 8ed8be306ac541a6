"""The journal, the clock and a pause: what is kept, and what time does."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.simulator import server
from brokers.simulator.clock import Clock
from brokers.simulator.engine.sessions import NewYork
from brokers.simulator.engine.types import OrderQuery
from brokers.simulator.errors import SimulatorError
from brokers.simulator.floor import Floor
from brokers.simulator.hours import NewYorkHours
from brokers.simulator.journal import Entry, Journal
from brokers.simulator.options import NewAccount, Options
from brokers.simulator.server import open_floor

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LINE = Entry(NOON.isoformat(), "submit", {"account_id": "a", "order": {"qty": "1"}})


class TestJournal:
    def test_gives_back_what_was_appended_in_order(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        journal.append(LINE)
        journal.append(Entry(NOON.isoformat(), "cancel", {}))

        assert Journal(tmp_path).read() == (None, [LINE, Entry(NOON.isoformat(), "cancel", {})])

    def test_a_snapshot_takes_the_place_of_the_lines_before_it(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        journal.append(LINE)
        journal.write_snapshot({"exchange": {}})
        journal.append(Entry(NOON.isoformat(), "halt", {}))
        snapshot, entries = Journal(tmp_path).read()

        assert snapshot is not None
        assert [entry.command for entry in entries] == ["halt"]

    def test_killed_between_snapshot_and_lines_nothing_is_done_twice(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        journal.append(LINE)
        before = (tmp_path / "journal.jsonl").read_bytes()
        journal.write_snapshot({"exchange": {}})
        (tmp_path / "journal.jsonl").write_bytes(before)

        assert Journal(tmp_path).read()[1] == []

    @pytest.mark.parametrize("torn", [b'[0,"2026', b"[", b'[0,"2026-03-04T12:00:00+00:00","halt",{}]'])
    def test_a_line_cut_short_by_a_kill_was_never_answered_and_is_cut_off(self, tmp_path: Path, torn: bytes) -> None:
        journal = Journal(tmp_path)
        journal.append(LINE)
        with (tmp_path / "journal.jsonl").open("ab") as lines:
            lines.write(torn)
        again = Journal(tmp_path)

        assert again.read()[1] == [LINE]
        again.append(LINE)
        assert Journal(tmp_path).read()[1] == [LINE, LINE]

    def test_a_whole_line_that_cannot_be_read_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "journal.jsonl").write_text("nonsense\n")

        with pytest.raises(SimulatorError, match="cannot be read by this version"):
            Journal(tmp_path).read()


class TestClock:
    def test_runs_at_its_speed_and_stands_when_paused(self) -> None:
        machine = [NOON]
        clock = Clock(datetime(2013, 10, 4, tzinfo=UTC), Decimal(60), lambda: machine[0])
        machine[0] += timedelta(seconds=2)
        fast = clock.now()
        clock.run(Decimal(0))
        machine[0] += timedelta(hours=1)

        assert fast == datetime(2013, 10, 4, 0, 2, tzinfo=UTC)
        assert clock.now() == fast

    def test_never_goes_back_with_the_machines(self) -> None:
        machine = [NOON]
        clock = Clock(NOON, Decimal(1), lambda: machine[0])
        machine[0] += timedelta(seconds=10)
        before = clock.now()
        machine[0] -= timedelta(hours=1)

        assert clock.now() == before

    def test_is_set_and_stepped_forward_only(self) -> None:
        clock = Clock(NOON, Decimal(0))
        clock.step(timedelta(seconds=5))

        assert clock.now() == NOON + timedelta(seconds=5)
        with pytest.raises(SimulatorError, match="only goes forward"):
            clock.set(NOON)
        with pytest.raises(SimulatorError, match="only goes forward"):
            clock.step(timedelta(seconds=-1))


class TestPause:
    """An exchange that follows the machine's clock, after the machine was off."""

    @pytest.fixture
    def options(self, tmp_path: Path) -> Options:
        account = NewAccount(key_id="PKTEST", secret_key="secret", cash="100000")
        return Options(market="synthetic", always_open=True, state=tmp_path, accounts=(account,))

    def reopened(self, options: Options, monkeypatch: pytest.MonkeyPatch, later: timedelta) -> Floor:
        moment = datetime.now(UTC) + later
        monkeypatch.setattr(server, "machine_time", lambda: moment)
        return open_floor(options)

    def working_order(self, floor: Floor, **terms: str) -> str:
        account_id = floor.exchange.account_ids()[0]
        order = {"symbol": "SPY", "qty": "10", "side": "buy", "type": "limit", "limit_price": "1.00", **terms}
        return str(floor.execute("submit", account_id=account_id, order=order).id)

    def statuses(self, floor: Floor) -> dict[str, str]:
        account_id = floor.exchange.account_ids()[0]
        return {order.id: order.status.value for order in floor.exchange.orders(account_id, OrderQuery(status="all"))}

    def test_its_clock_went_on_day_orders_expired_and_others_wait(self, options, monkeypatch) -> None:
        floor = open_floor(options)
        day = self.working_order(floor, time_in_force="day")
        older = self.working_order(floor, time_in_force="gtc")
        floor.close()

        floor = self.reopened(options, monkeypatch, timedelta(days=5))

        assert self.statuses(floor) == {day: "expired", older: "new"}
        assert floor.exchange.now - datetime.now(UTC) > timedelta(days=4, hours=23)
        floor.close()

    def test_splits_of_the_past_count_once(self, options, monkeypatch) -> None:
        floor = open_floor(options)
        before = floor.exchange.latest_quote("SPY")
        floor.execute("split", symbol="SPY", ratio="10")
        floor.clock.step(timedelta(minutes=1))
        floor.catch_up()
        floor.close()

        quotes = []
        for later in (timedelta(minutes=2), timedelta(hours=1)):
            floor = self.reopened(options, monkeypatch, later)
            quotes.append(floor.exchange.latest_quote("SPY"))
            floor.close()

        for quote in quotes:
            assert Decimal("0.09") < quote.bid / before.bid < Decimal("0.11")

    def test_an_exchange_with_a_time_of_its_own_stood_still(self, tmp_path: Path) -> None:
        options = Options(market="synthetic", start=NOON, always_open=True, state=tmp_path)
        floor = open_floor(options)
        floor.clock.step(timedelta(minutes=3))
        floor.close()
        kept = json.loads((tmp_path / "snapshot.json").read_text())
        floor = open_floor(options)

        assert kept["version"] == 1
        assert timedelta(minutes=3) <= floor.exchange.now - NOON < timedelta(minutes=4)
        floor.close()


def test_an_exchange_whose_market_broke_ends_instead_of_standing_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches over the process starts it again, from what it has kept."""

    def broken(_floor: Floor) -> None:
        raise ArithmeticError("the market broke")

    def say(_line: str) -> None:
        monkeypatch.setattr(Floor, "catch_up", broken)

    # Signals are the main thread's, and there the tests of the browser leave a loop of theirs running.
    theirs = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        with pytest.raises(ArithmeticError, match="the market broke"):
            asyncio.run(server._run(server.Simulator(Options(market="scripted", always_open=True)), say))
    finally:
        asyncio._set_running_loop(theirs)


def test_new_yorks_hours_are_those_of_the_library() -> None:
    ours, theirs = NewYorkHours(), NewYork()
    first = date(2010, 1, 1)

    for day in (first + timedelta(days=number) for number in range(365 * 20)):
        assert ours.on(day) == theirs.on(day), day
        assert (ours.after(day), ours.before(day)) == (theirs.after(day), theirs.before(day))
