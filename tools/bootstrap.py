"""Make .venv and keep it in step with the pinned requirements; then become the command that was asked for.

    python3 tools/bootstrap.py run                 what the desk needs, then start it
    python3 tools/bootstrap.py run --only-install  the same without starting it, for a production machine
    python3 tools/bootstrap.py run -- COMMAND...   the same and then that command in the environment, as for a restore
    python3 tools/bootstrap.py dev                 the same and the test tools
    python3 tools/bootstrap.py dev -- COMMAND...   … and then that command in the environment

Standard library only, and a syntax old interpreters can read, so that they can say what is wrong.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED_MEGABYTES = {"run": 900, "dev": 1800, "start": 200}
REQUIREMENTS = {"run": ["requirements.txt"], "dev": ["requirements.txt", "requirements-dev.txt"]}


def stop(sentence: str) -> NoReturn:
    sys.stderr.write(sentence + "\n")
    raise SystemExit(1)


def main() -> None:
    kind, command = read_arguments(sys.argv[1:])
    find_suitable_python()
    refuse_unusable_folder()
    with (ROOT / ".bootstrap.lock").open("a") as lock:
        # Two starts at once must not install into each other's half-made environment.
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare(kind)
    if command:
        environment = dict(os.environ, PATH=str(VENV / "bin") + os.pathsep + os.environ.get("PATH", os.defpath))
        os.chdir(str(ROOT))
        os.execve(str(PYTHON), [str(PYTHON), *command], environment)


def read_arguments(words: "list[str]") -> "tuple[str, list[str]]":
    if not words or words[0] not in REQUIREMENTS:
        stop("Write `python3 tools/bootstrap.py run` or `python3 tools/bootstrap.py dev`.")
    if words == ["run", "--only-install"]:
        return "run", []
    if words[1:2] == ["--"]:
        return words[0], words[2:]
    return words[0], ["-m", "trenddojo.desk", "run"] if words[0] == "run" else []


def find_suitable_python() -> None:
    """Go on in a supported Python: this one, or another found on PATH."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which("python3.{}".format(minor))
        if found and answers(found, minor):
            os.execv(found, [found, *sys.argv])
    stop(
        "TrendDojo needs Python 3.11, 3.12 or 3.13, and this is {}.{}: install one of them, or name it as in "
        "`make run PYTHON=/path/to/python3.12`.".format(*sys.version_info[:2])
    )


