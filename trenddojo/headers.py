"""What every answer tells the browser about keeping and sharing it."""

from django.http import HttpRequest, HttpResponse

from trenddojo.middleware import GetResponse

# Nothing of the desk asks for any of these; passkeys are asked for by the desk's own pages alone.
PERMISSIONS = ", ".join(
    f"{name}=()" for name in ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")
)
PERMISSIONS += ", publickey-credentials-create=(self), publickey-credentials-get=(self)"


class PrivacyMiddleware:
    """What somebody who signed in is shown is kept by no browser and no proxy, and no other site may embed it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if not response.has_header("Cache-Control") and _is_somebody(request):
            response.headers["Cache-Control"] = "private, no-store"
        return response


def _is_somebody(request: HttpRequest) -> bool:
    return "Authorization" in request.headers or request.user.is_authenticated
