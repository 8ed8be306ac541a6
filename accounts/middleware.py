"""Asked of every session before anything is shown: that it is not over, and a second factor where one is wanted."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import Resolver404, resolve, reverse

from accounts.sealing import FactorSealed
from accounts.services.people import session_over
from accounts.session_limits import BEGAN, IDLE, LIFETIME, SEEN, WRITTEN_EVERY, is_activity, is_somebodys, over_because
from trenddojo.api.middleware import error_answer

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
OWN_FIRST = "An administrator gave you your password: choose one of your own on the page for it, then go on."
PROBES = ("trenddojo:healthz", "trenddojo:readyz", "trenddojo:metrics")
# What whoever was given a password still opens: changing it, having it reset, and the way out.
WITH_GIVEN_PASSWORD = (
    *("account_change_password", "account_set_password", "account_reset_password", "account_confirm_email"),
    *("account_logout", *PROBES),
)
# What whoever must turn on a second factor still opens: turning one on, what that asks for, and the way out.
WITHOUT_FACTOR = ("mfa_", "account_", "usersessions_", *PROBES)


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


class GivenPasswordMiddleware:
    """Whoever was given a password by an administrator chooses another before anything else, however they signed in."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        if not request.user.is_authenticated or request.user.password_good_until is None:
            return None
        if request.path_info.startswith("/api/"):
            refused = error_answer(HTTPStatus.FORBIDDEN, "password_change_required", OWN_FIRST)
            refused.refusal = "password_change_required"  # type: ignore[attr-defined]  # for the log
            return refused
        if (request.resolver_match.view_name or "").startswith(WITH_GIVEN_PASSWORD):
            return None
        if "HX-Request" in request.headers:
            return _ask_part(request, WITH_GIVEN_PASSWORD)
        messages.warning(request, OWN_FIRST)
        back = request.get_full_path() if request.method == "GET" else "/"
        return redirect(f"{reverse('account_change_password')}?{urlencode({'next': back})}")


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
            return _ask_part(request, WITHOUT_FACTOR)
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


def _ask_part(request: HttpRequest, still_open: tuple[str, ...]) -> HttpResponse:
    """A page that stays open asks for its parts, too: loaded anew it would ask again, and be loaded anew for ever."""
    try:
        page = resolve(urlsplit(request.headers.get("HX-Current-URL", "")).path).view_name
    except Resolver404:
        page = ""
    return HttpResponse(status=HTTPStatus.NO_CONTENT) if page.startswith(still_open) else _ask_again()


def _ask_again() -> HttpResponse:
    return HttpResponse(status=HTTPStatus.UNAUTHORIZED, headers={"Cache-Control": "private, no-store"})
