"""`Idempotency-Key`: a request that creates something, sent twice, creates once and is answered the same."""

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404
from django.utils.crypto import salted_hmac
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_500_INTERNAL_SERVER_ERROR

from accounts.models import User
from accounts.services.idempotency import (
    Answer,
    AnswerLost,
    Claim,
    KeyReused,
    StillWorking,
    answer_claim,
    answer_keep,
    claim_forget,
    claim_release,
)
from trenddojo.api.errors import Conflict, Refused, Unprocessable, invalid
from trenddojo.domain.errors import DomainError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_HEADERS = ("ETag", "Location")

Make = Callable[[UUID], Response]


def creates(handler: Callable[..., Response]) -> Callable[..., Response]:
    """A view's method that creates: it is called with `creation_key`, the id to create with, and once for each key."""

    @wraps(handler)
    def wrapped(view: Any, request: Request, *args: Any, **options: Any) -> Response:
        return answered_once(
            view, request, request.user, lambda key: handler(view, request, *args, creation_key=key, **options)
        )

    return wrapped


def answered_once(view: Any, request: Request, user: User, make: Make) -> Response:
    """What `make` answers, or what it answered before to the same key of this user."""
    key = request.headers.get(HEADER)
    if key is None:
        return make(uuid4())
    if not ACCEPTABLE.fullmatch(key):
        raise invalid("bad_idempotency_key", f"{HEADER} is 1 to 255 visible ASCII characters, such as a UUID.")
    try:
        found = answer_claim(user=user, key=key, fingerprints=_fingerprints(request))
    except KeyReused:
        sentence = f"This {HEADER} came with another request before: use a new key for a new request."
        raise Unprocessable(sentence, "idempotency_key_reused") from None
    except StillWorking:
        conflict = Conflict("The first request with this key is still in progress: try again.", "in_progress")
        conflict.wait = 1
        raise conflict from None
    except AnswerLost:
        sentence = (
            "This request was answered before, and that answer cannot be read any more because the desk's secret key "
            "was changed. It is not done again: look whether what you asked for is there."
        )
        raise Conflict(sentence, "answer_lost") from None
    return _replayed(found) if isinstance(found, Answer) else _made(view, found, make)


# Whatever a service or the framework refuses with, before anything was done.
_REFUSALS = (APIException, DomainError, Http404)


def _made(view: Any, claim: Claim, make: Make) -> Response:
    try:
        response = make(claim.id)
    except Refused as refusal:
        if not refusal.is_kept:
            claim_forget(claim)
            raise
        response = view.handle_exception(refusal)
    except _REFUSALS as refusal:
        # Where the server gave up nobody knows how far it got: the same request goes on with the same id.
        (claim_release if _is_ours(refusal) else claim_forget)(claim)
        raise
    except BaseException:
        claim_release(claim)
        raise
    headers = {name: response[name] for name in KEPT_HEADERS if response.has_header(name)}
    answer_keep(claim, Answer(response.status_code, headers, _rendered(view, response)))
    return response


def _is_ours(refusal: Exception) -> bool:
    return isinstance(refusal, APIException) and refusal.status_code >= HTTP_500_INTERNAL_SERVER_ERROR


def _replayed(answer: Answer) -> Response:
    response = Response(json.loads(answer.body) if answer.body else None, status=answer.status)
    for name, value in {**answer.headers, REPLAYED: "true"}.items():
        response[name] = value
    return response


def _rendered(view: Any, response: Response) -> bytes:
    if response.data is None:
        return b""
    renderer, media_type = view.perform_content_negotiation(view.request)
    return bytes(renderer.render(response.data, media_type, view.get_renderer_context()))


def _fingerprints(request: Request) -> list[str]:
    """The same for the same method, address and content, however its fields are ordered.

    Keyed: a body may hold a password, and a plain hash of it would be there to guess at. The first is by the present
    key, the others by those before it.
    """
    content = {name: _said(value) for name, value in sorted(request.data.items())}
    text = json.dumps([request.method, request.get_full_path(), content], sort_keys=True, default=str)
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [salted_hmac("idempotency", text, secret=key, algorithm="sha256").hexdigest() for key in keys]


def _said(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return [value.name, digest.hexdigest()]
