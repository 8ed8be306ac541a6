"""A log line is one line, says whose doing it is, and holds no secret, in both formats."""

import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from brokers.vault import seal
from trenddojo import log_context, redaction
from trenddojo.logs import LONGEST, ExpectedFilter, JsonFormatter, PlainFormatter, configuration

FORMATTERS = [PlainFormatter(), JsonFormatter()]
ANY_FORMAT = pytest.mark.parametrize("formatter", FORMATTERS, ids=["plain", "json"])
# What ends a line or a terminal's patience: breaks of every kind, escapes, and what turns the reading direction.
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
TEXT = st.text(alphabet=st.characters(), max_size=60) | st.sampled_from(
    ["\n", "\r\nlevel=INFO", "\x1b[2J", "\u2028", "a=b"]
)


def record(message: object, *args: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("trades.execution", logging.INFO, "", 1, message, args, more.pop("exc_info", None))
    for name, value in more.items():
        setattr(made, name, value)
    return made


def raised(problem: Exception) -> Any:
    try:
        raise problem  # noqa: TRY301 - for its traceback
    except Exception:  # noqa: BLE001 - whatever the test gives
        return sys.exc_info()


@pytest.fixture(autouse=True)
def _nobody() -> Any:
    token = log_context.begin()
    yield
    log_context.end(token)


# --- What a line says --------------------------------------------------------------------------------------------------


def test_a_plain_line_has_moment_level_logger_request_event_and_fields() -> None:
    made = record("order.outcome order=%s code=%s", "4711", "no funds")
    made.created = 1772638266.503

    line = FORMATTERS[0].format(made)

    assert line == (
        '2026-03-04T15:31:06.503Z level=INFO logger=trades.execution request=- order.outcome order=4711 code="no funds"'
    )


def test_a_json_line_is_an_object_whose_numbers_are_numbers() -> None:
    with log_context.bound(request="abc", task="t1", order="4711"):
        line = FORMATTERS[1].format(record("order.answered order=%s ms=%.1f", "4711", 12.345))

    told = json.loads(line)
    del told["at"]
    assert told == {
        "level": "INFO",
        "logger": "trades.execution",
        "request": "abc",
        "task": "t1",
        "event": "order.answered",
        "order": "4711",
        "ms": 12.3,
    }


def test_what_a_library_says_is_a_message() -> None:
    told = json.loads(FORMATTERS[1].format(record("Connected to %s", "redis")))

    assert (told["message"], "event" in told) == ("Connected to redis", False)


def test_fields_that_are_not_known_beforehand_come_in_extra() -> None:
    line = FORMATTERS[0].format(record("records.cleaned", fields={"tokens": 3, "ends here\n": 1}))

    assert line.endswith("records.cleaned tokens=3 ends_here_=1")


def test_ids_of_the_request_or_task_stand_in_every_line_and_once() -> None:
    with log_context.bound(request="abc", user=7, connection="c1", order="o1"):
        line = FORMATTERS[0].format(record("order.cancel.sealed order=%s", "o2"))

    assert line.partition("logger=trades.execution ")[2] == (
        "request=abc user=7 order.cancel.sealed connection=c1 order=o2"
    )


def test_a_traceback_is_part_of_the_line() -> None:
    line = FORMATTERS[0].format(
        record("order.replace.unexpected order=%s", 1, exc_info=raised(ValueError("two\nlines")))
    )

    assert "\n" not in line
    assert r"ValueError: two\nlines" in line


@ANY_FORMAT
@pytest.mark.parametrize("call", [("%s and %s", "one"), ("%d", "no number"), ("order.x a=%s", "1", "2"), (object(), 1)])
def test_a_wrong_call_breaks_nothing(formatter: logging.Formatter, call: tuple[Any, ...]) -> None:
    assert formatter.format(record(*call))


@ANY_FORMAT
def test_a_text_without_end_is_cut(formatter: logging.Formatter) -> None:
    assert len(formatter.format(record("page.failed text=%s", "word " * LONGEST))) < LONGEST + 500


def test_an_answer_of_503_warns_in_one_line_and_keeps_its_sentence() -> None:
    made = record("Service Unavailable: %s", "/readyz", status_code=503, exc_info=raised(RuntimeError("expected")))
    ExpectedFilter().filter(made)

    assert (made.levelname, made.exc_info) == ("WARNING", None)
    assert configuration("INFO")["loggers"]["django.request"]["filters"] == ["expected"]


# --- One line, whatever is said ----------------------------------------------------------------------------------------


@ANY_FORMAT
@given(values=st.tuples(TEXT, TEXT), message=TEXT, name=TEXT)
def test_no_value_begins_a_line_or_steers_a_terminal(
    formatter: logging.Formatter, values: tuple[str, str], message: str, name: str
) -> None:
    with log_context.bound(request=values[0]):
        lines = [
            formatter.format(record("order.outcome order=%s code=%s", *values)),
            formatter.format(record(message + "%s", values[0])),
            formatter.format(record("order.failed order=%s", 1, exc_info=raised(ValueError(message)))),
            formatter.format(record("records.cleaned", fields={name: values[1]})),
        ]

    assert [line for line in lines if FORBIDDEN.search(line)] == []


@given(value=TEXT)
def test_no_value_looks_like_a_field_of_the_line(value: str) -> None:
    """Whoever reads quotes as JSON does gets back exactly the fields that were logged."""
    line = FORMATTERS[0].format(record("order.outcome order=%s code=%s", "4711", value + " level=ERROR"))
    fields = re.findall(r'(\w+)=("(?:\\.|[^"\\])*"|[^\s"=]+)(?= |$)', line)

    assert [name for name, _ in fields] == ["level", "logger", "request", "order", "code"]


# --- No secret -----------------------------------------------------------------------------------------------------------

LETTERS = "abcdefghijklmnopqrstuvwxyz"
OPAQUE = st.text(alphabet=LETTERS + LETTERS.upper() + "0123456789", min_size=28, max_size=60).filter(
    lambda word: any(map(str.isupper, word)) and any(map(str.islower, word)) and any(map(str.isdigit, word))
)
WORD = st.text(alphabet=LETTERS + "0123456789", min_size=8, max_size=30)
# How a secret stands in a text, and what of it must not be there afterwards.
BY_NAME: list[Callable[[str], str]] = [
    lambda s: f"password={s}",
    lambda s: f"refused: {{'secret_key': '{s}', 'label': 'x'}}",
    lambda s: f'{{"api_key": "{s}"}}',
    lambda s: f"APCA-API-SECRET-KEY: {s}",
    lambda s: f"APCA-API-KEY-ID: {s}",
    lambda s: f"Authorization: Bearer {s}",
    lambda s: f"headers={{'Authorization': 'Bearer {s}'}}",
    lambda s: f"Cookie: theme=dark; trenddojo_session={s}; other=1",
    lambda s: f"Set-Cookie: trenddojo_csrf={s}; Path=/",
    lambda s: f"csrfmiddlewaretoken={s}&next=/",
    lambda s: f"csrftoken={s}",
    lambda s: f"GET /x?access_token={s}&a=1",
    lambda s: f"https://desk.example.com/auth/confirm-email/{s}/",
    lambda s: f"https://desk.example.com/auth/password/reset/key/{s}/ was opened",
    lambda s: f"postgres://desk:{s}@db.example.com:5432/desk",
    lambda s: f"rediss://:{s}@queue:6379/0",
    lambda s: f"mail to {s}@example.com",
    lambda s: f"repr: Keys(api_key='x', secret_key={s!r})",
    lambda s: f"DETAIL: credentials = {s}",
    lambda s: f"td_{s}{s}",
    lambda s: f"whsec_{s}{s}==",
]


@ANY_FORMAT
@given(secret=WORD, spell=st.sampled_from(BY_NAME), before=st.sampled_from(["", "a ", "x=1&", "\n", "("]))
def test_no_secret_passes_that_a_name_or_an_address_gives_away(
    formatter: logging.Formatter, secret: str, spell: Callable[[str], str], before: str
) -> None:
    text = before + spell(f"{secret}9z")
    lines = [
        formatter.format(record(text)),
        formatter.format(record("order.failed problem=%s", text)),
        formatter.format(record("order.failed problem=%s", "x", exc_info=raised(ValueError(text)))),
    ]

    assert [line for line in lines if f"{secret}9z" in line] == []


@ANY_FORMAT
@given(secret=OPAQUE, around=st.sampled_from(["{}", "key {} was refused", "({})", "'{}'", "<{}>", "a={},b", '"{}"']))
def test_no_opaque_key_passes_whatever_stands_around_it(formatter: logging.Formatter, secret: str, around: str) -> None:
    lines = [
        formatter.format(record("order.failed problem=%s", around.format(secret))),
        formatter.format(record("order.failed", exc_info=raised(RuntimeError(around.format(secret))))),
        formatter.format(record("records.cleaned", fields={"x": [secret]})),
    ]

    assert [line for line in lines if secret in line] == []


@ANY_FORMAT
def test_no_sealed_value_and_no_secret_of_the_settings_passes(
    formatter: logging.Formatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DEMO_PASSWORD", "five plain words of it")
    redaction._pattern_of_settings.cache_clear()
    from uuid import uuid4

    secrets = [
        seal({"api_key": "x"}, row_id=uuid4()),
        Fernet(Fernet.generate_key()).encrypt(b"x").decode(),
        settings.SECRET_KEY,
        "five plain words of it",
        "PKTESTKEY01234567",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ]
    line = formatter.format(record("order.failed problem=%s", " | ".join(secrets)))
    redaction._pattern_of_settings.cache_clear()

    assert [secret for secret in secrets if secret in line] == []


@pytest.mark.parametrize(
    "name", ["password", "secret_key", "api_key", "Authorization", "cookie", "csrf_token", "session_key", "key_id"]
)
def test_a_field_is_not_shown_whose_name_says_that_it_is_secret(name: str) -> None:
    assert "hunter2" not in FORMATTERS[1].format(record("x.y", fields={name: "hunter2"}))


@pytest.mark.parametrize(
    "text",
    [
        "0b8a1c9e-5d0e-4b0b-9a38-1c2f9c8f2d11",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "/v2/orders:by_client_order_id",
        "trades.execution.submit.order_submit",
        "File trenddojo/migrations/accounts/services/notifications.py",
        "orders@desk-1.example.com",
        "ConnectionRefusedError",
        "broker.call.failed method=POST path=/v2/orders answer=status 504",
        "20260304153106503::0b8a1c9e-5d0e-4b0b-9a38-1c2f9c8f2d11",
    ],
)
def test_what_an_operator_needs_passes(text: str) -> None:
    assert redaction.redacted(text) == text
