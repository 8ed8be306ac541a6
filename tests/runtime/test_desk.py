"""A whole desk: starts, survives kill -9 of every part, and leaves nothing behind."""

import json
import os
import signal
import stat
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import redis

from tests.runtime.desk_process import DeskProcess, copy_checkout, free_port, living_members, run_to_its_end, wait_for
from tests.runtime.spoilt_queue import spoil

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left"),
]


@pytest.fixture(scope="module")
def checkout() -> Iterator[DeskProcess]:
    """One copy for all tests of a worker, with 500 committed rows in its database."""
    desk = DeskProcess(copy_checkout())
    try:
        desk.start()
        with connect(desk) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 500) AS number")
        yield desk
    finally:
        desk.clear_away()


@pytest.fixture
def desk(checkout: DeskProcess) -> DeskProcess:
    """The desk of the copy, running, whatever the test before did to it."""
    return checkout.start() if checkout.has_ended() else checkout


def connect(desk: DeskProcess) -> "psycopg.Connection[tuple[object, ...]]":
    parts = urlsplit(desk.addresses()["DATABASE_URL"])
    folder = parse_qs(parts.query)["host"][0]
    return psycopg.connect(host=folder, user=parts.username, dbname=parts.path[1:], autocommit=True)


def count(desk: DeskProcess) -> int:
    with connect(desk) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(str(row[0]))


def answers(desk: DeskProcess) -> bool:
    try:
        with connect(desk):
            return True
    except psycopg.Error:
        return False


def health(desk: DeskProcess) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{desk.port}/healthz", timeout=10) as response:
        return int(response.status)


def test_the_first_start_writes_a_private_env_file_and_prints_address_and_sign_in(desk: DeskProcess) -> None:
    env_file = desk.folder / ".env"

    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert desk.says(f"http://127.0.0.1:{desk.port}/")
    assert desk.says("Sign in as demo with the password ")
    assert set(desk.entries()) == {"database", "queue", "simulator", "web", "orders", "worker", "beat", "stream"}
    assert health(desk) == 200


def test_servers_listen_on_sockets_that_only_their_user_may_open(desk: DeskProcess) -> None:
    sockets = desk.folder / "var" / "run"

    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert (sockets / ".s.PGSQL.5432").is_socket()
    assert (sockets / "valkey.sock").is_socket()


def test_servers_do_not_run_as_root(desk: DeskProcess) -> None:
    for name in ("database", "queue"):
        pid = desk.entries()[name].pid
        assert Path(f"/proc/{pid}").stat().st_uid != 0 or os.geteuid() != 0


def test_a_second_start_in_the_same_folder_says_that_one_is_running(desk: DeskProcess) -> None:
    answer = run_to_its_end(desk.folder, PORT=str(free_port()))

    assert answer.returncode == 1
    assert answer.stderr.startswith("A desk is already running in this folder (process ")
    assert answer.stderr.count("\n") == 1
    assert health(desk) == 200


def test_a_killed_database_comes_back_with_every_committed_row(desk: DeskProcess) -> None:
    desk.kill("database")
    wait_for(lambda: answers(desk), "the database's recovery")

    assert count(desk) == 500
    assert health(desk) == 200


def test_a_killed_queue_comes_back_with_what_it_had_accepted(desk: DeskProcess) -> None:
    path = desk.folder / "var" / "run" / "valkey.sock"
    with redis.Redis(unix_socket_path=str(path)) as client:
        client.set("kept", "yes")

    desk.kill("queue")

    with redis.Redis(unix_socket_path=str(path)) as client:
        wait_for(lambda: _pings(client), "the queue's start")
        assert client.get("kept") == b"yes"


@pytest.mark.parametrize("when", ["while the desk runs", "before it starts"])
def test_a_queue_whose_file_a_full_disk_has_spoilt_starts_empty_and_the_file_is_kept(
    desk: DeskProcess, when: str
) -> None:
    """A write that found no room can leave half a command in the middle of the file."""
    data = (desk.folder / "var" / "valkey").resolve()
    spoilt = spoil(data)
    if when == "before it starts":
        desk.end(signal.SIGTERM)
        desk.start()
    else:
        desk.kill("queue")

    with redis.Redis(unix_socket_path=str(desk.folder / "var" / "run" / "valkey.sock")) as client:
        wait_for(lambda: _pings(client), "the queue's start")
        assert client.get("spoilt") is None
    wait_for(lambda: desk.says("The queue could not read its file, now in "), "the desk's words")
    assert (data / "unreadable" / spoilt.name).is_file()
    assert "Bad file format reading the append only file" in (data / "unreadable" / "valkey.log").read_text()
    assert health(desk) == 200


