"""How schemathesis draws requests from the published schema and judges their answers."""

import os
from copy import deepcopy
from datetime import date, datetime
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test

from trenddojo.api.views import published

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


def loaded(token: str, schema: dict[str, Any] | None = None) -> Any:
    """The published schema, or one given, whose operations are asked with a trader's token."""
    # A copy: the library writes links it inferred into what it is given.
    found = schemathesis.openapi.from_dict(deepcopy(schema or published()), config=deepcopy(CONFIGURATION))

    @found.auth()
    class Token:
        def get(self, case: Any, context: Any) -> str:
            return token

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    return found


def run(operation: Any, holds: Any) -> None:
    """What the library's decorator does for every operation at once, at collection, in every worker: minutes."""
    build_operation_test(
        config=operation.schema.config,
        operation=operation,
        test_func=holds,
        given_kwargs={},
        feedback=FeedbackSources(),
        explicit_settings=getattr(holds, "_hypothesis_internal_use_settings", None),
    )()


@schemathesis.check
def good_form_is_taken(ctx: Any, response: Any, case: Any) -> None:
    """A request that keeps to the schema may break a rule of trading, and is never told that its form is wrong."""
    if response.status_code == 400 and case.meta.generation.mode.is_positive:
        said = {reason["code"] for reason in response.json()["errors"]}
        assert not said & OF_FORM, response.json()
