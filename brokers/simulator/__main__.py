"""`python -m brokers.simulator`: the simulator without Django, for the desk and for tests."""

import argparse
import os
import sys

from brokers.simulator.errors import SimulatorError
from brokers.simulator.options import add_arguments, from_arguments
from brokers.simulator.server import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m brokers.simulator", description=__doc__)
    add_arguments(parser)
    try:
        run(from_arguments(vars(parser.parse_args()), os.environ), _say)
    except SimulatorError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - it talks to the person at the terminal
        return 1
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - see above


if __name__ == "__main__":
    sys.exit(main())
