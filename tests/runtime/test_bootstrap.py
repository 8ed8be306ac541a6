"""The set-up: the right Python, room on the disk, and no work when nothing changed."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

SOURCE = Path(__file__).resolve().parent.parent.parent / "tools" / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path: Path) -> ModuleType:
    """The program with a checkout of its own."""
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("requirements.txt", "requirements-dev.txt", "manage.py", "Procfile"):
        (tmp_path / name).write_text(name)
    module.ROOT = tmp_path
    module.VENV = tmp_path / ".venv"
    module.PYTHON = module.VENV / "bin" / "python"
    return module


@pytest.fixture
def sentence(capsys: pytest.CaptureFixture[str]) -> Callable[[Callable[[], object]], str]:
    def stopped(action: Callable[[], object]) -> str:
        with pytest.raises(SystemExit) as stop:
            action()
        assert stop.value.code == 1
        return capsys.readouterr().err

    return stopped


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_a_wrong_python_is_refused_with_what_to_install(
    bootstrap: ModuleType,
    sentence: Callable[[Callable[[], object]], str],
    monkeypatch: pytest.MonkeyPatch,
    version: tuple[int, int],
) -> None:
    monkeypatch.setattr(bootstrap, "sys", SimpleNamespace(version_info=(*version, 1), stderr=sys.stderr, argv=[]))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)

    assert sentence(bootstrap.find_suitable_python) == (
        f"TrendDojo needs Python 3.11, 3.12 or 3.13, and this is {version[0]}.{version[1]}: install one of them, "
        "or name it as in `make run PYTHON=/path/to/python3.12`.\n"
    )


def test_another_python_on_the_path_is_taken_when_this_one_does_not_fit(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    monkeypatch.setattr(
        bootstrap, "sys", SimpleNamespace(version_info=(3, 9, 1), stderr=sys.stderr, argv=["bootstrap.py", "run"])
    )
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(bootstrap, "answers", lambda path, minor: minor == 12)
    monkeypatch.setattr(bootstrap, "stop", lambda words: None)
    monkeypatch.setattr(bootstrap.os, "execv", lambda path, words: taken.extend(words))

    bootstrap.find_suitable_python()

    assert taken[:3] == ["/bin/python3.12", "bootstrap.py", "run"]


def test_a_full_disk_is_said_before_anything_is_made(
    bootstrap: ModuleType,
    sentence: Callable[[Callable[[], object]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda path: SimpleNamespace(free=12 * 1024 * 1024))

    assert sentence(lambda: bootstrap.prepare("run")).startswith("There is no space: 12 MB are free under ")
    assert not bootstrap.VENV.exists()


def test_a_folder_without_the_checkout_is_said(
    bootstrap: ModuleType, sentence: Callable[[Callable[[], object]], str]
) -> None:
    (bootstrap.ROOT / "requirements.txt").unlink()

    assert "requirements.txt cannot be read" in sentence(bootstrap.refuse_unusable_folder)


def test_a_folder_that_cannot_be_written_is_said(
    bootstrap: ModuleType,
    sentence: Callable[[Callable[[], object]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(bootstrap.tempfile, "TemporaryFile", refuse)

    assert "cannot be written (Permission denied)" in sentence(bootstrap.refuse_unusable_folder)


def test_the_second_start_installs_nothing_until_requirements_change(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []
    monkeypatch.setattr(
        bootstrap, "make_environment", lambda: bootstrap.PYTHON.parent.mkdir(parents=True, exist_ok=True)
    )
    monkeypatch.setattr(bootstrap, "install", lambda kind: (installed.append(kind), bootstrap.PYTHON.touch()))

    bootstrap.prepare("run")
    bootstrap.prepare("run")
    assert installed == ["run"]

    (bootstrap.ROOT / "requirements.txt").write_text("something newer")
    bootstrap.prepare("run")
    assert installed == ["run", "run"]


def test_it_can_be_read_by_an_old_interpreter() -> None:
    """Its syntax is that of 3.7, so that a wrong Python can say that it is wrong."""
    import ast

    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_an_unknown_word_is_answered_with_the_right_ones() -> None:
    answer = subprocess.run([sys.executable, str(SOURCE), "jump"], check=False, capture_output=True, text=True)

    assert answer.returncode == 1
    assert answer.stderr.startswith("Write `python3 tools/bootstrap.py run`")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run"], ("run", ["-m", "trenddojo.desk", "run"])),
        (["run", "--only-install"], ("run", [])),
        (["run", "--", "-m", "trenddojo.desk", "restore", "x"], ("run", ["-m", "trenddojo.desk", "restore", "x"])),
        (["dev"], ("dev", [])),
        (["dev", "--", "-m", "pytest"], ("dev", ["-m", "pytest"])),
    ],
)
def test_it_becomes_the_command_that_was_asked_for(
    bootstrap: ModuleType, words: list[str], expected: tuple[str, list[str]]
) -> None:
    assert bootstrap.read_arguments(words) == expected


@pytest.mark.skipif(shutil.which("make") is None, reason="asks make")
@pytest.mark.parametrize("target", ["backup", "restore"])
def test_a_backup_without_a_file_is_asked_for_one(target: str) -> None:
    answer = subprocess.run(
        ["make", "--no-print-directory", target],  # noqa: S607 - the one on PATH, as whoever types it
        cwd=SOURCE.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stderr.splitlines()[0] == f"Say which file: make {target} FILE=desk.backup"
    assert answer.stdout == ""
