"""What is sent and answered about connections. Keys go in and never come out."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers

from accounts.api.query import Flag
from accounts.models import Broker
from brokers.models import ConnectionStatus
from brokers.registry import ADAPTERS
from brokers.services.connections import LABEL_LENGTH
from brokers.services.live import live_is_armed
from trenddojo.api.fields import Key, Moment, Text, Truth, Whole, Word
from trenddojo.api.serializers import Given, Taken

CONNECTABLE = [(name, spec.label) for name, spec in ADAPTERS.items() if spec.is_connectable]
# Of every broker; which ones a broker wants, and how long they may be, the services say.
KEY_NAMES = sorted({field.name for spec in ADAPTERS.values() for field in spec.credential_fields})
_SCHEMA = {
    "type": "object",
    "properties": {name: {"type": "string", "writeOnly": True} for name in KEY_NAMES},
    "additionalProperties": False,
    "description": "The broker's own fields: for alpaca and simulator api_key and secret_key, for mock none. Never "
    "answered.",
}


@extend_schema_field(_SCHEMA)
class Credentials(serializers.DictField):
    """The broker's own fields: strings, of known names."""

    default_error_messages = {"unknown": "There is no such key: {name}."}

    def __init__(self, **options: Any) -> None:
        super().__init__(child=Text(max_length=500, allow_blank=True), **options)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(KEY_NAMES))):
            self.fail("unknown", name=unknown[0])
        return super().to_internal_value(data)


class LiveOn(Truth):
    """Whether the live switch of a connection is on; it lapses by itself."""

    def to_representation(self, value: Any) -> bool:
        return live_is_armed(value, timezone.now())


class ConnectionGiven(Given):
    id = Key()
    broker = Word(choices=Broker.choices)
    label = Text()  # type: ignore[assignment] # a field may be called as an option of fields is
    is_paper = Truth()
    is_active = Truth()
    is_live_on = LiveOn(source="*", help_text="Live orders may leave at this moment. Always false on paper.")
    status = Word(choices=ConnectionStatus.choices)
    account = Key(source="account_id", allow_null=True)
    last_sync = Moment(allow_null=True)
    last_error = Text()
    created_at = Moment()


class FailedCallGiven(Given):
    """Calls to a broker that failed in one way at one address, with the last of them."""

    method = Text(help_text="STREAM is the stream of order updates.")
    path = Text(help_text="What was asked last, without the host; keys are never part of it.")
    status = Whole(allow_null=True, help_text="Of the answer. Null: no whole answer came.")
    code = Text()
    detail = Text(source="sentence", help_text="What came back, or why it is of no use.")
    request_id = Text(help_text="The broker's number of the call; may be empty.")
    our_id = Text(help_text="Names the request or task that asked in the desk's logs; may be empty.")
    milliseconds = Whole(allow_null=True)
    times = Whole(help_text="How often since first_at.")
    first_at = Moment()
    last_at = Moment(help_text="When it was asked last.")
    ended_at = Moment(allow_null=True, help_text="Since when the broker can be used again. Null: not since.")


class FailedCallsGiven(Given):
    calls = FailedCallGiven(many=True, help_text="What still fails first, then the newest; at most 20.")


class ConnectionNew(Taken):
    broker = Word(choices=CONNECTABLE)
    label = Text(max_length=LABEL_LENGTH)  # type: ignore[assignment] # see above
    is_paper = Truth(default=True)
    credentials = Credentials(default=dict)
    account = Key(required=False, allow_null=True, help_text="The account of yours that follows it from now on.")
    account_name = Text(required=False, max_length=80, help_text="Opens an account of this name that follows it.")


class ConnectionChanges(Taken):
    label = Text(max_length=LABEL_LENGTH, required=False)  # type: ignore[assignment] # see above
    credentials = Credentials(required=False, help_text="New keys of the same account at the broker.")
    account = Key(required=False)
    is_active = Truth(required=False, help_text="true asks the broker whether the kept keys still work.")


class ConnectionFilters(Taken):
    broker = Word(choices=Broker.choices, required=False)
    status = Word(choices=ConnectionStatus.choices, required=False)
    is_paper = Flag(required=False)
    is_active = Flag(required=False)


_CONNECTION = {
    "id": "f3a9f0a2-0a53-4c57-9a54-0c2f7a4f9d11",
    "broker": "alpaca",
    "label": "Alpaca swing",
    "is_paper": True,
    "is_active": True,
    "is_live_on": False,
    "status": "connected",
    "account": "5f1c2f0e-6c1b-4c39-9a3f-3f7d1f6a5b10",
    "last_sync": "2026-03-05T14:30:00Z",
    "last_error": "",
    "created_at": "2026-01-02T15:00:00Z",
}
FAILED_CALL = {
    "method": "GET",
    "path": "/v2/positions",
    "status": 503,
    "code": "status_503",
    "detail": "Alpaca cannot answer at the moment (status 503).",
    "request_id": "5a0c8f52e3f14b5f9d6f0c4f8a1f2b3c",
    "our_id": "8a03f1de-5b43-4b8e-9c1d-2f4a6b8c0d1e",
    "milliseconds": 84,
    "times": 11,
    "first_at": "2026-03-05T14:20:00Z",
    "last_at": "2026-03-05T14:30:00Z",
    "ended_at": None,
}
FAILED_CALLS = OpenApiExample("An outage", {"calls": [FAILED_CALL]}, response_only=True)
ANSWER = OpenApiExample("Connected", _CONNECTION, response_only=True)
DISABLED = OpenApiExample(
    "Disabled",
    _CONNECTION | {"is_active": False, "status": "disabled", "last_error": "You disabled it."},
    response_only=True,
)
NEW = OpenApiExample(
    "Paper keys of Alpaca, and an account for them",
    {
        "broker": "alpaca",
        "label": "Alpaca swing",
        "is_paper": True,
        "credentials": {"api_key": "PK…", "secret_key": "…"},
        "account_name": "Swing",
    },
    request_only=True,
)
CHANGE = OpenApiExample("Another name", {"label": "Swing"}, request_only=True)
