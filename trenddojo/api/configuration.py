"""What Django REST framework and its companions are told; read by the settings."""

from typing import Any

DESCRIPTION = """\
Everything a trader does on the desk, for programs.

Left to the pages on purpose: signing up, passwords, second factor and passkeys, the e-mail address and the profile,
other sessions, turning live orders on, deleting an account or yourself, the file with everything you own.

Send a token as `Authorization: Bearer <token>`; make one on the page “API tokens”, by `POST /api/v1/tokens/`, or by
`manage.py create_api_token`. Decimals are strings, times are RFC 3339 in UTC, ids are UUIDs. Unknown fields are
refused. Every error has one shape, and every answer carries `X-Request-ID`. See docs/api.md for a quick start.
"""

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerAuthentication",
        "accounts.api.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.api.authentication.ScopeAllows",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["trenddojo.api.throttles.UserThrottle", "trenddojo.api.throttles.TokenThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["trenddojo.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "trenddojo.api.paging.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "trenddojo.api.schema.ApiSchema",
    "DEFAULT_METADATA_CLASS": "trenddojo.api.metadata.ApiMetadata",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "NON_FIELD_ERRORS_KEY": "non_field_errors",
    # No test client or browser form decides the format: it is JSON.
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

STANDARDIZED_ERRORS: dict[str, Any] = {
    "EXCEPTION_HANDLER_CLASS": "trenddojo.api.handler.ApiExceptionHandler",
    "EXCEPTION_FORMATTER_CLASS": "trenddojo.api.handler.ApiExceptionFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}


# The resources in the contract's order.
TAGS = (
    ("accounts", "Where a trader's money is: paper, live, or kept by hand. Halting one is the kill switch."),
    ("halt", "Hands on the brake: everything halted, resumed or closed, and what holds entries back."),
    ("connections", "Access to a broker. Keys go in and never come out."),
    ("position-size", "How much to trade for a given risk. Nothing is stored."),
    ("trades", "Ideas from plan to exit, with the fills that are their truth."),
    ("orders", "What is sent to brokers, through one gate that checks every limit."),
    ("eyes", "What needs its trader: orders in doubt, positions that differ, brokers that are away."),
    ("positions", "What the broker holds beside what the journal says."),
    ("market", "Quotes, bars and trading hours, from the account's broker."),
    ("bar-series", "Price bars of a trader's own, from files, for symbols without a feed."),
    ("performance", "Every figure, with its size of sample and confidence."),
    ("journal-days", "What a trader writes of a day: the plan before, the review after."),
    ("screenshots", "Pictures of trades and of the journal's days."),
    ("imports", "Fills from files of brokers: looked at first, then kept, all or nothing."),
    ("notifications", "What the desk has to say to the trader."),
    ("tokens", "Keys of programs to this API. Each is shown once."),
    ("setups", "Patterns a trader trades by."),
    ("tags", "Words a trader puts on trades: tags, mistakes, emotions."),
    ("saved-filters", "What the trades list shows, kept under a name."),
    ("events", "What happened on the desk, in the order it was committed."),
    ("webhooks", "Addresses that events are sent to."),
)


def spectacular(*, title: str, version: str) -> dict[str, Any]:
    """The settings of the published schema."""
    return {
        "TITLE": f"{title} API",
        "DESCRIPTION": DESCRIPTION,
        "VERSION": version,
        "OAS_VERSION": "3.1.0",
        "SERVE_INCLUDE_SCHEMA": False,
        "SCHEMA_PATH_PREFIX": "/api/v1",
        "SERVERS": [{"url": "/", "description": "This desk"}],
        "TAGS": [{"name": name, "description": sentence} for name, sentence in TAGS],
        "COMPONENT_SPLIT_REQUEST": True,
        # A change is a body of its own, and says itself which of its fields may be left out.
        "COMPONENT_SPLIT_PATCH": False,
        # Docstrings are for those who keep the code; views describe their operations with extend_schema.
        "DISABLE_DOCSTRING_DESCRIPTIONS": True,
        "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
        "SORT_OPERATIONS": False,
        "POSTPROCESSING_HOOKS": ["trenddojo.api.schema_finish.finish"],
    }
