"""Everything under /api/ answers in the API's one shape, also what never reaches a view of it."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from trenddojo.middleware import GetResponse

ROOT = "/api/"
# What people open in a browser: redirected as every page is.
PAGES = frozenset({"/api/v1/docs/"})
# What Django, its middleware or a server in front may answer with pages for people.
SENTENCES: dict[int, tuple[str, str]] = {
    400: ("bad_request", "This request cannot be read: check its address, its Host header and its body."),
    403: ("permission_denied", "This is not allowed."),
    404: ("not_found", "There is no such address; see /api/v1/docs/ for those there are."),
    405: ("method_not_allowed", "This address does not take this method; the Allow header says which it takes."),
    413: ("too_large", "This request is larger than the server takes."),
    500: ("error", "Server Error (500)"),
}
LENGTH_REQUIRED = ("length_required", "Say the body's length in Content-Length: this server takes no chunked bodies.")

OVER_HTTP = "https_required"
LEAKED = (
    "Programs talk to this desk over https alone. A token or password you sent over http may have been read on its "
    "way: revoke it and make a new one."
)


class ApiShapeMiddleware:
    """Refuses bodies without a length, refuses http, and gives the API's shape to every error that lacks it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(ROOT):
            return self.get_response(request)
        if _is_of_unknown_length(request):
            # WSGI reads such a body as an empty one; the sender must not take that for an answer to it.
            return error_answer(HTTPStatus.LENGTH_REQUIRED, *LENGTH_REQUIRED)
        if _lacks_tls(request):
            # Led to https a program would go on as if nothing were wrong, its token in the clear before each request.
            refused = error_answer(HTTPStatus.FORBIDDEN, OVER_HTTP, LEAKED)
            refused.refusal = OVER_HTTP  # type: ignore[attr-defined]  # for the log
            return refused
        response = self.get_response(request)
        if response.status_code < HTTPStatus.BAD_REQUEST or response.headers.get("Content-Type") == "application/json":
            return response
        shaped = error_answer(response.status_code, *_said(response.status_code))
        for name in ("Allow", "Retry-After", "WWW-Authenticate"):
            if response.has_header(name):
                shaped.headers[name] = response.headers[name]
        return shaped


def _is_of_unknown_length(request: HttpRequest) -> bool:
    return "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH")


def _lacks_tls(request: HttpRequest) -> bool:
    return settings.SECURE_SSL_REDIRECT and not request.is_secure() and request.path_info not in PAGES


def _said(status: int) -> tuple[str, str]:
    known = SENTENCES.get(status)
    return known or ("error", f"{HTTPStatus(status).phrase}.")


def error_answer(status: int, code: str, detail: str) -> JsonResponse:
    kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "client_error"
    return JsonResponse({"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}, status=status)
