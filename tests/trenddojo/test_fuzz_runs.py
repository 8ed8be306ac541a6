"""`make fuzz` ends when its time is over, tells what it found, and does not always begin with the same."""

import sys

import pytest

from tools import fuzz


def python(words: str) -> list[str]:
    return [sys.executable, "-c", words]


def test_a_round_that_is_under_way_when_the_time_is_over_is_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); signal.pause()"
    monkeypatch.setattr(fuzz, "command", lambda seed: python(listening))
    assert fuzz.main(["0.5"]) == 0
    assert capsys.readouterr().out == "0 whole rounds and a part of one, nothing found.\n"


def test_a_round_that_cannot_be_interrupted_is_killed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz, "PATIENCE", 0.2)
    deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.pause()"
    monkeypatch.setattr(fuzz, "command", lambda seed: python(deaf))
    assert fuzz.main(["0.5"]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_what_a_round_finds_ends_the_run_and_can_be_had_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz, "command", lambda seed: python("raise SystemExit(1)"))
    monkeypatch.setattr(fuzz.secrets, "randbelow", lambda _: 7)
    assert fuzz.main(["60"]) == 1
    said = "Found with --hypothesis-seed=7 and FUZZ_EXAMPLES=200: make it a test of its own.\n"
    assert capsys.readouterr().out == said


def test_every_file_is_in_a_round_in_an_order_of_its_seed() -> None:
    orders = [[word for word in fuzz.command(seed) if "/tests/fuzz/test_" in word] for seed in (1, 1, 2, 3, 4)]
    assert orders[0] == orders[1]
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(map(str, fuzz.FOLDER.glob("test_*.py"))))}
    assert len({tuple(order) for order in orders}) > 1
