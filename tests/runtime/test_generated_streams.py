"""The one operation that needs a real connection, asked with generated requests over a real one."""

import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import hypothesis
import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import EventSubject
from accounts.services.tokens import token_create
from tests.api.schemathesis_kit import QUICKLY, loaded, run
from tests.runtime.web_process import PATH, WebProcess
from trenddojo.api.views import published

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="The web process is the Procfile's, as on a server."),
]

WRITE = """INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT %s, subject, 'changed', '1', '{"symbol": "SPY"}' FROM unnest(%s::text[]) AS subject"""
# Seconds between two events of each subject: a stream is read up to its first.
OFTEN = 0.05


class Busy:
    """Something of every subject happens to a trader, again and again, until the end of the block."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._happen)

    def _happen(self) -> None:
        while not self.is_over.wait(OFTEN):
            with connection.cursor() as cursor:
                cursor.execute(WRITE, [self.user.pk, EventSubject.values])
        connection.close()

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()


@pytest.fixture
def operation(transactional_db, alice) -> Iterator[Any]:
    """Makes the operation that a schema describes, at a web process of its own."""
    web = WebProcess(API_USER_PER_MINUTE="1000000", API_TOKEN_PER_MINUTE="1000000")
    _token, text = token_create(user=alice, name="Streams", scope="read", now=timezone.now())

    def make(schema: dict[str, Any] | None = None) -> Any:
        found = loaded(text, schema)
        found.config.update(base_url=f"http://127.0.0.1:{web.port}")
        # The first event with data ends the reading; nothing is ever waited for longer than half a minute.
        found.config.max_stream_events = 1
        found.config.request_timeout = 30
        return found[PATH]["get"]

    with Busy(alice):
        yield make
    web.end(signal.SIGTERM)


def _checked(operation: Any) -> Counter[int]:
    """Every check on what is answered to generated requests; how often each status was."""
    seen: Counter[int] = Counter()

    @hypothesis.settings(max_examples=20, **QUICKLY)
    def holds(case: Any) -> None:
        answer = case.call()
        seen[answer.status_code] += 1
        case.validate_response(answer)
        if case.method == "GET" and answer.status_code == 200:
            assert b"\ndata: {" in answer.content

    run(operation, holds)
    return seen


def test_streams_are_as_the_schema_says_whatever_is_asked_for(operation):
    seen = _checked(operation())
    assert min(seen[200], seen[400]) > 5


def _without_the_refusal(told: dict[str, Any]) -> None:
    del told["responses"]["400"]


def _with_another_media_type(told: dict[str, Any]) -> None:
    told["responses"]["200"]["content"] = {"application/json": {"schema": {"type": "object"}}}


def _with_another_header(told: dict[str, Any]) -> None:
    told["responses"]["200"]["headers"] = {"X-Told": {"required": True, "schema": {"type": "string"}}}


def _with_another_message(told: dict[str, Any]) -> None:
    message = told["responses"]["200"]["content"]["text/event-stream"]["schema"]
    message["properties"]["data"]["contentSchema"]["properties"]["id"] = {"type": "string"}


def _with_a_parameter_that_is_none(told: dict[str, Any]) -> None:
    told["parameters"].append({"in": "query", "name": "since", "required": True, "schema": {"type": "string"}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_the_refusal, "Undocumented status code"),
        (_with_another_media_type, "Undocumented Content-Type"),
        (_with_another_header, "Missing required response headers"),
        (_with_another_message, "SSE event"),
        (_with_a_parameter_that_is_none, "good_form_is_taken"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_schema_that_says_something_else_is_found_out(operation, change, said):
    schema = deepcopy(published())
    change(schema["paths"][PATH]["get"])
    with pytest.raises((Exception, BaseExceptionGroup)) as found:
        _checked(operation(schema))
    assert said in "".join(traceback.format_exception(found.value))
