"""What a stream's messages with data look like, as the published schema says it.

A schema of OpenAPI 3.1 for text/event-stream describes each message, by the names an EventSource gives its fields.
"""

from typing import Any, Final

from accounts.models import EventAction, EventSubject

RESET: Final = "reset"
NAMES: Final = (RESET, *(f"{subject}.{action}" for subject in EventSubject for action in EventAction))
_NAME: Final[dict[str, Any]] = {"type": "string", "enum": list(NAMES)}

DATA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 0, "description": "The event's number."},
        "type": _NAME,
        "at": {"type": ["string", "null"], "format": "date-time", "description": "Null in a reset."},
        "object": {
            "type": ["object", "null"],
            "description": "What tells whether it is worth reading anew; null in a reset.",
            "properties": {"id": {"type": ["string", "null"], "description": "Null where very many were changed."}},
            "required": ["id"],
            "additionalProperties": True,
        },
        "detail": {"type": "string", "description": "A sentence for people, in a reset."},
    },
    "required": ["id", "type", "at", "object"],
    "additionalProperties": False,
}

MESSAGE: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A message that carries data. Those without data only say where to go on.",
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]{1,18}$", "description": "The place to come back to."},
        "event": _NAME,
        "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": DATA},
    },
    "required": ["id", "event", "data"],
}
