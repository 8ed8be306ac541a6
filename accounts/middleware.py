"""Asked of every session before anything is shown: that it is not over, and a second factor where one is wanted."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url

from accounts.sealing import FactorSealed
from accounts.services.people import session_over
from accounts.session_limits import BEGAN, IDLE, LIFETIME, SEEN, WRITTEN_EVERY, is_activity, is_somebodys, over_because

GetResponse = Callable[[HttpRequest], HttpResponse]
SENTENCES = {
    IDLE: "You were signed out because nothing was done here for a long time. Sign in to go on where you were.",
    LIFETIME: "You were signed out because every sign-in ends after a while. Sign in to go on where you were.",
}
FACTOR_FIRST = "This desk asks everybody for a second factor: turn one on here, then go on."
FACTORS_SEALED = (
    "Your second factor cannot be read any more, because the desk’s secret key was changed. Turn the authenticator app "
    "off and on again."
)
# What whoever must turn on a second factor still opens: turning one on, what that asks for, and the way out.
WITHOUT_FACTOR = ("mfa_", "account_", "usersessions_", "trenddojo:")


class SessionLimitsMiddleware:
    """Ends a session that is over, saying why, and notes when somebody last did something in it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        reason = over_because(request.session)
        if reason is not None:
            self._end(request, reason)
        elif is_somebodys(request.session):
            self._note(request)
        return _answered(request, self.get_response(request))

    def _end(self, request: HttpRequest, reason: str) -> None:
        session_over(user=request.user, session_key=request.session.session_key, reason=reason)
        request.session.flush()
        request.user = AnonymousUser()
        if not request.path_info.startswith("/api/"):
            messages.info(request, SENTENCES[reason])

    def _note(self, request: HttpRequest) -> None:
        now = int(time.time())
        is_stale = now - request.session.get(SEEN, now) >= WRITTEN_EVERY
        # One from before there were limits begins now.
        if BEGAN not in request.session or (is_stale and is_activity(request)):
            request.session[SEEN] = now


class SecondFactorMiddleware:
    """Where everybody must have a second factor, whoever has none is led to turn one on before anything else."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        if not settings.TRADER_SECOND_FACTOR or request.path_info.startswith("/api/"):
            return None
        name = request.resolver_match.view_name or ""
        if not request.user.is_authenticated or name.startswith(WITHOUT_FACTOR) or is_mfa_enabled(request.user):
            return None
        if "HX-Request" in request.headers:
            return _ask_again()
        messages.warning(request, FACTOR_FIRST)
        return redirect("mfa_index")

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """A page about second factors whose secrets no key opens says so, and leads to where they are made anew."""
        if not isinstance(problem, FactorSealed) or request.path_info.startswith("/api/"):
            return None
        messages.error(request, FACTORS_SEALED)
        return redirect("mfa_index")


def _answered(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A part of a page is no place to sign in: static/js/desk.js keeps what was typed and loads the whole page anew."""
    if "HX-Request" not in request.headers or response.status_code != HTTPStatus.FOUND:
        return response
    if not response.headers["Location"].startswith(f"{resolve_url(settings.LOGIN_URL)}?"):
        return response
    told = _ask_again()
    told.cookies = response.cookies
    return told


def _ask_again() -> HttpResponse:
    return HttpResponse(status=HTTPStatus.UNAUTHORIZED, headers={"Cache-Control": "private, no-store"})
