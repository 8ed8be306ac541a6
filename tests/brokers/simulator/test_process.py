"""The simulator as a process: ready, stopped, killed, and back with everything it had accepted."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.brokers.simulator.conftest import Wire
from tests.brokers.simulator_server import ROOT, RunningSimulator, simulator, simulator_process, wait_until

# Around the clock: the calendar of New York takes seconds to load.
SCRIPTED = ("--market", "scripted", "--from", "2026-03-04T16:00Z", "--speed", "0", "--always-open")


def wire_of(running: RunningSimulator) -> Wire:
    return Wire(running.url, running.key_id, running.secret_key)


def truth(running: RunningSimulator) -> dict[str, object]:
    return running.control.dump(running.account)


def refusal(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "brokers.simulator", *words],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_says_in_one_line_that_it_is_ready_and_ends_with_success_when_asked(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with simulator_process(*SCRIPTED, state=tmp_path / "state") as (running, process):
            process.send_signal(number)
            said, _ = process.communicate(timeout=30)

        assert said == f"The stand-in exchange is open at {running.url}.\n"
        assert process.returncode == 0
        with pytest.raises(requests.ConnectionError):
            requests.get(running.url, timeout=5)


def test_after_kill_9_every_accepted_order_is_there_and_time_goes_on(tmp_path: Path) -> None:
    with simulator_process(*SCRIPTED, state=tmp_path) as (running, process):
        wire, control = wire_of(running), running.control
        control.set_quote("SPY", bid="100.00", ask="100.02")
        wire.ordered(qty="10", client_order_id="td-1")
        bracket = wire.ordered(
            qty="5",
            type="limit",
            limit_price="99",
            time_in_force="gtc",
            order_class="bracket",
            take_profit={"limit_price": "110"},
            stop_loss={"stop_price": "95"},
        )
        working = wire.ordered(type="limit", limit_price="90")
        wire.call("PATCH", f"/v2/orders/{working['id']}", json={"limit_price": "91"})
        control.advance(30)
        control.set_quote("SPY", bid="98.90", ask="98.95")
        control.transfer(running.account, "250")
        before = truth(running)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    with simulator_process(*SCRIPTED, state=tmp_path) as (running, _):
        after, wire = truth(running), wire_of(running)
        running.control.set_quote("SPY", bid="110.10", ask="110.12")
        target = wire.get(f"/v2/orders/{bracket['legs'][0]['id']}")

    assert after == before
    assert target["status"] == "filled"


def test_kill_9_between_a_hundred_orders_forgets_none_that_was_answered(tmp_path: Path) -> None:
    answered: list[str] = []
    with simulator_process(*SCRIPTED, state=tmp_path) as (running, process):
        running.control.set_quote("SPY", bid="100.00", ask="100.02")
        wire = wire_of(running)
        for number in range(100):
            if number == 60:
                process.kill()
            with contextlib.suppress(requests.ConnectionError):
                answered.append(wire.ordered(client_order_id=f"td-{number}")["id"])

    with simulator_process(*SCRIPTED, state=tmp_path) as (running, _):
        kept = {order["id"] for order in running.control.orders(running.account)}

    assert 60 <= len(answered) < 100
    assert set(answered) <= kept


def test_what_happened_by_itself_is_not_taken_back(tmp_path: Path) -> None:
    """Days pass; the order expires, and this was told."""
    with simulator_process(*SCRIPTED, state=tmp_path) as (running, process):
        running.control.set_quote("SPY", bid="100.00", ask="100.02")
        wire_of(running).ordered(type="limit", limit_price="90")
        running.control.advance(86_400)
        before, now = truth(running), running.control.now()
        process.kill()

    with simulator_process(*SCRIPTED, state=tmp_path) as (running, _):
        after, since = truth(running), running.control.now()

    assert before["orders"][0]["status"] == "expired"
    assert after["orders"] == before["orders"]
    assert after["positions"] == before["positions"]
    assert since <= now


def test_a_clean_stop_keeps_everything_too_and_accounts_are_opened_once(tmp_path: Path) -> None:
    seen = []
    for _ in range(3):
        with simulator("scripted", state=tmp_path) as running:
            running.control.set_quote("SPY", bid="100.00", ask="100.02")
            wire_of(running).ordered()
            seen.append((running.account, len(running.control.orders(running.account))))

    assert seen == [(seen[0][0], 1), (seen[0][0], 2), (seen[0][0], 3)]


def test_state_is_private(tmp_path: Path) -> None:
    with simulator("scripted", state=tmp_path / "state") as running:
        running.control.open_account()
        kept = list((tmp_path / "state").iterdir())

    assert {path.stat().st_mode & 0o077 for path in kept} == {0}
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


# --- what it refuses ------------------------------------------------------------------------------------------------


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with simulator() as running:
        port = running.url.rpartition(":")[2]
        answer = refusal("--port", port, "--market", "scripted", "--always-open")

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"The port {port} is taken by another program: choose another, or 0 for any.\n"


def test_a_folder_serves_one_simulator_at_a_time(tmp_path: Path) -> None:
    with simulator(state=tmp_path):
        answer = refusal("--state", str(tmp_path), "--market", "scripted", "--always-open")

    assert answer.returncode == 1
    assert answer.stderr == f"Another simulator keeps its state in {tmp_path}: name another folder.\n"


def test_the_state_of_another_market_is_not_touched(tmp_path: Path) -> None:
    with simulator(state=tmp_path):
        pass
    before = (tmp_path / "snapshot.json").read_bytes()

    answer = refusal("--state", str(tmp_path), "--seed", "2", "--always-open")

    assert answer.returncode == 1
    assert answer.stderr.startswith("The kept exchange has another market (market scripted, seed 1")
    assert (tmp_path / "snapshot.json").read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 99}'])
def test_a_state_that_cannot_be_read_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "snapshot.json").write_text(content)

    answer = refusal("--state", str(tmp_path), "--market", "scripted", "--always-open")

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"The exchange's state in {tmp_path} cannot be read by this version: move")


def test_a_state_of_another_shape_is_said_and_kept(tmp_path: Path) -> None:
    with simulator(state=tmp_path):
        pass
    kept = json.loads((tmp_path / "snapshot.json").read_text())
    kept["exchange"]["now"] = "noon"
    (tmp_path / "snapshot.json").write_text(json.dumps(kept))

    answer = refusal("--state", str(tmp_path), "--market", "scripted", "--always-open")

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"The exchange's state in {tmp_path} cannot be read by this version: move")
    assert json.loads((tmp_path / "snapshot.json").read_text()) == kept


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "eighty"], "The option --port cannot be used: write a whole number up to 65535."),
        (["--port", "65536"], "The option --port cannot be used: write a whole number up to 65535."),
        (["--speed", "fast"], "The option --speed cannot be used: write a number from 0 to 1000000."),
        (["--speed", "NaN"], "The option --speed cannot be used: write a number from 0 to 1000000."),
        (["--from", "noon"], "The option --from cannot be used: write a time such as 2013-10-04T13:30Z."),
        (["--account", "KEY:topsecret"], "The option --account must read KEY:SECRET:CASH, as in PKDEMO:secret:100000."),
        (["--control-port", "0"], "The control port needs --control-token-file, a file that holds its token."),
        (["--replay", "nowhere"], "There is nothing to replay in nowhere: name a folder that holds minute/SYMBOL.csv."),
    ],
)
def test_options_that_cannot_be_used_are_said_in_one_line(words: list[str], sentence: str) -> None:
    answer = refusal(*words)

    assert (answer.returncode, answer.stderr) == (1, f"{sentence}\n")


def test_a_file_that_cannot_be_replayed_is_named(tmp_path: Path) -> None:
    (tmp_path / "minute").mkdir()
    (tmp_path / "minute" / "SPY.csv").write_text("timestamp,open\nnever,1\n")

    answer = refusal("--replay", str(tmp_path))

    assert answer.returncode == 1
    assert "SPY.csv" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_the_desks_key_pair_opens_the_demo_account(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    environment = {**os.environ, "SIMULATOR_API_KEY": "PKDEMO", "SIMULATOR_SECRET_KEY": "demo-secret"}
    process = subprocess.Popen(
        [sys.executable, "-m", "brokers.simulator", "--ready-file", str(ready), "--always-open"],
        cwd=ROOT,
        env=environment,
    )
    try:
        wait_until(ready.exists, "the start", 60)
        wire = Wire(json.loads(ready.read_text())["url"], "PKDEMO", "demo-secret")
        assert wire.get("/v2/account")["cash"] == "100000"
    finally:
        process.terminate()
        process.wait(30)


def test_the_management_command_is_the_same_program() -> None:
    answer = subprocess.run(
        [sys.executable, "manage.py", "simulator", "--port", "eighty"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert answer.returncode == 1
    assert answer.stderr.strip().endswith("The option --port cannot be used: write a whole number up to 65535.")
