"""Uploads that end at their limit while they come in, instead of filling the disk first."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

View = Callable[..., HttpResponse]


class LimitedUpload(FileUploadHandler):
    """Drops a request's files once they are larger than allowed, and notes it on the request."""

    def __init__(self, request: HttpRequest, most_bytes: int) -> None:
        super().__init__(request)
        self.left = most_bytes

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:  # noqa: ARG002 - Django's signature
        self.left -= len(raw_data)
        if self.left < 0:
            self.request.is_upload_too_large = True
            raise StopUpload(connection_reset=False)
        return raw_data

    def file_complete(self, file_size: int) -> None:  # noqa: ARG002 - Django's signature
        return None


def upload_limited(most_bytes: int) -> Callable[[View], View]:
    """Decorates a view outermost: its files are read to ``most_bytes`` at most; beyond, there is no file and
    ``request.is_upload_too_large`` is true. The file must be the form's last field.

    The handler has to be in place before the token against forged requests is looked for in the form.
    """

    def decorate(view: View) -> View:
        protected = csrf_protect(view)

        @wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            request.is_upload_too_large = False
            request.upload_handlers.insert(0, LimitedUpload(request, most_bytes))
            return protected(request, *args, **kwargs)

        return csrf_exempt(limited)

    return decorate
