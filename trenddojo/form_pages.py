"""The way back to the page of a form, apart from the other middleware: these imports need the apps loaded."""

from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from trenddojo.middleware import GetResponse


class FormPageMiddleware:
    """Leads back to the page a form stands on; the address it is sent to often takes nothing else.

    A form sent after the session ended comes back to its page after sign-in, where the browser fills the typed text in
    again. Somebody who opens such an address itself is told so instead of seeing an empty page.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET":
            told = render(request, "405.html", status=response.status_code)
            told.headers["Allow"] = response.headers["Allow"]
            return told
        page = _page_sent_from(request) if request.method == "POST" else ""
        if page and response.headers.get("Location") == redirect_to_login(request.get_full_path()).url:
            response.headers["Location"] = redirect_to_login(page).url
        return response


def _page_sent_from(request: HttpRequest) -> str:
    """Path and query of the page of this desk the form was on; empty where the browser does not say."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    return urlunsplit(("", "", came_from.path, came_from.query, "")) if came_from.netloc == request.get_host() else ""
