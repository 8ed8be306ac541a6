"""The laboratory: the whole desk as real processes on loopback, a stand-in exchange that survives, and traders.

    with Lab(seed=1) as lab:
        lab.points.arm("submit.sent")
        …
        lab.calm()
        findings = lab.settle()

The lab reads the desk's database and the exchange's control port by themselves; none of the desk's code runs in it.
"""

import base64
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psycopg
from celery import Celery
from psycopg.rows import dict_row

from tests.brokers.simulator_server import SimulatorControl
from tests.fault.points import FOLDER, Armoury
from tests.fault.processes import Program, Supervisor
from tests.fault.record import Missed, Record, born
from tests.fault.server_programs import server_programs
from tests.fault.traders import Trader, traders_make
from tests.runtime.desk_process import clean_environment, free_port
from trenddojo.desk import postgres, valkey
from trenddojo.desk.identity import server_identity
from trenddojo.desk.procfile import read_procfile

ROOT = Path(__file__).resolve().parent.parent.parent
KILLABLE = [sys.executable, "-m", "tests.fault.killable"]
# Two of each queue that carries orders, as on two hosts.
DESK = ("web", "orders1", "orders2", "worker", "beat", "stream")
Row = dict[str, Any]


@dataclass
class Options:
    seed: int = 1
    traders: int = 4
    # Pool processes of each worker.
    concurrency: int = 2
    # Further variables of the desk's processes.
    variables: dict[str, str] = field(default_factory=dict)


