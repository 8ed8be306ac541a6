"""What calls to a broker that failed leave behind for the trader: counted by address and kind of failure, so that an
outage of days is a handful of rows.

Written after the call, by itself: it is in no transaction that could take it back, and no call waits for it. No key, no
header and no body is in it. docs/execution.md, "Evidence".
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.db import Error, transaction
from django.utils import timezone

from brokers.errors import BrokerError, NoMarketData, Refused, Unsupported
from brokers.http import Call, last_call, last_call_forget
from brokers.models import BrokerCall, BrokerConnection
from trenddojo import log_context
from trenddojo.redaction import redacted
from trenddojo.statements import rows_of

logger = logging.getLogger(__name__)

# The method of a stream, which is opened and then listened to.
STREAM: Final = "STREAM"
# Failures of one kind that lie further apart are counted anew.
APART: Final = timedelta(hours=1)
# So many kinds are kept of a connection, those that happened last.
KINDS_KEPT: Final = 20
# What a broker says of a symbol is an answer: no call failed.
ANSWERS: Final = (NoMarketData, Refused, Unsupported)
# A longer part of an address that has a digit in it names one order or one execution.
LONGEST_WORD: Final = 12
HIDDEN_PART: Final = "…"

# A connection that was removed or got other keys meanwhile is told nothing. Its row is held first, as by its removal.
_NOTE: Final = """
INSERT INTO broker_calls AS kept (connection_id, method, endpoint, code, path, status, sentence, request_id, our_id,
    milliseconds, times, first_at, last_at)
SELECT c.id, %(method)s::text, %(endpoint)s::text, %(code)s::text, %(path)s::text, %(status)s::smallint,
    %(sentence)s::text, %(request_id)s::text, %(our_id)s::text, %(milliseconds)s::integer, 1, %(at)s::timestamptz,
    %(at)s::timestamptz
FROM broker_connections c
WHERE c.id = %(connection)s::uuid AND c.is_active AND (%(sealed)s::text IS NULL OR c.credentials = %(sealed)s::text)
FOR KEY SHARE OF c
ON CONFLICT (connection_id, method, endpoint, code) DO UPDATE SET
    path = EXCLUDED.path, status = EXCLUDED.status, sentence = EXCLUDED.sentence, request_id = EXCLUDED.request_id,
    our_id = EXCLUDED.our_id, milliseconds = EXCLUDED.milliseconds, ended_at = NULL,
    times = CASE WHEN kept.last_at < EXCLUDED.last_at - %(apart)s::interval THEN 1 ELSE kept.times + 1 END,
    first_at = CASE WHEN kept.last_at < EXCLUDED.last_at - %(apart)s::interval THEN EXCLUDED.last_at
        ELSE kept.first_at END,
    last_at = greatest(kept.last_at, EXCLUDED.last_at)
RETURNING kept.times
"""
_PRUNE: Final = """
DELETE FROM broker_calls WHERE connection_id = %(connection)s::uuid AND id NOT IN (
    SELECT id FROM broker_calls WHERE connection_id = %(connection)s::uuid ORDER BY last_at DESC, id DESC
    LIMIT %(kept)s::integer
) RETURNING id
"""


def call_note(*, connection_id: UUID, error: BrokerError, sealed: str | None = None, call: Call | None = None) -> None:
    """Keep the call that failed with `error`: the one given, or the last one of this thread. Without a call, nothing.

    `sealed` is what it was made with, where the caller knows. Never raises: a database that is away is logged.
    """
    call = call or last_call()
    if call is None:
        return
    with _without_database(connection_id), transaction.atomic():
        noted = rows_of(_NOTE, _words(connection_id, error, sealed, call))
        if noted == [(1,)]:
            rows_of(_PRUNE, {"connection": connection_id, "kept": KINDS_KEPT})


@contextmanager
def market_call(connection: BrokerConnection) -> Iterator[None]:
    """Around one question about the market, for a quote, the clock or bars: a call that fails is kept, and is over with
    the first that is answered at the same address. The connection is not held to fail for it."""
    try:
        yield
    except ANSWERS:
        _market_call_end(connection)
        raise
    except BrokerError as error:
        call_note(connection_id=connection.pk, error=error, sealed=connection.credentials)
        # Whoever holds the connection to fail for it, too, counts it no second time.
        last_call_forget()
        raise
    _market_call_end(connection)


def _market_call_end(connection: BrokerConnection) -> None:
    call = last_call()
    if call is None:
        return
    failing = BrokerCall.objects.filter(connection=connection, method=call.method[:8], endpoint=endpoint_of(call.path))
    with _without_database(connection.pk):
        failing.filter(ended_at=None).update(ended_at=timezone.now())


@contextmanager
def _without_database(connection_id: UUID) -> Iterator[None]:
    """The evidence can be done without: a database that is away keeps nobody from what it is about."""
    try:
        yield
    except Error as problem:
        logger.warning("broker.call.unkept connection=%s problem=%s", connection_id, type(problem).__name__)


def calls_end(*, connection_id: UUID) -> None:
    """The broker answered well again: what failed before is past, the stream's own failures aside."""
    failing = BrokerCall.objects.filter(connection=connection_id, ended_at=None)
    failing.exclude(method=STREAM).update(ended_at=timezone.now())


def stream_calls_end(*, connection_id: UUID) -> None:
    """The stream is open again."""
    failing = BrokerCall.objects.filter(connection=connection_id, ended_at=None)
    failing.filter(method=STREAM).update(ended_at=timezone.now())


def stream_call(url: str) -> Call:
    """What is kept of a stream that could not be opened, or ended just now."""
    return Call(STREAM, urlsplit(url).path or "/", datetime.now(UTC))


def endpoint_of(path: str) -> str:
    """The address without its query, and without what names one order or execution: there are only so many of these."""
    words = path.partition("?")[0].split("/")
    return "/".join(HIDDEN_PART if _names_one(word) else word for word in words)[:120]


def _names_one(word: str) -> bool:
    return len(word) > LONGEST_WORD and any(letter.isdigit() for letter in word)


def _words(connection_id: UUID, error: BrokerError, sealed: str | None, call: Call) -> dict[str, Any]:
    ids = log_context.ids()
    return {
        "connection": connection_id,
        "sealed": sealed,
        "apart": APART,
        "method": call.method[:8],
        "endpoint": endpoint_of(call.path),
        "code": (error.code or type(error).__name__)[:60],
        "path": redacted(call.path)[:300],
        "status": call.status,
        "sentence": redacted(error.sentence)[:300],
        "request_id": call.request_id,
        "our_id": (ids.get("request") or ids.get("task", ""))[:64],
        "milliseconds": call.milliseconds,
        "at": call.at,
    }
