"""Generated requests over every operation: what the schema allows is taken, what it forbids is refused, and every answer
is as the schema says.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import hypothesis
import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from hypothesis.stateful import run_state_machine_as_test

from tests.api.belongings_kit import belongings, operations, slots
from tests.api.kit import token_for
from tests.api.schemathesis_kit import QUICKLY, loaded, run
from trenddojo.api import throttles
from trenddojo.wsgi import application

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

# A web process of its own is needed: tests/runtime/test_generated_streams.py has one.
STREAMS = {"/api/v1/events/"}
# Ids in bodies name something of the trader's: any other answers 404, which says little.
NAMED_IN_BODIES = {
    "account": "account",
    "trade": "trade",
    "setup": "setup",
    "connection": "connection",
    "until": "notification",
    "into": "into",
}
FORM = "multipart/form-data"


def closed(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The application as a server uses it, which closes every answer; schemathesis keeps them open."""
    with closing(application(environ, start_response)) as answer:
        return [b"".join(answer)]


def _loaded(world: "World") -> Any:
    """Over the application itself, in this process."""
    schema = loaded(world.token)
    schema.app = closed
    return schema.exclude(path=sorted(STREAMS))


def wait_for_the_next() -> None:
    """Numbering events lets no transaction idle for long; the one of the test idles while the next case is drawn."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


class World:
    """A trader with one of everything, and a token."""

    def __init__(self, owner: Any) -> None:
        self.keys = belongings(owner)
        self.token = token_for(owner)
        wait_for_the_next()

    def name_in_address(self, case: Any) -> None:
        """Put the trader's own objects into the address of a good case."""
        if case.meta.generation.mode.is_positive:
            for slot, name in slots(case.operation.path).items():
                case.path_parameters[slot] = str(self.keys[name])

    def fill_form(self, case: Any) -> None:
        """Put a word that is as wrong where a bad form has an empty one: the library would leave that field out."""
        if case.media_type == FORM and case.meta.generation.mode.is_negative and isinstance(case.body, dict):
            case.body |= {field: "-" for field, value in case.body.items() if value == ""}

    def name_in_body(self, case: Any) -> None:
        """Put them where the body of a good case names one."""
        if case.meta.generation.mode.is_positive and isinstance(case.body, dict):
            case.body |= {
                field: str(self.keys[name]) for field, name in NAMED_IN_BODIES.items() if case.body.get(field)
            }


@pytest.fixture
def world(alice, settings, monkeypatch) -> Iterator[World]:
    settings.API_USER_PER_MINUTE = settings.API_TOKEN_PER_MINUTE = 1_000_000
    # Each operation is tried without a token and with a wrong one, over and over from one address.
    monkeypatch.setattr(throttles, "FAILED_PER_MINUTE", 1_000_000)
    # The test's transaction is undone at its end, so its connection outlives a request, as under Django's own client.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield World(alice)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize(("path", "method"), [found[:2] for found in operations() if found[0] not in STREAMS])
def test_every_operation_does_what_the_schema_says(world, path, method):
    @hypothesis.settings(max_examples=6, **QUICKLY)
    def holds(case: Any) -> None:
        world.name_in_address(case)
        world.name_in_body(case)
        world.fill_form(case)
        case.call_and_validate()
        wait_for_the_next()

    run(_loaded(world)[path][method], holds)


def test_what_is_made_is_read_changed_and_gone_by_its_links(world):
    class Desk(_loaded(world).as_state_machine()):
        def before_call(self, case: Any) -> None:
            world.name_in_body(case)
            world.fill_form(case)

        def after_call(self, response: Any, case: Any) -> None:
            wait_for_the_next()

    run_state_machine_as_test(Desk, settings=hypothesis.settings(max_examples=10, stateful_step_count=8, **QUICKLY))