def _pings(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


@pytest.mark.parametrize("name", ["web", "orders", "worker", "beat", "stream", "simulator"])
def test_a_killed_process_is_started_again_and_leaves_no_orphans(desk: DeskProcess, name: str) -> None:
    before = desk.kill(name)

    wait_for(lambda: not living_members(before.pid), f"the end of what {name} had started")
    wait_for(lambda: desk.says(f"{name} was ended by SIGKILL; starting it again."), f"the word that {name} ended")


def account(desk: DeskProcess) -> dict[str, object]:
    """The demo account at the stand-in exchange, asked for as any client would."""
    told = desk.addresses()
    keys = {"APCA-API-KEY-ID": told["SIMULATOR_API_KEY"], "APCA-API-SECRET-KEY": told["SIMULATOR_SECRET_KEY"]}
    request = urllib.request.Request(f"{told['SIMULATOR_URL']}/v2/account", headers=keys)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
        return dict(json.load(response))


def exchange_answers(desk: DeskProcess) -> bool:
    try:
        return bool(account(desk))
    except OSError:
        return False


def test_the_stand_in_exchange_keeps_its_account_when_it_is_killed_and_when_the_desk_starts_anew(
    desk: DeskProcess,
) -> None:
    wait_for(lambda: exchange_answers(desk), "the exchange's answer")
    before = account(desk)
    desk.kill("simulator")
    wait_for(lambda: exchange_answers(desk), "the exchange's recovery")
    after = account(desk)
    desk.end(signal.SIGTERM)
    desk.start()

    assert (before["cash"], before["status"]) == ("100000", "ACTIVE")
    assert account(desk)["id"] == after["id"] == before["id"]


def test_an_exchange_that_cannot_start_does_not_keep_the_desk_from_it(desk: DeskProcess) -> None:
    snapshot = desk.folder / "var" / "simulator" / "snapshot.json"
    desk.end(signal.SIGTERM)
    before = snapshot.read_bytes()
    snapshot.write_text("{}")
    desk.start()
    wait_for(lambda: desk.says("The desk goes on without it."), "the word that the exchange is missing")

    assert desk.says("cannot be read by this version: move the folder away")
    assert "simulator" not in desk.entries()
    assert health(desk) == 200
    desk.end(signal.SIGTERM)
    snapshot.write_bytes(before)
    desk.start()
    assert exchange_answers(desk)


def test_after_kill_9_of_the_desk_everything_stops_and_the_next_start_finds_every_row(desk: DeskProcess) -> None:
    env_file = (desk.folder / ".env").read_bytes()

    assert desk.end(signal.SIGKILL) == -signal.SIGKILL
    # At once: the new start waits for whatever the guard still has to stop.
    desk.start()

    assert count(desk) == 500
    assert (desk.folder / ".env").read_bytes() == env_file


def test_sigterm_leaves_nothing_running(desk: DeskProcess) -> None:
    assert desk.end(signal.SIGTERM) == 0
    assert desk.says("Everything has stopped.")
    assert desk.survivors() == []
    assert not (desk.folder / "var" / "desk.env").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=["ctrl-c", "closed terminal"])
def test_ctrl_c_and_a_closed_terminal_stop_everything(desk: DeskProcess, number: int) -> None:
    assert desk.end(number) == 0
    assert desk.survivors() == []


def test_killing_the_desk_and_its_guard_together_does_not_hinder_the_next_start(desk: DeskProcess) -> None:
    guards = _pids_of(desk, "guard.py")
    assert len(guards) == 1
    os.kill(guards[0], signal.SIGKILL)
    desk.end(signal.SIGKILL)

    desk.start()

    assert count(desk) == 500
    assert health(desk) == 200


def _pids_of(desk: DeskProcess, words: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if words in command and str(desk.folder) in command:
            found.append(int(path.parent.name))
    return found
