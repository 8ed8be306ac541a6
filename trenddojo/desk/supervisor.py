"""The life of a desk: servers, preparation, processes, and an orderly end however it comes."""

import contextlib
import hashlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from trenddojo.desk import dotenv, exchange, ledger, lock, postgres, servers, valkey
from trenddojo.desk.errors import DeskError
from trenddojo.desk.identity import Identity, server_identity
from trenddojo.desk.places import Places
from trenddojo.desk.process import Process, Program, say
from trenddojo.desk.procfile import read_procfile
from trenddojo.desk.settings import DeskSettings, desk_settings, is_listening, refuse_taken_port
from trenddojo.secret_files import is_given

GUARD = Path(__file__).with_name("guard.py")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A process that dies this often within the window will not get better by being started again.
MOST_DEATHS, WINDOW = 5, 60.0
READY_PATIENCE = 90.0
EXCHANGE_PATIENCE = 30.0


class Stopped(BaseException):
    """Somebody asked the desk to stop; not an error, and no handler of errors may swallow it."""


class Desk:
    """One desk in one checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.var = root / "var"
        self.processes: dict[str, Process] = {}
        self.deaths: dict[str, list[float]] = {}
        self.guard: subprocess.Popen[bytes] | None = None
        self.lock = -1
        self.settings: DeskSettings

    # --- the whole ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Start everything, watch it, and stop it when asked or when it cannot go on."""
        began = time.monotonic()
        owner = self._prepare_folder()
        self.lock = lock.take(self.var / "desk.lock")
        self.settings = self._read_settings()
        self._clear_what_was_left()
        refuse_taken_port(self.settings.port)
        servers.refuse_unreachable(self.settings.environment)
        lock.sign(self.lock, self.settings.address)
        with self._stopping_signals() as wake_up:
            try:
                self._start_guard()
                self._start_exchange()
                self._start_servers(owner)
                self._wait_for_exchange()
                self._prepare_site()
                self._start_processes()
                self._greet(time.monotonic() - began)
                self._watch(wake_up)
            except Stopped:
                say("Stopping.")
            finally:
                self._stop_everything()

    def manage(self, *words: str) -> None:
        """Run one management command while nothing else runs: the embedded servers are started for it alone."""
        owner = self._prepare_folder()
        self.lock = lock.take(self.var / "desk.lock")
        self.settings = self._read_settings()
        self._clear_what_was_left()
        servers.refuse_unreachable(self.settings.environment)
        lock.sign(self.lock, f"`manage.py {words[0]}`")
        with self._stopping_signals():
            try:
                self._start_guard()
                self._start_servers(owner)
                self._manage(*words)
            finally:
                self._stop_everything()

    def _prepare_folder(self) -> Identity:
        try:
            self.var.mkdir(mode=0o755, exist_ok=True)
            identity = server_identity(self.root)
            checkout_owner = Identity() if self.root.stat().st_uid == 0 else identity
            checkout_owner.own(self.var)
            if dotenv.write_once(self.root / ".env", checkout_owner.own, os.environ):
                say("Wrote .env with fresh random keys.")
        except OSError as problem:
            raise DeskError(
                f"The folder {self.root} cannot be written ({problem.strerror}): "
                "make it yours or clone into a folder of your own."
            ) from problem
        return identity

    def _read_settings(self) -> DeskSettings:
        """Under the lock: two starts at once must not both add the key."""
        if not is_given(os.environ, "BROKER_ENCRYPTION_KEY") and dotenv.add_broker_key(self.root / ".env"):
            say("Added a BROKER_ENCRYPTION_KEY to .env.")
        return desk_settings(os.environ, dotenv.read(self.root / ".env"))

    def _clear_what_was_left(self) -> None:
        """Where both desk and guard were killed, their processes may live on."""
        path = self.var / "ledger.json"
        ledger.stop([entry for entry in ledger.read(path) if ledger.is_alive(entry)])
        path.unlink(missing_ok=True)
        (self.var / "desk.env").unlink(missing_ok=True)

    # --- signals -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _stopping_signals(self) -> Iterator[socket.socket]:
        """Turn the stop signals into Stopped, and deaths of children into a readable socket."""
        ears, mouth = socket.socketpair()
        mouth.setblocking(False)
        ears.setblocking(False)
        signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in STOP_SIGNALS:
            signal.signal(number, self._ask_to_stop)
        try:
            yield ears
        finally:
            signal.set_wakeup_fd(-1)
            ears.close()
            mouth.close()

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of handlers
        # Asked once is enough: a second Ctrl-C must not interrupt the orderly end.
        for other in STOP_SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise Stopped

    # --- starting ----------------------------------------------------------------------------------------------------

    def _start_guard(self) -> None:
        if self.guard is not None and self.guard.stdin is not None:
            with contextlib.suppress(OSError):
                self.guard.stdin.close()
        self.guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(self.var)],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(self.lock,),
        )

    def _start(self, program: Program) -> Process:
        program.mend()
        process = Process(program)
        self.processes[program.name] = process
        self._write_ledger()
        return process

    def _write_ledger(self) -> None:
        ledger.write(self.var / "ledger.json", [process.entry for process in self.processes.values()])

    def _start_servers(self, identity: Identity) -> None:
        """Start the embedded servers that the settings do not replace, both at once, then wait for both."""
        places = Places(self.var, identity)
        given, waits = self.settings.environment, list[Callable[[], None]]()
        embedded = {}
        if not (is_given(given, "DATABASE_URL") and is_given(given, "REDIS_URL")):
            sockets = places.sockets()
        if not is_given(given, "DATABASE_URL"):
            database = servers.plan_postgres(places, sockets)
            popen = self._start(servers.postgres_program(database)).popen
            waits.append(lambda: postgres.wait_until_answering(sockets, popen))
            waits.append(database.create_database)
            embedded["DATABASE_URL"] = database.url
        if not is_given(given, "REDIS_URL"):
            queue = servers.plan_valkey(places, sockets)
            self._start(servers.valkey_program(queue))
            waits.append(lambda: self._wait_for_queue(queue))
            embedded["REDIS_URL"] = queue.url
        for wait in waits:
            wait()
        given.update(embedded)
        self._tell_addresses({**embedded, **self._exchange_addresses()})

    def _wait_for_queue(self, queue: valkey.Valkey) -> None:
        """Started once more where it cannot read its file, which is put aside then."""
        process = self.processes[servers.QUEUE]
        try:
            valkey.wait_until_answering(queue, process.popen)
        except DeskError:
            if not queue.refuses_its_file():
                raise
            process.bury()
            valkey.wait_until_answering(queue, self._start(process.program).popen)

    def _tell_addresses(self, embedded: dict[str, str]) -> None:
        """Let `manage.py` in another terminal find the embedded servers and the exchange while they run."""
        path = self.var / "desk.env"
        lines = "".join(f"{name}={value}\n" for name, value in embedded.items())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(lines)

    def _start_exchange(self) -> None:
        """It needs no server, so it starts beside them, and is there before anybody wants to trade."""
        given = self.settings.environment
        told = exchange.settings(self.var, given)
        if not told:
            say("SIMULATOR_URL says where the stand-in exchange is: none is started here.")
            return
        given.update(told)
        environment = self._environment()
        command = read_procfile(self.root / "Procfile", environment).get(exchange.NAME)
        if command is not None:
            self._start(Program(exchange.NAME, command, environment, self.root))

    def _exchange_addresses(self) -> dict[str, str]:
        given = self.settings.environment
        return {name: given[name] for name in exchange.TOLD if name in given} if exchange.NAME in self.processes else {}

    def _wait_for_exchange(self) -> None:
        """The site works without it: after a very long pause it may come later."""
        deadline = time.monotonic() + EXCHANGE_PATIENCE
        while exchange.NAME in self.processes and time.monotonic() < deadline:
            if is_listening(int(self.settings.environment["SIMULATOR_PORT"])):
                return
            self._revive_the_dead()
            time.sleep(0.05)

    # --- preparing the site ------------------------------------------------------------------------------------------

    def _manage(self, *words: str) -> None:
        """Run a management command to its end; its own sentence on standard error is the error."""
        answer = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=self.root,
            env=self._environment(),
            check=False,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if answer.returncode != 0:
            lines = [line for line in answer.stderr.strip().splitlines() if line.strip()]
            reason = lines[-1] if lines else f"it ended with code {answer.returncode}"
            raise DeskError(reason if len(lines) == 1 else f"`manage.py {words[0]}` failed: {reason}")

    def _environment(self) -> dict[str, str]:
        """What processes are given: this environment's own programs come first on PATH."""
        programs = str(Path(sys.executable).parent)
        given = self.settings.environment
        return {
            **given,
            "PATH": f"{programs}{os.pathsep}{given.get('PATH', os.defpath)}",
            "PYTHONUNBUFFERED": "1",
            # Celery warns about root on every start; the desk binds to loopback and takes JSON only.
            "PYTHONWARNINGS": "ignore:::celery.platforms",
        }

    def _prepare_site(self) -> None:
        """Migrate, make the demo trader, and hash the static files unless nothing about them changed."""
        stamp = self.var / "static.stamp"
        state = static_state(self.root)
        collected = (self.root / "staticfiles").is_dir() and stamp.is_file() and stamp.read_text("ascii") == state
        # One process for all of it: loading Django costs more than the work of a second start.
        self._manage("prepare_desk", *([] if collected else ["--static"]))
        stamp.write_text(state, encoding="ascii")

    def _start_processes(self) -> None:
        environment = self._environment()
        for name, command in read_procfile(self.root / "Procfile", environment, without=exchange.NAME).items():
            self._start(Program(name, command, environment, self.root))
            if name == "web":
                # Pages first: loading Django three times at once would make everybody wait for all three.
                self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_PATIENCE
        while not is_listening(self.settings.port):
            self._revive_the_dead()
            if time.monotonic() > deadline:
                raise DeskError(f"The web server did not answer within {READY_PATIENCE:.0f} seconds.")
            time.sleep(0.05)

    def _greet(self, seconds: float) -> None:
        say("")
        say(f"TrendDojo is ready after {seconds:.1f} s: {self.settings.address}")
        password = self.settings.environment.get("DEMO_PASSWORD")
        if not password and is_given(self.settings.environment, "DEMO_PASSWORD"):
            say("Sign in as demo with the password in the file of DEMO_PASSWORD_FILE. Ctrl-C stops the desk.")
        elif password:
            say(f"Sign in as demo with the password {password} (kept in .env). Ctrl-C stops the desk.")
        else:
            say("There is no demo trader because DEMO_PASSWORD is empty. Ctrl-C stops the desk.")
        say("")

    # --- watching and ending -----------------------------------------------------------------------------------------

    def _watch(self, wake_up: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(wake_up, selectors.EVENT_READ)
            while True:
                selector.select(timeout=5)
                with contextlib.suppress(BlockingIOError):
                    while wake_up.recv(4096):
                        pass
                self._revive_the_dead()

    def _revive_the_dead(self) -> None:
        """Start again what died; a process that keeps dying ends the desk with a sentence."""
        if self.guard is not None and self.guard.poll() is not None:
            self._start_guard()
        for name, process in list(self.processes.items()):
            if process.is_running():
                continue
            process.bury()
            now = time.monotonic()
            recent = [moment for moment in self.deaths.get(name, []) if now - moment < WINDOW]
            self.deaths[name] = [*recent, now]
            if len(self.deaths[name]) >= MOST_DEATHS:
                self._give_up(name)
                continue
            say(f"desk      | {name} {_how_it_died(process.popen.returncode)}; starting it again.")
            time.sleep(0.2 * len(recent))
            self._start(process.program)

    def _give_up(self, name: str) -> None:
        """Everything needs the others; the site works without the stand-in exchange."""
        if name != exchange.NAME:
            raise DeskError(f"The process '{name}' keeps dying; its last lines above say why.")
        say(f"desk      | {name} keeps dying; its last lines above say why. The desk goes on without it.")
        del self.processes[name]
        self._write_ledger()

    def _stop_everything(self) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        processes = {process.entry.pid: process for process in self.processes.values()}
        # Our own children must be waited for, or they would look alive as zombies.
        ledger.stop(
            [process.entry for process in processes.values()],
            alive=lambda entry: processes[entry.pid].is_running(),
        )
        (self.var / "ledger.json").unlink(missing_ok=True)
        (self.var / "desk.env").unlink(missing_ok=True)
        if self.guard is not None:
            if self.guard.stdin is not None:
                self.guard.stdin.close()
            self.guard.wait(timeout=30)
        if self.processes:
            say("Everything has stopped.")


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def static_state(root: Path) -> str:
    """A digest that changes with any static file and with the installed packages."""
    digest = hashlib.sha256((root / "requirements.txt").read_bytes())
    for path in sorted((root / "static").rglob("*")):
        found = path.stat()
        digest.update(f"{path.relative_to(root)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
