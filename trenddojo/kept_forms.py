"""What was typed into a form whose session had ended is shown again after sign-in, and saved by nobody but its writer.

A browser that is signed in carries a signed mark of who it is signed in as; signing out takes the mark away. A form
that comes in under the mark without a session is kept for that person alone, for half an hour, in the cache. After
sign-in its page is answered with the form as it was typed. Passwords and files are not kept, nor are forms of other
apps than these, whose fields may be secrets.
"""

import json
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, QueryDict

SECONDS = 30 * 60
MOST_CHARACTERS = 200_000
APPS = frozenset({"trades", "accounts"})
MARK = f"{settings.COOKIE_NAMES_BEGIN}_typist"
WAITING = f"{settings.COOKIE_NAMES_BEGIN}_typed"
COOKIE = {"httponly": True, "samesite": "Lax", "secure": settings.SESSION_COOKIE_SECURE}

KEPT = "Your session had ended, so nothing was saved. Sign in, and what you typed is shown again."
SHOWN = "Nothing was saved yet: this is what you typed before your session ended. Look at it, then save."
FILES = " Files have to be chosen again."


def form_keep(request: HttpRequest, response: HttpResponse, *, page: str) -> None:
    """Keep a form that was sent to its own page without a session, if this browser says whose it is."""
    owner = request.get_signed_cookie(MARK, "", max_age=settings.SESSION_COOKIE_AGE)
    match = request.resolver_match
    if not owner or match is None or match.namespace not in APPS or urlsplit(page).path != request.path:
        return
    fields = {name: values for name, values in request.POST.lists() if _may_be_kept(name)}
    has_files = any(request.FILES.values())
    text = json.dumps({"fields": fields, "has_files": has_files})
    if not fields or len(text) > MOST_CHARACTERS:
        return
    cache.set(_key(owner, request.path), text, SECONDS)
    response.set_cookie(WAITING, request.path, max_age=SECONDS, **COOKIE)
    messages.info(request, KEPT + FILES * has_files)


def form_show(request: HttpRequest) -> bool:
    """Give a page that is opened after sign-in the form that was kept for it; returns whether there was one.

    The request stays a GET, so no view saves; a form made from ``request.POST`` shows what was typed.
    """
    if request.method != "GET" or request.COOKIES.get(WAITING) != request.path or not _is_marked(request):
        return False
    text = cache.get(_key(str(request.user.pk), request.path))
    if text is None:
        return False
    kept = json.loads(text)
    typed = QueryDict(mutable=True)
    for name, values in kept["fields"].items():
        typed.setlist(name, values)
    typed._mutable = False  # noqa: SLF001 - how Django closes its own
    request.POST = typed
    messages.warning(request, SHOWN + FILES * kept["has_files"])
    return True


def form_forget(request: HttpRequest, response: HttpResponse) -> None:
    """The page was shown with what was typed: it is the writer's again."""
    if response.status_code == HTTPStatus.OK:
        cache.delete(_key(str(request.user.pk), request.path))
        response.delete_cookie(WAITING, samesite="Lax")


def browser_mark(request: HttpRequest, response: HttpResponse, *, was_signed_in: bool) -> None:
    """Note in the browser who is signed in; whoever signs out leaves no mark."""
    if request.user.is_authenticated:
        if not _is_marked(request):
            owner = str(request.user.pk)
            response.set_signed_cookie(MARK, owner, max_age=settings.SESSION_COOKIE_AGE, **COOKIE)
    elif was_signed_in:
        response.delete_cookie(MARK, samesite="Lax")
        response.delete_cookie(WAITING, samesite="Lax")


def _is_marked(request: HttpRequest) -> bool:
    owner = request.get_signed_cookie(MARK, "", max_age=settings.SESSION_COOKIE_AGE)
    return request.user.is_authenticated and owner == str(request.user.pk)


def _may_be_kept(name: str) -> bool:
    return name != "csrfmiddlewaretoken" and "password" not in name


def _key(owner: str, path: str) -> str:
    return f"typed:{owner}:{path}"
