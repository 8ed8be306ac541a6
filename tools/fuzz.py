"""`make fuzz SECONDS=600`: tests/fuzz with new examples in every round, until one fails or the time is over."""

import os
import secrets
import subprocess
import sys
import time

# Of each test in a round; forms get a tenth of it each, because there are many.
EXAMPLES = "200"


def main(words: list[str]) -> int:
    ends, rounds = time.monotonic() + int(words[0] if words else "600"), 0
    while time.monotonic() < ends:
        seed = secrets.randbelow(2**31)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "tests/fuzz", f"--hypothesis-seed={seed}"]
        if subprocess.run(command, env={**os.environ, "FUZZ_EXAMPLES": EXAMPLES}, check=False).returncode:
            print(f"Found with --hypothesis-seed={seed} and FUZZ_EXAMPLES={EXAMPLES}: make it a test of its own.")
            return 1
        rounds += 1
    print(f"{rounds} rounds, nothing found.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
