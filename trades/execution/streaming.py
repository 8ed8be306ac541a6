"""The process that holds the order streams of many connections.

Each stream is a lease in the database: another process takes it over when this one dies. Whatever a socket says is a
hint to pull; a socket that opens, and one that came back, begins with a whole reconciliation, so that nothing that
happened in between is missed.
"""

import asyncio
import contextlib
import logging
import os
import random
import secrets
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any
from uuid import UUID

from django.db import close_old_connections
from django.utils import timezone

from brokers.base import ConnectionSettings, OrderUpdate
from brokers.errors import BrokerError, CredentialsInvalid
from brokers.registry import stream_of
from brokers.services.leases import lease_release, leases_release, leases_renew, leases_take
from trades.execution import hints
from trenddojo import log_context

log = logging.getLogger(__name__)

# Seconds: well within the lease; and between two looks whether a socket keeps something from us.
RENEW, LISTEN_CHECK = 8.0, 30.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# One process serves this many sockets; more are left to another.
MOST_STREAMS = 500
THREADS = 8


class StreamDesk:
    """Takes leases, follows their streams and lets go of them; calls `lives` every few seconds."""

    def __init__(
        self, brokers: tuple[str, ...], *, lives: Callable[[], None] = lambda: None, most: int = MOST_STREAMS
    ) -> None:
        self.brokers = brokers
        self.lives = lives
        self.most = most
        self.owner = f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.followed: dict[UUID, asyncio.Task[None]] = {}
        self.alive: set[UUID] = set()
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stream")
        # Leases wait for no catching up: hundreds of streams that open at once would cost them all.
        self.keeper = ThreadPoolExecutor(1, thread_name_prefix="leases")

    async def run(self, stop: asyncio.Event) -> None:
        """Hold streams until asked to stop; then close them and let go of the leases."""
        try:
            while not stop.is_set():
                await self._leases_turn()
                await self._keep(self.lives)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RENEW)
        finally:
            await self._drop(set(self.followed))
            await self._keep(leases_release, owner=self.owner)
            self.threads.shutdown()
            self.keeper.shutdown()

    async def _leases_turn(self) -> None:
        """Renew what is ours, drop what is not any more, take what is free. A silent database costs every lease."""
        try:
            await self._leases_follow()
        except Exception:
            # A lease that cannot be renewed will be somebody else's: two sockets of one key must not be.
            log.exception("stream.leases.failed owner=%s", self.owner)
            await self._drop(set(self.followed))

    async def _leases_follow(self) -> None:
        now = timezone.now()
        mine = await self._keep(leases_renew, owner=self.owner, heard=set(self.alive), now=now)
        await self._drop(set(self.followed) - mine)
        room = self.most - len(self.followed)
        if room > 0:
            taken = await self._keep(leases_take, owner=self.owner, brokers=self.brokers, now=now, limit=room)
            mine |= set(taken)
        for connection_id in mine - set(self.followed):
            self.followed[connection_id] = asyncio.create_task(self._follow(connection_id))
        for connection_id in [one for one, task in self.followed.items() if task.done()]:
            await self._drop({connection_id})

    async def _follow(self, connection_id: UUID) -> None:
        """Keep one stream open, with a growing, jittered pause after each failure, until it is given up."""
        pause = FIRST_PAUSE
        log_context.begin(connection=connection_id)
        try:
            while True:
                settings = await self._in_thread(hints.stream_settings, connection_id)
                if settings is None:
                    return
                try:
                    await self._listen(connection_id, settings)
                except CredentialsInvalid as refused:
                    await self._in_thread(hints.stream_refused, connection_id, settings, refused)
                    return
                except BrokerError as problem:
                    was_up = connection_id in self.alive
                    pause = FIRST_PAUSE if was_up else min(pause * 2, LONGEST_PAUSE)
                    # Half of it by chance: thousands of sockets cut at once must not come back at once.
                    wait = max(pause, getattr(problem, "after", 0)) * (0.5 + random.random())  # noqa: S311 - no secret
                    log.warning("stream.lost connection=%s code=%s wait=%.1f", connection_id, problem.code, wait)
                    self.alive.discard(connection_id)
                    await self._in_thread(hints.stream_lost, connection_id, settings, problem)
                    await asyncio.sleep(wait)
        except Exception:
            log.exception("stream.failed connection=%s", connection_id)
        finally:
            self.alive.discard(connection_id)
            await asyncio.shield(self._keep(lease_release, owner=self.owner, connection_id=connection_id))

    async def _listen(self, connection_id: UUID, settings: ConnectionSettings) -> None:
        """One socket from open to end. What comes while we reconcile waits its turn."""
        waiting: asyncio.Queue[OrderUpdate] = asyncio.Queue()
        async with stream_of(settings) as updates:
            log.info("stream.open connection=%s", connection_id)
            reader = asyncio.create_task(_read(updates, waiting))
            worker = asyncio.create_task(self._work(connection_id, waiting))
            try:
                done, _ = await asyncio.wait({reader, worker}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                await _cancelled(reader, worker)

    async def _work(self, connection_id: UUID, waiting: "asyncio.Queue[OrderUpdate]") -> None:
        await self._in_thread(hints.stream_opened, connection_id)
        self.alive.add(connection_id)
        while True:
            try:
                updates = [await asyncio.wait_for(waiting.get(), LISTEN_CHECK)]
            except TimeoutError:
                # Raises TryLater when the broker did something that the socket kept from us.
                await self._in_thread(hints.stream_prove, connection_id)
                continue
            while not waiting.empty():
                updates.append(waiting.get_nowait())
            await self._in_thread(hints.hints_apply, connection_id, updates)

    async def _drop(self, connection_ids: set[UUID]) -> None:
        tasks = [self.followed.pop(one) for one in connection_ids]
        await _cancelled(*tasks)
        self.alive -= connection_ids

    async def _keep(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.keeper, partial(_fresh, work, *args, **kwargs))

    async def _in_thread(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # With the task's context: log lines of the thread name the connection.
        run = partial(copy_context().run, _fresh, work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self.threads, run)


async def _read(updates: Any, waiting: "asyncio.Queue[OrderUpdate]") -> None:
    async for update in updates:
        waiting.put_nowait(update)


async def _cancelled(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _fresh(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Threads outlive database restarts: a connection that is gone is opened anew."""
    close_old_connections()
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()
