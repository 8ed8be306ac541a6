"""Generated requests over every operation: what the schema allows is taken, what it forbids is refused, and every answer
is as the schema says.
"""

import os
from collections.abc import Iterator
from copy import deepcopy
from datetime import date, datetime
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test

from tests.api.belongings_kit import belongings, operations, slots
from tests.api.kit import token_for
from trenddojo.api.views import published
from trenddojo.wsgi import application

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

QUICKLY = {
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    # What fails is shown as it was drawn: a smaller case would take minutes to find.
    "phases": [Phase.explicit, Phase.generate],
}
CONFIGURATION = schemathesis.Config.from_dict(
    {
        # Where CI=true every run draws the same, as in tests/conftest.py.
        **({"seed": 1} if os.environ.get("CI", "").lower() == "true" else {}),
        # Null characters are tests/api/test_bad_input.py's; a server in front refuses them in addresses and headers.
        "generation": {"allow-x00": False, "with-security-parameters": False},
        "checks": {
            # Good form may break a rule of trading, name what is not there, try keys and passwords that are none or too
            # often, or ask a broker that is away; that its form is never called wrong is good_form_is_taken's.
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", 304, 400, 401, 403, 404, 409, 412, 422, 429, 503]
            },
            # An older version is refused before the body is looked at.
            "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 406, 409, 412, 415, 422]},
        },
    }
)
# A server of its own is needed: tests/api/test_event_streams.py has one.
STREAMS = {"/api/v1/events/"}
# Ids in bodies name something of the trader's: any other answers 404, which says little.
NAMED_IN_BODIES = {"account": "account", "trade": "trade", "setup": "setup", "connection": "connection"}
# What is said of a value that lacks its field's form. Other codes tell of rules of trading, such as a stop on the wrong
# side of the entry, which no schema can say.
OF_FORM = frozenset(
    {
        *("invalid", "required", "null", "blank", "invalid_choice", "unknown_field", "not_a_list"),
        *("max_length", "min_length", "parse_error", "bad_page_size", "bad_ordering", "bad_idempotency_key"),
    }
)

# The years the desk knows; JSON Schema's formats begin with the year 0.
moments = st.datetimes(datetime(1971, 1, 1), datetime(2198, 12, 31))  # noqa: DTZ001 - the zone is written below
schemathesis.openapi.format("date-time", moments.map(lambda moment: f"{moment.isoformat(timespec='seconds')}Z"))
schemathesis.openapi.format("date", st.dates(date(1971, 1, 1), date(2198, 12, 31)).map(str))


def _loaded(world: "World") -> Any:
    """The published schema over the application itself, asked with the trader's token."""
    # A copy: the library writes links it inferred into what it is given.
    schema = schemathesis.openapi.from_dict(deepcopy(published()), config=CONFIGURATION)
    schema.app = application
    schema = schema.exclude(path=sorted(STREAMS))

    @schema.auth()
    class Token:
        def get(self, case: Any, context: Any) -> str:
            return world.token

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    return schema


@schemathesis.check
def good_form_is_taken(ctx: Any, response: Any, case: Any) -> None:
    """A request that keeps to the schema may break a rule of trading, and is never told that its form is wrong."""
    if response.status_code == 400 and case.meta.generation.mode.is_positive:
        said = {reason["code"] for reason in response.json()["errors"]}
        assert not said & OF_FORM, response.json()


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

    def name_in_body(self, case: Any) -> None:
        """Put them where the body of a good case names one."""
        if case.meta.generation.mode.is_positive and isinstance(case.body, dict):
            case.body |= {
                field: str(self.keys[name]) for field, name in NAMED_IN_BODIES.items() if case.body.get(field)
            }


@pytest.fixture
def world(alice, settings) -> Iterator[World]:
    settings.API_USER_PER_MINUTE = settings.API_TOKEN_PER_MINUTE = 1_000_000
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
        case.call_and_validate()
        wait_for_the_next()

    schema = _loaded(world)
    # What its decorator does for every operation at once, at collection, in every worker: minutes before the first test.
    build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=holds,
        given_kwargs={},
        feedback=FeedbackSources(),
        explicit_settings=getattr(holds, "_hypothesis_internal_use_settings", None),
    )()


def test_what_is_made_is_read_changed_and_gone_by_its_links(world):
    class Desk(_loaded(world).as_state_machine()):
        def before_call(self, case: Any) -> None:
            world.name_in_body(case)

        def after_call(self, response: Any, case: Any) -> None:
            wait_for_the_next()

    run_state_machine_as_test(Desk, settings=hypothesis.settings(max_examples=10, stateful_step_count=8, **QUICKLY))
