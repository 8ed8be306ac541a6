"""The web process of the Procfile on loopback, over the test run's own servers, and programs that follow its events."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

from tests.runtime.desk_process import ROOT, free_port, wait_for
from trenddojo.desk.process import TETHER
from trenddojo.desk.procfile import read_procfile

PATH = "/api/v1/events/"


class WebProcess:
    def __init__(self, **variables: str) -> None:
        self.port = free_port()
        parts = urlsplit(os.environ["DATABASE_URL"])
        database = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
        environment = os.environ | {
            "DATABASE_URL": database,
            "DATABASE_CONN_MAX_AGE": "600",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            "WORKER_CONCURRENCY": "1",
            "SIMULATOR_PORT": "0",
            **variables,
        }
        command = read_procfile(ROOT / "Procfile", environment)["web"]
        program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
        # On a tether: a killed test run must not leave it behind.
        tether = [sys.executable, str(TETHER), str(os.getpid()), "-1", "-1", str(int(signal.SIGTERM))]
        self.popen = subprocess.Popen(
            [*tether, *program],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        # The first page loads the addresses of the whole site.
        wait_for(self.answers, "the web process's start", 90)

    def _listen(self) -> None:
        for line in self.popen.stdout or ():
            self.output.append(line.rstrip())

    def answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.page() > 0
        return False

    def page(self) -> float:
        """Seconds that the smallest page took."""
        began = time.perf_counter()
        link = http.client.HTTPConnection("localhost", self.port, timeout=30)
        with contextlib.closing(link):
            link.request("GET", "/healthz")
            answer = link.getresponse()
            answer.read()
            assert answer.status == 200
        return time.perf_counter() - began

    def threads(self) -> int:
        """Threads of all processes of the group."""
        group = self.popen.pid
        found = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
                found += int(fields[17]) if int(fields[2]) == group else 0
        return found

    def end(self, number: int) -> float:
        """Send a signal as the desk does; seconds until it has ended."""
        began = time.monotonic()
        if number == signal.SIGKILL:
            os.killpg(self.popen.pid, number)
        else:
            os.kill(self.popen.pid, number)
        self.popen.wait(timeout=30)
        return time.monotonic() - began


class Listening(Protocol):
    """A process that serves pages."""

    port: int


class Follower:
    """A program that follows events, in a thread of its own."""

    def __init__(self, web: Listening, token: str, *, after: str = "", query: str = "", version: str = "1.1") -> None:
        self.messages: list[dict[str, str]] = []
        self.comments: list[str] = []
        self.is_ended = False
        self.link = socket.create_connection(("localhost", web.port), timeout=60)
        head = [f"GET {PATH}{query} HTTP/{version}", "Host: localhost", f"Authorization: Bearer {token}"]
        head += [f"Last-Event-ID: {after}"] if after else []
        self.link.sendall("\r\n".join([*head, "", ""]).encode())
        self.answer = http.client.HTTPResponse(self.link)
        self.answer.begin()
        threading.Thread(target=self._read, daemon=True).start()
        wait_for(lambda: self.messages or self.is_ended, "the stream's first message")

    def _read(self) -> None:
        message: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            while line := self.answer.readline().decode():
                name, _, value = line.rstrip("\n").partition(": ")
                if not name and not value and message:
                    self.messages.append(message)
                    message = {}
                elif line.startswith(":"):
                    self.comments.append(line.rstrip("\n"))
                elif value:
                    message[name] = value
        self.is_ended = True

    @property
    def events(self) -> list[Any]:
        return [json.loads(message["data"]) for message in list(self.messages) if "data" in message]

    @property
    def names(self) -> list[str]:
        return self.read()[1]

    def has(self, most: int) -> bool:
        """Whether so many events were read."""
        return len(self.events) >= most

    def read(self) -> tuple[str, list[str]]:
        """What was read by now: the place to go on from, and the names of its events."""
        messages = list(self.messages)
        names = [json.loads(message["data"])["object"]["id"] for message in messages if "data" in message]
        return next((message["id"] for message in reversed(messages) if "id" in message), ""), names

    @property
    def place(self) -> str:
        return self.read()[0]

    def leave(self) -> None:
        """As when a program is killed: not a word."""
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)
        self.link.close()
