"""What an operation costs in the desk's process, in the servers beside it, and on disk."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection

from benchmarks.load.desk import seconds_of_processor
from benchmarks.processes import memory_mb, tree
from tests.brokers.simulator_server import RunningSimulator

DATABASE, CACHE = "postgres", "valkey-server"


@dataclass(frozen=True)
class Reading:
    """Sums at a moment; milliseconds of processor by who spent them."""

    wall: float
    desk: float
    database: float
    cache: float
    queries: int
    commands: int
    requests: int
    log_bytes: int


@dataclass(frozen=True)
class Cost:
    """Of one operation."""

    name: str
    wall: float
    desk: float
    database: float
    cache: float
    queries: float
    commands: float
    requests: float
    log_bytes: float

    @property
    def processor(self) -> float:
        """Milliseconds, wherever they were spent on our side."""
        return self.desk + self.database + self.cache


class Meter:
    def __init__(self, servers: int, exchange: RunningSimulator) -> None:
        """`servers` is the process whose children PostgreSQL and Valkey are."""
        self.servers = servers
        self.exchange = exchange
        self.redis = redis.Redis.from_url(settings.REDIS_URL)
        self.queries = 0

    def cost(self, name: str, work: Callable[[int], object], rounds: int) -> Cost:
        """Of `work`, done that often; it is given the round."""
        work(-1)
        with connection.execute_wrapper(self._counted):
            before = self._read()
            for number in range(rounds):
                work(number)
            after = self._read()
        spent = [(getattr(after, one) - getattr(before, one)) / rounds for one in Reading.__dataclass_fields__]
        return Cost(name, *spent)

    def _counted(self, execute: Callable[..., object], *words: object) -> object:
        self.queries += 1
        return execute(*words)

    def _read(self) -> Reading:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_lsn() - '0/0'")
            log_bytes = int(cursor.fetchone()[0])
        self.queries -= 1
        return Reading(
            time.perf_counter() * 1000,
            time.process_time() * 1000,
            self._spent(DATABASE),
            self._spent(CACHE),
            self.queries,
            self.redis.info("stats")["total_commands_processed"],
            self.exchange.control.count(),
            log_bytes,
        )

    def _spent(self, name: str) -> float:
        return sum(1000 * seconds_of_processor(pid) for pid in tree(self.servers) if _name_of(pid) == name)


def _name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()


def memory_of(pid: int) -> float:
    """Megabytes of a process and its children."""
    return sum(memory_mb(one) for one in tree(pid))