class Lab:
    # Further options of the database's server.
    database_options: tuple[str, ...] = ()
    # Whose code the desk's processes run from their next start on; the folder they start in is before PYTHONPATH.
    code: Path = ROOT

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        # A short path: a socket's may have 103 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="tdf-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.points = Armoury(self.folder / "points")
        self.supervisor = Supervisor(self.logs)
        self.port, self.exchange_port, self.control_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.record = Record()
        # Which point is armed next, in a seeded run.
        self.next_point: Callable[[], str] | None = None
        # Injections that this machine does not allow, and why.
        self.impossible: dict[str, str] = {}
        # Whether its folder, with all logs, outlives it.
        self.is_kept = bool(os.environ.get("FAULT_KEEP"))
        self.traders: list[Trader] = []
        # The keys each trader's account has at the exchange by now, by name.
        self.keys: dict[str, tuple[str, str]] = {}
        # Seconds that a process stopped at a point sleeps.
        self.sleeps: dict[str, float] = {}
        self._woken: set[int] = set()
        self._token = secrets.token_urlsafe(20)
        self.control = SimulatorControl(f"http://127.0.0.1:{self.control_port}", self._token)
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._lock = threading.RLock()

    # --- start and end -----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        self._start_servers()
        self._start_exchange()
        self.supervisor.wait("exchange", "postgres", "valkey")
        self.database.create_database()
        self.migrate()
        self.traders = traders_make(self.control, self._run, self.options.traders)
        self.keys = {one.name: (one.key_id, one.secret_key) for one in self.traders}
        for name in DESK:
            self.supervisor.keep(self.program(name))
        self.supervisor.wait(*DESK)
        self._ticker = threading.Thread(target=self._tick, name="later", daemon=True)
        self._ticker.start()

    def migrate(self) -> None:
        self._run("manage.py", "migrate", "--verbosity", "0")

    def close(self) -> None:
        self._later.clear()
        self.supervisor.close()
        if self.is_kept:
            print(f"kept: {self.folder}", flush=True)  # noqa: T201 - for whoever looks at it
            return
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_servers(self) -> None:
        identity = server_identity(ROOT)
        sockets, data = self.folder / "s", self.folder / "d"
        sockets.mkdir(mode=0o700)
        identity.own(sockets)
        data.mkdir(mode=0o711, exist_ok=True)
        # Durable: a killed server must bring back what it has confirmed.
        self.database = postgres.Postgres(
            postgres.find_programs(identity, self.folder), data / "postgres", sockets, identity
        )
        self.queue = valkey.Valkey(valkey.find_program(identity, self.folder), data / "valkey", sockets, identity)
        self.database.prepare()
        self.queue.prepare()
        self.environment = self._environment()
        for program in server_programs(self.database, self.queue, self.database_options):
            self.supervisor.keep(program)

    def _start_exchange(self) -> None:
        token = self.folder / "control-token"
        token.write_text(self._token)
        command = [
            *(sys.executable, "-m", "brokers.simulator", "--port", str(self.exchange_port)),
            *("--state", str(self.folder / "exchange"), "--market", "scripted", "--always-open"),
            *("--seed", str(self.options.seed), "--rate-limit", "1000000"),
            *("--control-port", str(self.control_port), "--control-token-file", str(token)),
        ]
        self.supervisor.keep(Program("exchange", command, self.environment, ROOT, self._exchange_answers))

    def _exchange_answers(self) -> bool:
        try:
            self.control.clock()
        except OSError:
            return False
        return True

    def _environment(self) -> dict[str, str]:
        return clean_environment(
            DJANGO_SETTINGS_MODULE="trenddojo.settings",
            ENV_FILE=os.devnull,
            # Unhashed static names, as nothing was collected, and passwords that are quick to check.
            TESTING="true",
            SECRET_KEY=secrets.token_urlsafe(50),
            BROKER_ENCRYPTION_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
            DATABASE_URL=self.database.url,
            REDIS_URL=f"unix://{self.queue.socket}?db=0",
            CACHE_URL=f"unix://{self.queue.socket}?db=1",
            MEDIA_ROOT=str(self.folder / "media"),
            SIMULATOR_URL=f"http://127.0.0.1:{self.exchange_port}",
            SIMULATOR_PORT=str(self.exchange_port),
            PORT=str(self.port),
            WEB_CONCURRENCY="2",
            WORKER_CONCURRENCY=str(self.options.concurrency),
            # What is tried is the work, not the budget of a program.
            API_USER_PER_MINUTE="1000000",
            API_TOKEN_PER_MINUTE="1000000",
            POLL_SECONDS="2",
            SYNC_SECONDS="10",
            CELERY_VISIBILITY_TIMEOUT="60",
            PYTHONPATH=str(ROOT),
            PYTHONFAULTHANDLER="1",
            **{FOLDER: str(self.points.folder)},
            **self.options.variables,
        )

    def program(self, name: str) -> Program:
        """A process of the Procfile in its killable dress; a digit after the name makes it one of several."""
        words = read_procfile(self.code / "Procfile", self.environment)[name.rstrip("0123456789")]
        number = name.lstrip("abcdefghijklmnopqrstuvwxyz")
        words = [word.replace("@%h", f"@host{number}") for word in words]
        return Program(name, self._dressed(words), self.environment, self.code, self._readiness(name))

    def _dressed(self, words: list[str]) -> list[str]:
        """Another version does not know the calls that the points stand at: it goes as it is."""
        if self.code == ROOT:
            return [*KILLABLE, *(words[1:] if words[0] == "python" else words)]
        return [sys.executable, *(words[1:] if words[0] == "python" else ["-m", *words])]

    def _readiness(self, name: str) -> Callable[[], bool]:
        if name.startswith("web"):
            return self._web_answers
        if name.startswith(("orders", "worker")):
            return lambda: len(self.supervisor.children(name)) >= self.options.concurrency
        if name.startswith("stream"):
            return self._somebody_listens
        return lambda: True

    def _web_answers(self) -> bool:
        address = f"{self.url}/healthz"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=3) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
        return False

    def _somebody_listens(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.control.connections()["listening"])
        return False

    def _run(self, *words: str, given: str = "") -> str:
        """A program of the desk to its end."""
        answer = subprocess.run(
            [sys.executable, *words],
            cwd=self.code, env=self.environment, input=given, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if answer.returncode != 0:
            raise AssertionError(f"{words} ended with {answer.returncode}:\n{answer.stdout}{answer.stderr}")
        return answer.stdout

    # --- seams -------------------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Hear from the exchange and from the points what has struck. The exchange may be away: it says so once more."""
        with contextlib.suppress(OSError):
            self.record.learn(self.control.call("struck")["struck"])
        for strike in self.points.strikes():
            self.record.learn({strike.label: 1} if strike.label else {})
            if strike.deed == "kill":
                self.record.died(strike.pid, strike.born)

    def later(self, seconds: float, undo: Callable[[], None]) -> None:
        """Do something in a while, in a thread of the lab's; when the lab is calmed, at once."""
        with self._lock:
            self._later.append((time.monotonic() + seconds, undo))

    def _tick(self) -> None:
        while self.supervisor.running:
            self._undo(lambda due: due <= time.monotonic())
            self._wake_later()
            time.sleep(0.05)

    def _wake_later(self) -> None:
        """Whoever stopped itself at a point is to go on after its time."""
        for one in self.points.strikes():
            if one.deed == "stop" and hash(one) not in self._woken:
                self._woken.add(hash(one))
                pid = one.pid
                self.later(
                    self.sleeps.get(one.point, 5.0), lambda pid=pid: self.supervisor.signal_process(pid, signal.SIGCONT)
                )

    def fault(self, kind: str, **details: Any) -> None:
        """Have the exchange do something to its next requests; it strikes when one comes by."""
        self.control.fault(kind, label=self.record.awaited(), **details)

    def stream_fault(self, verb: str, **details: Any) -> None:
        """Have the exchange do something to its streams; it strikes when an update, or a connection, comes by."""
        self.control.call(verb, label=self.record.awaited(), **details)

    def arm(self, point: str, deed: str = "kill") -> None:
        """A point is struck when somebody comes by."""
        self.points.arm(point, deed, self.record.awaited())

    def forget_faults(self) -> None:
        """What befell nobody in time never will; what did is kept."""
        self.collect()
        self.control.clear_faults()

    def _undo(self, is_due: Callable[[float], bool]) -> None:
        with self._lock:
            due = [undo for at, undo in self._later if is_due(at)]
            self._later = [(at, undo) for at, undo in self._later if not is_due(at)]
        for undo in due:
            try:
                undo()
            except Exception as problem:  # noqa: BLE001 - a server may be away for the moment; the run's figures tell it
                self.record.note("not undone", repr(problem)).missed("see above")

    def calm(self) -> None:
        """No more faults: what was to be undone is, points are disarmed, who was stopped goes on, all processes run."""
        self._undo(lambda _due: True)
        for point in self.points.armed():
            self.points.disarm(point)
        for mine in self.supervisor.running.values():
            mine.not_before = min(mine.not_before, time.monotonic())
        self.supervisor.wait(*[name for name, mine in self.supervisor.running.items() if mine.is_wanted], seconds=120)
        for name in self.supervisor.running:
            self.supervisor.signal_group(name, signal.SIGCONT)
        self.forget_faults()

    def kill(self, name: str, *, down_for: float = 0.0) -> None:
        """kill -9 of a whole process with its pool; the supervisor starts it again. Raises Missed when it is down."""
        pid = self.up(name)
        self.record.died(pid, born(pid))
        self.supervisor.kill(name, down_for=down_for)

    def kill_one(self, pid: int) -> None:
        """kill -9 of a single process. Raises Missed when it is gone."""
        moment = born(pid)
        if not pid or not moment:
            raise Missed(f"there is no process {pid}")
        self.record.died(pid, moment)
        self.supervisor.signal_process(pid, signal.SIGKILL)

    def up(self, name: str) -> int:
        """The process of a program, or Missed when it is down."""
        pid = self.supervisor.running[name].pid
        if not pid or not born(pid):
            raise Missed(f"{name} is down")
        return pid

    def pause(self, name: str, seconds: float) -> None:
        """Stop a process with its pool, and let it go on later."""
        self.up(name)
        self.supervisor.signal_group(name, signal.SIGSTOP)
        self.later(seconds, lambda: self.supervisor.signal_group(name, signal.SIGCONT))

    def nudge(self, task: str, order: str, times: int = 1) -> None:
        """Send the orders workers a message about an order, as often as wanted."""
        for _ in range(times):
            self.send(task, order, queue="orders")

    def send(self, task: str, key: str, queue: str = "desk") -> None:
        """Put a message into a queue of the desk, as its own processes do."""
        # Not the current app: tests after this one in the process send their own messages elsewhere.
        with Celery(broker=f"redis+socket://{self.queue.socket}?virtual_host=0", set_as_current=False) as app:
            app.send_task(task, [key], queue=queue)

    # --- looking -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def looking(self) -> Iterator["psycopg.Connection[Row]"]:
        """A connection to the desk's database, for reading; it is opened anew for every look."""
        with psycopg.connect(self.database.url.replace("postgres://", "postgresql://"), row_factory=dict_row) as link:
            yield link

    def rows(self, statement: str, *given: Any) -> list[Row]:
        with self.looking() as link:
            return list(link.execute(statement, given or None))  # type: ignore[call-overload]

    def strikes(self) -> Counter[str]:
        return Counter(one.point for one in self.points.strikes())

    def wait_for(self, happened: Callable[[], object], what: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not happen within {seconds:.0f} seconds")
            time.sleep(0.05)
