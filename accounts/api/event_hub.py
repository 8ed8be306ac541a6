"""All event streams of one process, written by one thread of their own: no page waits on them, however many.

Nothing is kept between turns but the place up to which everybody was told, so that a turn can be done again: numbers
never change, and who returns with a number goes on behind it, at whatever process.
"""

import atexit
import logging
import os
import resource
import selectors
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import UUID

from django.db import Error, connection

from accounts.api.event_access import Follower, still_allowed
from accounts.api.event_stream import Stream
from accounts.selectors import event_first, events_after, events_of
from accounts.services.events import AT_ONCE, events_number, events_settle
from accounts.services.stream_places import Place, places_free, places_keep

logger = logging.getLogger(__name__)

# Seconds between two looks at the table, between two heartbeats, and after the database failed.
LOOK, BEAT, PAUSE = 0.3, 15.0, 1.0
# Seconds a stream lasts: its client connects again, to whichever process has room.
LONGEST = 3600.0
# Seconds for which nobody could say whether a stream is still allowed, after which it is not.
UNCHECKED = 45.0
# Events of one user that are read at once for who has to catch up.
PAGE = 200
# Seconds that a stopping process waits for its streams to be closed.
STOPPING = 3.0
MOST_STREAMS = 1000


class Hub:
    """Takes connections from any thread; everything else happens in the thread that makes the turns."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.streams: defaultdict[UUID, set[Stream]] = defaultdict(set)
        self.newcomers: deque[tuple[socket.socket, bytes, Follower]] = deque()
        self.freed: list[Place] = []
        self.place: int | None = None
        self.is_stopped = False
        self.next_look = 0.0
        self.next_beat = clock() + BEAT
        # Until then the database is left alone, because it failed.
        self.paused_until = 0.0
        self.is_away = False
        self.selector = selectors.DefaultSelector()
        self.ears, self.mouth = socket.socketpair()
        self.ears.setblocking(False)
        self.mouth.setblocking(False)
        self.selector.register(self.ears, selectors.EVENT_READ, None)

    # --- from other threads ------------------------------------------------------------------------------------------

    def take(self, link: socket.socket, head: bytes, follower: Follower) -> None:
        """A client's connection, to which `head` is written before anything else."""
        self.newcomers.append((link, head, follower))
        self._wake()

    def has_room(self) -> bool:
        """Whether this process may open one more connection: half of its files are left to pages."""
        most = min(MOST_STREAMS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        return sum(map(len, list(self.streams.values()))) + len(self.newcomers) < most

    def stop(self) -> None:
        """Ask for the end of all streams."""
        self.is_stopped = True
        self._wake()

    # --- the thread --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Make turns until stopped. What goes wrong ends the streams, whose clients come back, and not the thread."""
        while not self.is_stopped:
            try:
                self.turn(self._patience())
            except Exception:
                logger.exception("events.hub.failed")
                self._close_all()
            if not self._is_busy():
                # Who comes next begins with a fresh look: an idle process needs no connection of the database.
                self.place = None
                connection.close()
        self._close_all()

    def turn(self, wait: float | None = 0) -> None:
        """Hear the clients, tell them what is new, and send what they take."""
        self._listen(wait)
        now = self.clock()
        if self._is_busy() and now >= self.paused_until:
            try:
                self._tell(now)
                self.is_away = False
            except Error as problem:
                self._wait_for_database(now, problem)
        self._send(now)

    def _listen(self, wait: float | None) -> None:
        for key, found in self.selector.select(wait):
            if key.data is None:
                with suppress(BlockingIOError):
                    while self.ears.recv(4096):
                        pass
            elif found & selectors.EVENT_READ:
                key.data.hear()

    def _tell(self, now: float) -> None:
        if self.newcomers or now >= self.next_look:
            self._look(now)
        self._catch_up()
        if now >= self.next_beat:
            self.next_beat = now + BEAT
            self._beat(now)

    def _wait_for_database(self, now: float, problem: Error) -> None:
        if not self.is_away:
            logger.warning("events.hub.waits problem=%s", type(problem).__name__)
        self.is_away = True
        self.paused_until = now + PAUSE
        connection.close()

    def _look(self, now: float) -> None:
        """Everybody's news, in order; who is new begins with what is committed after this."""
        self.next_look = now + LOOK
        if self.newcomers or self.place is None:
            arrived = len(self.newcomers)
            last = events_settle()
            place = self.place = last if self.place is None else self.place
            self._welcome(arrived, last, now)
        else:
            events_number()
            place = self.place
        found = events_after(place, most=AT_ONCE)
        for event in found:
            for stream in self.streams.get(event.user_id, ()):
                if not stream.is_behind:
                    stream.tell(event)
        if found:
            self.place = found[-1].seq
        if len(found) == AT_ONCE:
            self.next_look = now

    def _welcome(self, arrived: int, last: int, now: float) -> None:
        """Only those who were here before `last` was known."""
        for _ in range(arrived):
            link, head, follower = self.newcomers.popleft()
            stream = Stream(link, head, follower, now=now)
            self.streams[follower.user_id].add(stream)
            self.selector.register(link, selectors.EVENT_READ, stream)
            stream.begin(last=last, place=self.place or 0)

    def _catch_up(self) -> None:
        """A page for everybody who has to be told what happened before they came, and reads what they are told."""
        until = self.place or 0
        for stream in self._behind():
            found = events_of(stream.follower.user_id, after=stream.seen, until=until, most=PAGE)
            # Asked afterwards: what was deleted meanwhile is missed too.
            first = event_first()
            if first is None or first > stream.seen + 1:
                stream.reset(until)
                continue
            for event in found:
                stream.tell(event)
            if len(found) < PAGE:
                stream.seen, stream.is_behind = until, False

    def _beat(self, now: float) -> None:
        followers = {stream.follower: stream for stream in self._all()}
        places_keep(follower.place for follower in followers)
        allowed = still_allowed(followers)
        for follower, stream in followers.items():
            if follower not in allowed or now - stream.began > LONGEST:
                stream.close()
                continue
            stream.allowed = now
            stream.beat(self.place or 0)

    def _send(self, now: float) -> None:
        for stream in list(self._all()):
            if now - stream.allowed > UNCHECKED:
                stream.close()
            self._send_to(stream, now)
        if self.freed:
            places_free(self.freed)
            self.freed.clear()

    def _send_to(self, stream: Stream, now: float) -> None:
        stream.send(now=now)
        if not stream.is_open:
            self._forget(stream)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if stream.is_full else 0)
        if self.selector.get_key(stream.connection).events != wanted:
            self.selector.modify(stream.connection, wanted, stream)

    def _forget(self, stream: Stream) -> None:
        self.selector.unregister(stream.connection)
        stream.connection.close()
        mates = self.streams[stream.follower.user_id]
        mates.discard(stream)
        if not mates:
            del self.streams[stream.follower.user_id]
        self.freed.append(stream.follower.place)

    def _close_all(self) -> None:
        while self.newcomers:
            link, _head, follower = self.newcomers.popleft()
            link.close()
            self.freed.append(follower.place)
        for stream in list(self._all()):
            stream.close()
            self._forget(stream)
        places_free(self.freed)
        self.freed.clear()

    def _patience(self) -> float | None:
        if not self._is_busy():
            return None
        due = 0.0 if next(self._behind(), None) is not None else min(self.next_look, self.next_beat)
        return max(0.0, max(due, self.paused_until) - self.clock())

    def _is_busy(self) -> bool:
        return bool(self.newcomers or self.streams)

    def _all(self) -> Iterator[Stream]:
        return (stream for streams in self.streams.values() for stream in streams)

    def _behind(self) -> Iterator[Stream]:
        return (stream for stream in self._all() if stream.is_behind and not stream.is_full)

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            self.mouth.send(b"!")


_guard = threading.Lock()
_running: dict[int, Hub] = {}


def hub() -> Hub:
    """The hub of this process, begun with the first stream: threads do not survive a fork."""
    with _guard:
        if os.getpid() not in _running:
            _running.clear()
            _running[os.getpid()] = _begun()
        return _running[os.getpid()]


def _begun() -> Hub:
    fresh = Hub()
    thread = threading.Thread(target=fresh.run, name="event-streams", daemon=True)
    thread.start()

    def end() -> None:
        fresh.stop()
        thread.join(STOPPING)

    atexit.register(end)
    return fresh
