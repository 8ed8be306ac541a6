"""`make test` runs the one or two tests that failed beside all others once more, alone; that decides."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUSY = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("name", {names})
def test_of_a_busy_machine(name):
    seen = Path(name)
    is_first = not seen.exists()
    seen.touch()
    assert not is_first, "the first time"

def test_beside_it():
    with Path("beside").open("a") as file:
        file.write("x")
"""
WRONG = "def test_wrong():\n    assert False\n"


def run_of(folder: Path, content: str) -> "subprocess.CompletedProcess[str]":
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(content)
    command = [sys.executable, "-m", "tools.test", "-p", "no:django", "-q"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("names", [["one"], ["one", "two"]])
def test_one_or_two_are_run_once_more_and_alone(tmp_path: Path, names: list[str]) -> None:
    answer = run_of(tmp_path, BUSY.format(names=names))
    assert answer.returncode == 0, answer.stdout
    # How they failed is there to be read, and nothing else was run again.
    assert answer.stdout.count("AssertionError: the first time") >= len(names)
    assert (tmp_path / "beside").read_text() == "x"


@pytest.mark.parametrize("content", [WRONG, BUSY.format(names=["one", "two", "three"])])
def test_what_is_wrong_stays_wrong_and_three_are_too_many(tmp_path: Path, content: str) -> None:
    assert run_of(tmp_path, content).returncode == 1
