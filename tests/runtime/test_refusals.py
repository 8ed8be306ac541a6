"""What can go wrong is said in one sentence, and nothing is left running."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.desk_process import copy_checkout, free_port, run_to_its_end

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    folder = copy_checkout()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_taken_port_is_named_with_what_to_write_instead(checkout: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        answer = run_to_its_end(checkout, PORT=str(port))

    assert answer.returncode == 1
    assert answer.stderr == (
        f"Port {port} is taken by another program: stop it or choose another, as in `make run PORT={port + 1}`.\n"
    )


@pytest.mark.parametrize("port", ["0", "65536", "-1", "eight", "80.5", "8000 9000", "٨٠٠٠"])
def test_a_port_that_is_none_is_refused(checkout: Path, port: str) -> None:
    answer = run_to_its_end(checkout, PORT=port)

    assert answer.returncode == 1
    assert answer.stderr == "The setting PORT cannot be used: write a whole number from 1 to 65535.\n"


def test_an_unreachable_database_is_said_without_its_password(checkout: Path) -> None:
    url = f"postgres://trader:hunter2secret@127.0.0.1:{free_port()}/desk"

    answer = run_to_its_end(checkout, PORT=str(free_port()), DATABASE_URL=url)

    assert answer.returncode == 1
    assert answer.stderr.startswith("The database of DATABASE_URL cannot be reached (")
    assert answer.stderr.count("\n") == 1
    assert "hunter2secret" not in answer.stdout + answer.stderr


def test_a_database_that_is_not_postgresql_is_refused(checkout: Path) -> None:
    answer = run_to_its_end(checkout, PORT=str(free_port()), DATABASE_URL="mysql://trader@127.0.0.1/desk")

    assert answer.returncode == 1
    assert answer.stderr == (
        "The setting DATABASE_URL cannot be used: write postgres://user:password@host:5432/name.\n"
    )


def test_an_unreachable_queue_is_said(checkout: Path) -> None:
    answer = run_to_its_end(checkout, PORT=str(free_port()), REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")

    assert answer.returncode == 1
    assert answer.stderr.startswith("The queue of REDIS_URL cannot be reached (")
    assert answer.stderr.count("\n") == 1


def test_a_bad_setting_is_named_and_the_servers_stop_again(checkout: Path) -> None:
    answer = run_to_its_end(checkout, PORT=str(free_port()), LOG_LEVEL="chatty")

    assert answer.returncode == 1
    assert answer.stderr == ("The setting LOG_LEVEL cannot be used: write one of DEBUG, INFO, WARNING, ERROR.\n")
    assert "Everything has stopped." in answer.stdout


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    folder = copy_checkout()
    (folder / "var").write_text("a file where a folder should be")

    answer = run_to_its_end(folder, PORT=str(free_port()))
    shutil.rmtree(folder)

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"The folder {folder} cannot be written (")
