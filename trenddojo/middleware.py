"""What every request carries: an id that is also in the logs, its measurement, and the trader's time zone."""

import logging
import re
import time
import uuid
import zoneinfo
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from trenddojo import log_context, measures

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

# A proxy's id is taken over only when it cannot forge a log line.
ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
READS = frozenset({"GET", "HEAD", "OPTIONS"})
REFUSALS = {
    HTTPStatus.UNAUTHORIZED: "not_signed_in",
    HTTPStatus.FORBIDDEN: "not_allowed",
    HTTPStatus.TOO_MANY_REQUESTS: "too_often",
}


class RequestIdMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        offered = request.headers.get("X-Request-ID", "")
        request_id = offered if ACCEPTABLE_ID.fullmatch(offered) else uuid.uuid4().hex
        # Never ended: Django logs refusals after the last middleware, and the next request begins its own.
        log_context.begin(request=request_id)
        response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response


class MeasureMiddleware:
    """Counts and times every answer by the name of its page, and logs what was not merely read."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        took, route = time.perf_counter() - began, _route_of(request)
        method = request.method if request.method in METHODS else "other"
        measures.count("trenddojo_http_requests_total", method, route, str(response.status_code))
        measures.observe("trenddojo_http_request_seconds", took, route)
        is_said = method not in READS or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        log.log(
            logging.INFO if is_said else logging.DEBUG,
            "http.answered method=%s route=%s status=%s ms=%.1f",
            *(method, route, response.status_code, took * 1000),
        )
        if _is_refusal(request, response):
            log.warning(
                "http.refused method=%s route=%s status=%s reason=%s",
                *(method, route, response.status_code, _reason(response)),
            )
        return response


def _route_of(request: HttpRequest) -> str:
    """The name of the page, of which there are a few hundred; addresses are without number."""
    if request.resolver_match is not None:
        return request.resolver_match.view_name or "unnamed"
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"


def _is_refusal(request: HttpRequest, response: HttpResponse) -> bool:
    """Not allowed, not theirs, or too often. An address that does not exist at all is nobody's secret."""
    if response.status_code == HTTPStatus.NOT_FOUND:
        return request.resolver_match is not None and bool(request.resolver_match.kwargs)
    return response.status_code in REFUSALS


def _reason(response: HttpResponse) -> str:
    """The code the API answers with, what the desk noted on the page, or the status in a word."""
    errors = (getattr(response, "data", None) or {}).get("errors")
    if errors:
        return str(errors[0]["code"])
    return str(getattr(response, "refusal", REFUSALS.get(response.status_code, "not_there")))


class LogUserMiddleware:
    """Log lines of a signed-in visitor's request carry the number of the user."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        log_context.add(user=request.user.pk)
        return self.get_response(request)


class TimezoneMiddleware:
    """Shows times in the zone the trader chose; UTC for strangers and for a zone this machine does not know."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(zone_of(request.user)):
            return self.get_response(request)


def zone_of(user: object) -> zoneinfo.ZoneInfo | None:
    """The zone a trader chose; None where this machine does not know it."""
    name = getattr(user, "timezone", "")
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
