"""What a view raises to refuse, beyond the framework's own."""

from collections.abc import Iterable
from dataclasses import dataclass

from rest_framework import exceptions, status

WHOLE = "non_field_errors"


class Conflict(exceptions.APIException):
    """What was asked for contradicts what is there by now."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "This contradicts what is there by now: read it again."


class Changed(exceptions.APIException):
    """If-Match names a version that is no longer the newest."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "stale"
    default_detail = "This was changed since you read it, and nothing was saved: read it again, then send your change."


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "This request is larger than the server takes."


class Unprocessable(exceptions.APIException):
    """Understood and refused; nothing but what is said was kept."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "unprocessable"
    default_detail = "This was understood and refused."


class Unavailable(exceptions.APIException):
    """Somebody else, such as a broker, does not answer now."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "This cannot be answered now: try again in a while."

    def __init__(self, detail: str | None = None, code: str | None = None, wait: float | None = None) -> None:
        super().__init__(detail, code)
        self.wait = wait


class Busy(Unavailable):
    """More is asked than the desk does at once. It is counted like every answer, and no failure to be reported."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One of several reasons of a refusal."""

    code: str
    detail: str
    attr: str | None = None


class Refused(Unprocessable):
    """A refusal with all its reasons. `is_kept`: an object was stored that says so, and the answer is the answer."""

    def __init__(self, reasons: Iterable[Reason], *, is_kept: bool = False) -> None:
        super().__init__()
        self.reasons = tuple(reasons)
        self.is_kept = is_kept


def invalid(code: str, sentence: str, attr: str = "") -> exceptions.ValidationError:
    """A validation error at one field, or at the whole."""
    return exceptions.ValidationError({attr or WHOLE: [exceptions.ErrorDetail(sentence, code)]})
