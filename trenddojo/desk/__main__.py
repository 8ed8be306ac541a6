"""`python -m trenddojo.desk run`: start the desk in the foreground until Ctrl-C."""

import argparse
import sys
from pathlib import Path

from trenddojo.desk.errors import DeskError
from trenddojo.desk.supervisor import Desk, Stopped

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m trenddojo.desk", description=__doc__)
    parser.add_argument("action", choices=["run"])
    parser.parse_args()
    try:
        Desk(ROOT).run()
    except DeskError as problem:
        sys.stdout.flush()
        print(problem, file=sys.stderr)
        return 1
    except (Stopped, KeyboardInterrupt):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
