"""What operators look at: is the process alive, is the desk ready, what runs here."""

import hmac
import shutil
import sys

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.csrf import csrf_failure
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.defaults import server_error as broken
from redis.exceptions import RedisError

from trenddojo import health, metrics

# Raised where a server of ours does not answer: nothing is wrong with what was asked.
AWAY = (OperationalError, InterfaceError, RedisError)
COME_BACK_SECONDS = 5


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """The process lives and answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """503 when this process should get no visitors; a missing worker degrades and is said."""
    checks = health.checks_run()
    state = health.overall(checks)
    body = {
        "status": state,
        "checks": {check.name: {"state": check.state, "detail": check.detail} for check in checks},
    }
    return JsonResponse(body, status=503 if state is health.State.FAILED else 200)


@never_cache
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """What Prometheus reads, for whoever has METRICS_TOKEN; without one there is no such address."""
    if not settings.METRICS_TOKEN:
        raise Http404
    offered = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(offered, f"Bearer {settings.METRICS_TOKEN}".encode()):
        said = "Send the header “Authorization: Bearer <METRICS_TOKEN>”.\n"
        headers = {"WWW-Authenticate": "Bearer"}
        return HttpResponse(said, status=401, headers=headers, content_type="text/plain; charset=utf-8")
    return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


@never_cache
@require_safe
def system(request: HttpRequest) -> HttpResponse:
    """Versions, queue, heartbeats and migrations, for administrators; nobody else learns it exists."""
    if not (request.user.is_authenticated and request.user.is_staff):
        raise Http404
    checks = health.checks_run()
    context = {
        "checks": checks,
        "state": health.overall(checks),
        "versions": health.versions(),
        "queue_depth": health.queue_depth(),
        "pending": health.migrations_pending(),
        "sizes": _sizes(),
    }
    return render(request, "trenddojo/system.html", context)


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's answer to a form without the token of its page, marked for the log."""
    response = csrf_failure(request, reason)
    response.refusal = "form_token"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """The page of whatever nobody expected; 503 and when to come back where a server of ours is away."""
    if not isinstance(sys.exc_info()[1], AWAY):
        return broken(request)
    page = render_to_string(
        "503_away.html", {"wait": COME_BACK_SECONDS, "may_reload": request.method in ("GET", "HEAD")}
    )
    headers = {"Retry-After": str(COME_BACK_SECONDS), "Cache-Control": "no-store"}
    return HttpResponse(page, status=503, headers=headers)


def _sizes() -> dict[str, int]:
    """Bytes of the database, and free bytes where media is kept."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (database,) = cursor.fetchone()
    settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
    return {"database": database, "free": shutil.disk_usage(settings.MEDIA_ROOT).free}
