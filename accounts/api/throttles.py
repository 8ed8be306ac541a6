"""How often tokens may be made with a password: strict, because each try is a guess."""

import hashlib

from allauth.core.internal.ratelimit import get_ip
from django.conf import settings
from rest_framework.request import Request

from trenddojo.api.throttles import MinuteThrottle


class _Creations(MinuteThrottle):
    def allowed(self) -> int:
        return int(settings.API_TOKEN_CREATIONS_PER_MINUTE)


class CreationsFromAddress(_Creations):
    """Of each network address, as the sign-in page tells it: behind as many proxies as are trusted."""

    name = "token-from"

    def identity(self, request: Request) -> str:
        return get_ip(request)


class CreationsForName(_Creations):
    """For each user name, whether there is such a user or not."""

    name = "token-for"

    def identity(self, request: Request) -> str:
        login = str(request.data.get("username", "")).strip().casefold()
        return hashlib.sha256(login.encode(errors="replace")).hexdigest()
