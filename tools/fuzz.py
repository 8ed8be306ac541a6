"""`make fuzz SECONDS=600`: tests/fuzz with new examples in every round, until one fails or the time is over.

The files come in another order each time, so that short runs do not always try the same; the round that is under way
when the time is over is ended.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "fuzz"
# Of each test in a round; forms get a tenth of it each, because there are many.
EXAMPLES = "200"
# Seconds in which a round takes its database away.
PATIENCE = 30.0


def main(words: list[str]) -> int:
    ends, rounds = time.monotonic() + float(words[0] if words else "600"), 0
    while (left := ends - time.monotonic()) > 0:
        seed = secrets.randbelow(2**31)
        ended = run(command(seed), left)
        if ended is None:
            break
        if ended:
            print(f"Found with --hypothesis-seed={seed} and FUZZ_EXAMPLES={EXAMPLES}: make it a test of its own.")
            return 1
        rounds += 1
    print(f"{rounds} whole rounds{' and a part of one' if left > 0 else ''}, nothing found.")
    return 0


def command(seed: int) -> list[str]:
    files = sorted(map(str, FOLDER.glob("test_*.py")))
    random.Random(seed).shuffle(files)  # noqa: S311 - an order, nothing secret
    return [sys.executable, "-m", "pytest", "-q", "-x", *files, f"--hypothesis-seed={seed}"]


def run(words: list[str], seconds: float) -> int | None:
    """How it ended; None where the time was over first. Interrupted as by Ctrl-C: it takes its database away."""
    with subprocess.Popen(words, env={**os.environ, "FUZZ_EXAMPLES": EXAMPLES}, start_new_session=True) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return None
        except BaseException:
            process.send_signal(signal.SIGINT)
            raise


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Whoever was started where Ctrl-C is ignored, as in the background of a shell, ignores it, too."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