def answers(python: str, minor: int) -> bool:
    """A name on PATH may be a shim without a Python behind it."""
    check = "import sys; sys.exit(sys.version_info[:2] != (3, {}))".format(minor)
    return subprocess.call([python, "-c", check], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def refuse_unusable_folder() -> None:
    for path in [ROOT / "requirements.txt", ROOT / "manage.py", ROOT / "Procfile"]:
        if not os.access(str(path), os.R_OK):
            stop("The file {} cannot be read: make the folder yours or clone it again.".format(path))
    try:
        with tempfile.TemporaryFile(dir=str(ROOT)):
            pass
    except OSError as problem:
        stop(
            "The folder {} cannot be written ({}): make it yours or clone into a folder of your own.".format(
                ROOT, problem.strerror
            )
        )


def refuse_full_disk(kind: str) -> None:
    free = shutil.disk_usage(str(ROOT)).free // (1024 * 1024)
    if free < NEEDED_MEGABYTES[kind]:
        stop(
            "There is no space: {} MB are free under {} and {} MB are needed. Make room and start again.".format(
                free, ROOT, NEEDED_MEGABYTES[kind]
            )
        )


def prepare(kind: str) -> None:
    """Install what is missing. The stamp says for which requirements, Python and place it was done."""
    stamp = VENV / ".trenddojo-{}".format(kind)
    wanted = fingerprint(kind)
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        refuse_full_disk("start")
        return
    refuse_full_disk(kind)
    make_environment()
    started_with = "the test tools" if kind == "dev" else "the packages"
    say("Installing {} (once, and again when requirements change).".format(started_with))
    install(kind)
    stamp.write_text(wanted)


def fingerprint(kind: str) -> str:
    digest = hashlib.sha256()
    for name in REQUIREMENTS[kind]:
        digest.update((ROOT / name).read_bytes())
    # Programs in .venv/bin carry its absolute path: a moved clone needs a new environment.
    return "{} {}.{} {}".format(digest.hexdigest(), sys.version_info[0], sys.version_info[1], VENV)


def make_environment() -> None:
    """A working .venv of this Python at this place; anything else there is replaced."""
    marker = VENV / ".trenddojo-place"
    place = "{}.{} {}".format(sys.version_info[0], sys.version_info[1], VENV)
    same_python = "import pip, sys; sys.exit(sys.version_info[:2] != {})".format(tuple(sys.version_info[:2]))
    working = PYTHON.exists() and call_quietly([str(PYTHON), "-c", same_python]) == 0
    # One that somebody made by hand has no marker and is kept.
    if working and (not marker.exists() or marker.read_text() == place):
        marker.write_text(place)
        return
    say("Making .venv with Python {}.{}.".format(sys.version_info[0], sys.version_info[1]))
    if call_quietly([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        stop(
            "The environment .venv could not be made: this Python lacks the venv module (Debian: apt-get install "
            "python3-venv) or the folder is full or not yours."
        )
    marker.write_text(place)


def install(kind: str) -> None:
    files = [word for name in REQUIREMENTS[kind] for word in ("--requirement", str(ROOT / name))]
    if install_with_uv(files) or install_with_pip(files):
        return
    stop(
        "The packages could not be installed; the lines above say why. Most often the package index cannot be "
        "reached (set PIP_INDEX_URL for a mirror) or the disk is full."
    )


def install_with_uv(files: "list[str]") -> bool:
    """The fast way. False where uv has no wheel or cannot reach what pip's configuration reaches."""
    installer = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    wanted = str(ROOT / "tools" / "installer.txt")
    if call_quietly([str(PYTHON), *installer, "--only-binary", ":all:", "--requirement", wanted]) != 0:
        return False
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--require-hashes", "--python", str(PYTHON)]
    return call_quietly([*uv, *files], environment=uv_environment()) == 0


def uv_environment() -> "dict[str, str]":
    """uv does not read pip's configuration: hand over a mirror and certificates that were set for pip."""
    environment = dict(os.environ)
    environment.setdefault("UV_LINK_MODE", "copy")
    home = environment.get("XDG_CACHE_HOME") or environment.get("HOME") or "/nonexistent"
    if not os.access(home, os.W_OK):
        environment.setdefault("UV_NO_CACHE", "1")
    if not any(name in environment for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE")):
        mirror = pip_setting("index-url")
        if mirror:
            environment["UV_DEFAULT_INDEX"] = mirror
    certificates = pip_setting("cert")
    if certificates:
        environment.setdefault("SSL_CERT_FILE", certificates)
    return environment


def pip_setting(name: str) -> str:
    for scope in (":env:", "install", "global"):
        answer = subprocess.run(
            [str(PYTHON), "-m", "pip", "config", "get", "{}.{}".format(scope, name)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
            check=False,
        )
        if answer.returncode == 0 and answer.stdout.strip():
            return answer.stdout.strip()
    return ""


def install_with_pip(files: "list[str]") -> bool:
    """The slow way, which knows every setting of pip."""
    say("The fast installer could not be used; pip takes a minute.")
    options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    return subprocess.call([str(PYTHON), *options, *files], cwd=str(ROOT), stdin=subprocess.DEVNULL) == 0


def call_quietly(command: "list[str]", environment: "dict[str, str] | None" = None) -> int:
    sink = subprocess.DEVNULL
    return subprocess.call(command, cwd=str(ROOT), env=environment, stdin=sink, stdout=sink, stderr=sink)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("Stopped during the set-up; start again and it goes on.")
    except OSError as problem:
        stop("The set-up stopped: {}.".format(problem))
