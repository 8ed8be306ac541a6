"""Run by path beside the desk: when the desk is gone, however it went, stop what it had started.

    python guard.py FOLDER

The end of standard input is the sign. It holds the desk's lock until it has finished, so that the
next start waits for it. The ledger in FOLDER says whom to stop.
"""

import contextlib
import importlib.util
import signal
import sys
from pathlib import Path
from types import ModuleType


def _ledger() -> ModuleType:
    """The neighbour module, loaded by path: this program must run whatever the environment looks like."""
    spec = importlib.util.spec_from_file_location("ledger", Path(__file__).with_name("ledger.py"))
    if spec is None or spec.loader is None:
        sys.exit("The guard cannot find its ledger.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["ledger"] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(sys.argv[1])
    ledger = _ledger()
    with contextlib.suppress(OSError):
        while sys.stdin.buffer.read(4096):
            pass
    path = folder / "ledger.json"
    ledger.stop(ledger.read(path))
    for name in ("ledger.json", "desk.env"):
        (folder / name).unlink(missing_ok=True)


main()
