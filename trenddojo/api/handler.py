"""One shape for every error: {"type", "errors": [{"code", "detail", "attr"}]}, with the right status."""

from collections.abc import Mapping

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import Error
from rest_framework import exceptions
from rest_framework.response import Response

from trenddojo.api.errors import WHOLE, Busy, Changed, Conflict, Refused, TooLarge, Unavailable, invalid
from trenddojo.domain.errors import DomainError

# The database does not answer, or gave up on a lock: nothing was written, and a later try may well succeed.
DATABASE_AWAY = (OperationalError, InterfaceError)


class ApiExceptionHandler(ExceptionHandler):
    """Turns what services raise into answers. A view may say `attr_names`: the services' field to the API's."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, DomainError):
            return self._of_domain(exc)
        if isinstance(exc, Http404):
            return exceptions.NotFound()
        if isinstance(exc, RequestDataTooBig):
            return TooLarge()
        if isinstance(exc, (SuspiciousOperation, BadRequest)):
            return exceptions.ParseError()
        if isinstance(exc, DATABASE_AWAY):
            return Unavailable(wait=5)
        return super().convert_known_exceptions(exc)

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        if isinstance(exc, Busy):
            # A line of warning for each would cost as much as the refusal.
            response._has_been_logged = True  # noqa: SLF001 - as Django marks what it wrote down
            return
        super().report_exception(exc, response)

    def _of_domain(self, exc: DomainError) -> exceptions.APIException:
        if exc.code == "stale":
            # Without If-Match two writers met by chance; the second is told as well.
            return Changed() if "If-Match" in self.context["request"].headers else Conflict(code="stale")
        names: Mapping[str, str] = getattr(self.context["view"], "attr_names", {})
        return invalid(exc.code, exc.sentence, names.get(exc.field, exc.field))


class ApiExceptionFormatter(ExceptionFormatter):
    """All reasons at once where there are several; `attr` is null where an error belongs to the whole."""

    def get_errors(self) -> list[Error]:
        if isinstance(self.exc, Refused):
            return [Error(reason.code, reason.detail, reason.attr) for reason in self.exc.reasons]
        found = super().get_errors()
        return [Error(error.code, error.detail, _attr(error.attr)) for error in found]


def _attr(attr: str | None) -> str | None:
    """The field an error belongs to: an inner object's own name where that is wrong as a whole."""
    return None if attr in {None, WHOLE} else attr.removesuffix(f".{WHOLE}")
