"""Who asks: a token in the Authorization header, or the browser's session; and what a token's scope allows."""

from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken, TokenScope, User
from accounts.services.tokens import token_known, token_used
from trenddojo import log_context
from trenddojo.api.throttles import FailedTokens

KEYWORD = "Bearer"
FACTOR_WANTED = "This desk asks everybody for a second factor: sign in on the page and turn one on, then go on."
LONGEST = 200
# Addresses are written to logs and histories: whoever puts a token there is told, whatever else was sent.
NOT_IN_ADDRESSES = frozenset({"token", "access_token", "api_token", "api_key", "auth_token", "authorization"})


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        if not NOT_IN_ADDRESSES.isdisjoint(name.lower() for name in request.query_params):
            raise AuthenticationFailed(
                "Send the token in the Authorization header, never in an address: addresses are written to logs. "
                "Revoke the one you sent.",
                "token_in_address",
            )
        words = get_authorization_header(request).split()
        if not words:
            return None
        if words[0].lower() != KEYWORD.lower().encode() or len(words) != 2:  # noqa: PLR2004 - keyword and token
            raise AuthenticationFailed(f"Send one header “Authorization: {KEYWORD} <token>”.", "bad_header")
        token = _token_of(words[1], request)
        log_context.add(user=token.user_id)
        _check_factor(token.user)
        token_used(token, now=timezone.now())
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the framework's signature
        return KEYWORD


class BrowserAuthentication(SessionAuthentication):
    """A signed-in browser, its second factor included; whatever changes something needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        if found is not None:
            _check_factor(found[0])
        return found


class BearerScheme(OpenApiAuthenticationExtension):
    """How the schema tells of tokens."""

    target_class = BearerAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - the library's signature
        return {"type": "http", "scheme": "bearer", "description": "A token of the page “API tokens”."}


class BrowserScheme(OpenApiAuthenticationExtension):
    """How the schema tells of signed-in browsers."""

    target_class = BrowserAuthentication
    name = "browser"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - the library's signature
        # The same text wherever it is written; over TLS the name begins with __Host-.
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME.removeprefix("__Host-")}


class ScopeAllows(BasePermission):
    """A token to read changes nothing. Views that only compute say `changes_nothing`."""

    message = "This token may only read: make one with the scope “trade”."
    code = "missing_scope"

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS or getattr(view, "changes_nothing", False):
            return True
        return request.auth is None or request.auth.scope == TokenScope.TRADE


def _check_factor(user: User) -> None:
    """Where everybody must have a second factor, programs of whoever has none wait, too. Raises PermissionDenied."""
    if settings.TRADER_SECOND_FACTOR and not is_mfa_enabled(user):
        raise PermissionDenied(FACTOR_WANTED, "second_factor_required")


def _token_of(text: bytes, request: Request) -> ApiToken:
    """The token with this text. Raises AuthenticationFailed, which tells apart only what its owner may know.

    Who goes on failing is told to wait (Throttled); a good token of the same address is let in all the while.
    """
    try:
        return _good_token(text)
    except AuthenticationFailed:
        failed = FailedTokens()
        if not failed.allow_request(request, None):
            raise Throttled(failed.wait()) from None
        raise


def _good_token(text: bytes) -> ApiToken:
    found = None
    if len(text) <= LONGEST and text.isascii():
        found = token_known(text.decode())
    if found is None or found.revoked_at is not None:
        raise AuthenticationFailed("This token is not known, or was revoked.", "invalid_token")
    if found.expires_at <= timezone.now():
        raise AuthenticationFailed("This token has expired: make a new one.", "token_expired")
    if not found.user.is_active:
        raise AuthenticationFailed("This user is not active.", "inactive")
    return found
