"""The programs of docs/examples and the quick start of docs/api.md do what they say: at a real web process, with real curl."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from brokers.services.connections import NewAccount, connection_create
from tests.brokers.simulator_server import simulator
from tests.desk_at_work import queues_empty, work
from tests.factories import make_account, make_closed_trade
from tests.runtime.web_process import WebProcess
from trades.models import Trade

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"
QUICK_START = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SECONDS = 90

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the web process is watched by /proc"),
]


def blocks(language: str) -> list[str]:
    """The quick start's code, block by block."""
    return re.findall(rf"^```{language}$\n(.*?)^```$", QUICK_START, re.DOTALL | re.MULTILINE)


@pytest.fixture
def exchange(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with simulator() as found:
        found.control.set_quote("SPY", bid="100.00", ask="100.02")
        settings.SIMULATOR_URL = found.url
        monkeypatch.setenv("SIMULATOR_URL", found.url)
        yield found


@pytest.fixture
def web(exchange: Any) -> Iterator[WebProcess]:
    queues_empty()
    found = WebProcess()
    yield found
    found.end(15)


@pytest.fixture
def environment(web: WebProcess, alice: Any, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What the quick start has its reader export, the token made as it says."""
    call_command("create_api_token", "alice", "--name", "First program", "--scope", "trade")
    token = re.search(r"td_\S+", capsys.readouterr().out)
    assert token is not None
    return {**os.environ, "TRENDDOJO_URL": f"http://127.0.0.1:{web.port}", "TRENDDOJO_TOKEN": token[0]}


def run(command: list[str], environment: dict[str, str]) -> list[str]:
    """What a program prints, while the workers are at work."""
    program = subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + SECONDS
    while program.poll() is None and time.monotonic() < end:
        work()
    if program.poll() is None:
        program.kill()
    said, complained = program.communicate()
    assert program.returncode == 0, f"{said}{complained}"
    return said.splitlines()


def test_a_bracket_is_planned_sized_sent_and_followed_to_its_fill(
    environment: dict[str, str], exchange: Any, alice: Any
) -> None:
    connection_create(
        user=alice,
        broker="simulator",
        label="Exchange",
        is_paper=True,
        credentials={"api_key": exchange.key_id, "secret_key": exchange.secret_key},
        account=NewAccount("Paper"),
    )

    said = run([sys.executable, str(EXAMPLES / "bracket_order.py"), "SPY"], environment)

    # 30 % of 100,000 at 100.02 are 299 shares; each risks 1.00.
    assert said[0] == "299 SPY at 100.02, each risking 1.00; bound by max_position"
    assert said[1].endswith(" is new")
    assert said[-4].endswith(" is filled")
    assert said[-3] == "299 filled at 100.02, commission 0.00"
    assert sorted(said[-2:]) == ["  sell 299 limit: accepted", "  sell 299 stop: accepted"]
    trade = Trade.objects.get(owner=alice)
    assert (trade.status, trade.symbol, trade.open_quantity) == ("active", "SPY", 299)


def test_closed_trades_become_a_table(environment: dict[str, str], alice: Any) -> None:
    account = make_account(alice)
    for number in range(205):
        at = timezone.now() - timedelta(days=2, minutes=number)
        make_closed_trade(account, "SPY" if number % 2 else "QQQ", net="10.50", entry_date=at)

    said = run([sys.executable, str(EXAMPLES / "trades_to_pandas.py")], environment)

    assert said[-1] == "205 trades, net 2152.50"
    assert [line.split() for line in said[-3:-1]] == [["QQQ", "103", "1081.50"], ["SPY", "102", "1071.00"]]


def test_no_trades_are_said(environment: dict[str, str]) -> None:
    assert run([sys.executable, str(EXAMPLES / "trades_to_pandas.py")], environment) == ["No closed trades yet."]


def test_the_quick_start_works_when_it_is_pasted(environment: dict[str, str], alice: Any) -> None:
    make_account(alice)

    said = "\n".join(run(["bash", "-euo", "pipefail", "-c", "\n".join(blocks("sh curl"))], environment))
    assert '"bound_by":"max_position"' in said
    planned = Trade.objects.get(owner=alice)
    assert (planned.symbol, planned.status, planned.planned_quantity) == ("AMZN", "planned", 5)

    assert run([sys.executable, "-c", blocks("python")[0]], environment) == [
        "Main 100000.00 USD",
        "AMZN long 187.45 182.00",
    ]
