"""The way back to the page of a form, apart from the other middleware: these imports need the apps loaded."""

from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from trenddojo.kept_forms import browser_mark, form_forget, form_keep, form_show
from trenddojo.middleware import GetResponse


class FormPageMiddleware:
    """Leads back to the page a form stands on; the address it is sent to often takes nothing else.

    A form sent after the session ended comes back to its page after sign-in, where the typed text stands again, by
    trenddojo.kept_forms or by the browser. Somebody who opens such an address itself is told so instead of seeing an
    empty page.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/api/"):
            return self.get_response(request)  # programs fill in no forms
        was_signed_in = request.user.is_authenticated
        is_shown_again = form_show(request)
        response = self.get_response(request)
        if is_shown_again:
            form_forget(request, response)
        browser_mark(request, response, was_signed_in=was_signed_in)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET":
            told = render(request, "405.html", status=response.status_code)
            told.headers["Allow"] = response.headers["Allow"]
            return told
        if request.method == "POST" and response.headers.get("Location") == redirect_to_login(_address(request)).url:
            page = _page_sent_from(request) or _address(request)
            response.headers["Location"] = redirect_to_login(page).url
            form_keep(request, response, page=page)
        return response


def _address(request: HttpRequest) -> str:
    return request.get_full_path()


def _page_sent_from(request: HttpRequest) -> str:
    """Path and query of the page of this desk the form was on; empty where the browser does not say."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    return urlunsplit(("", "", came_from.path, came_from.query, "")) if came_from.netloc == request.get_host() else ""
