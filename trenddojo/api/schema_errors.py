"""The errors of the API as the published schema tells of them: one shape, an answer for each status."""

from typing import Any

Answer = dict[str, Any]

ERROR_SCHEMAS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "description": "The one shape of every error.",
        "properties": {
            "type": {"type": "string", "enum": ["validation_error", "client_error", "server_error"]},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ErrorReason"}, "minItems": 1},
        },
        "required": ["type", "errors"],
        "additionalProperties": False,
    },
    "ErrorReason": {
        "type": "object",
        "properties": {
            "code": {"type": "string", "description": "A stable word for programs.", "minLength": 1},
            "detail": {"type": "string", "description": "A sentence for people, which says what to do."},
            "attr": {
                "type": ["string", "null"],
                "description": "The field or parameter it belongs to, dotted where nested; null for the whole.",
            },
        },
        "required": ["code", "detail", "attr"],
        "additionalProperties": False,
    },
}
HEADERS: dict[str, Any] = {
    "X-Request-ID": {
        "description": "Names this request in the server's logs.",
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9._-]{8,64}$"},
        "required": True,
    },
    "ETag": {"description": "The object's version, for If-Match and If-None-Match.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` where this is the first answer again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "How to sign in.", "schema": {"type": "string"}},
}


def _answer(description: str, code: str, detail: str, attr: str | None = None, *headers: str) -> Answer:
    kind = "validation_error" if attr else "client_error"
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *headers)},
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "example": {"type": kind, "errors": [{"code": code, "detail": detail, "attr": attr}]},
            }
        },
    }


def _failure(description: str, code: str, detail: str, *headers: str) -> Answer:
    answer = _answer(description, code, detail, None, *headers)
    answer["content"]["application/json"]["example"]["type"] = "server_error"
    return answer


# Status to the name of the shared answer and the answer.
ANSWERS: dict[int, tuple[str, Answer]] = {
    400: (
        "Invalid",
        _answer("Fields, parameters or JSON are wrong; each is named.", "required", "This field is required.",
                "symbol"),
    ),
    401: (
        "Unauthenticated",
        _answer("No token, or one that is unknown, revoked or expired.", "not_authenticated",
                "Authentication credentials were not provided.", None, "WWW-Authenticate"),
    ),
    403: (
        "Forbidden",
        _answer("The token may only read, the browser's CSRF token is missing, or this desk asks its user for a second "
                "factor first (second_factor_required).", "missing_scope",
                "This token may only read: make one with the scope “trade”."),
    ),
    404: ("NotFound", _answer("There is nothing of yours here.", "not_found", "Not found.")),
    406: (
        "NotAcceptable",
        _answer("The Accept header leaves no format this address has.", "not_acceptable",
                "Could not satisfy the request Accept header."),
    ),
    409: (
        "Conflict",
        _answer("What was asked for contradicts what is there by now, or the first request with this key still runs.",
                "conflict", "This contradicts what is there by now: read it again.", None, "Retry-After"),
    ),
    411: (
        "LengthRequired",
        _answer("The body came in chunks, without a Content-Length.", "length_required",
                "Say the body's length in Content-Length: this server takes no chunked bodies."),
    ),
    412: (
        "Changed",
        _answer("If-Match names an older version; nothing was saved.", "stale",
                "This was changed since you read it, and nothing was saved: read it again, then send your change."),
    ),
    413: (
        "TooLarge",
        _answer("The body is larger than the server takes.", "too_large", "Send at most 256 KiB of JSON."),
    ),
    415: (
        "UnsupportedMediaType",
        _answer("The body has another Content-Type than this address takes.", "unsupported_media_type",
                'Unsupported media type "text/plain" in request.'),
    ),
    422: (
        "Refused",
        _answer("Understood and refused, with all the reasons; or the key came with another request before.",
                "idempotency_key_reused",
                "This Idempotency-Key came with another request before: use a new key for a new request."),
    ),
    429: (
        "TooMany",
        _answer("Too many requests in a minute.", "throttled",
                "Request was throttled. Expected available in 12 seconds.", None, "Retry-After"),
    ),
    500: ("Failed", _failure("The server failed; the log has the request's id.", "error", "Server Error (500)")),
    503: (
        "Unavailable",
        _failure("The server or the broker does not answer now (unavailable), the desk has no turn free and began "
                 "nothing (busy), or more orders wait than can be sent (desk_busy).", "unavailable",
                 "This cannot be answered now: try again in a while.", "Retry-After"),
    ),
}  # fmt: skip
