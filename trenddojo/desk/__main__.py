"""`python -m trenddojo.desk run`: start the desk in the foreground until Ctrl-C.

`backup FILE` and `restore FILE` need no running desk: the embedded servers are started for them where none run.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from trenddojo.desk.errors import DeskError
from trenddojo.desk.supervisor import Desk, Stopped

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    arguments = _arguments()
    try:
        ACTIONS[arguments.action](arguments)
    except DeskError as problem:
        sys.stdout.flush()
        print(problem, file=sys.stderr)
        return 1
    except (Stopped, KeyboardInterrupt):
        pass
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trenddojo.desk", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("run", help="start the desk")
    actions.add_parser("backup", help="write database and files into one new file").add_argument("file", type=Path)
    restore = actions.add_parser("restore", help="bring them back; the desk must not run")
    restore.add_argument("file", type=Path)
    restore.add_argument("--replace", action="store_true", help="lose what the database holds now")
    return parser.parse_args()


def _run(_: argparse.Namespace) -> None:
    Desk(ROOT).run()


def _backup(arguments: argparse.Namespace) -> None:
    words = ["backup", str(arguments.file.absolute())]
    if not (ROOT / "var" / "desk.env").is_file():
        Desk(ROOT).manage(*words)
        return
    # A desk is running, and goes on meanwhile.
    if subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, check=False).returncode:
        raise DeskError("There is no backup.")


def _restore(arguments: argparse.Namespace) -> None:
    replace = ["--replace"] if arguments.replace else []
    Desk(ROOT).manage("restore", str(arguments.file.absolute()), *replace)


ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {"run": _run, "backup": _backup, "restore": _restore}

if __name__ == "__main__":
    sys.exit(main())
