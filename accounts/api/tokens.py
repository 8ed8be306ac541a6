"""Tokens of this API: made with a password, shown once, revoked."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import KEYWORD
from accounts.api.base import ApiViewSet
from accounts.api.idempotency import answered_once
from accounts.api.lookup import found_or_404
from accounts.api.sign_in import second_factor_check, user_by_password
from accounts.api.throttles import CreationsForName, CreationsFromAddress
from accounts.models import TokenScope
from accounts.selectors import tokens_of
from accounts.services.tokens import LASTS_DAYS, LONGEST_DAYS, NAME_LENGTH, token_make, token_revoke
from trenddojo.api.fields import Key, Moment, Text, Whole, Word
from trenddojo.api.schema import ETAG, IDEMPOTENT, errors
from trenddojo.api.serializers import Given, Taken
from trenddojo.keyset import Sort

LONGEST_PASSWORD = 1000
_TOKEN = {
    "id": "3c4f1a0c-51d5-4b8f-9a60-0a4f6c1b7e21",
    "name": "Backtester",
    "scope": "read",
    "hint": "x7Qk",
    "expires_at": "2026-06-03T14:30:00Z",
    "created_at": "2026-03-05T14:30:00Z",
    "last_used_at": None,
}
ANSWER = OpenApiExample("A token", _TOKEN, response_only=True, status_codes=["200"])
MADE = OpenApiExample(
    "A new token, shown this once", _TOKEN | {"token": "td_…x7Qk"}, response_only=True, status_codes=["201"]
)
NEW = OpenApiExample(
    "With a second factor",
    {"username": "alice", "password": "…", "otp": "123456", "name": "Backtester", "scope": "read", "days": 30},
    request_only=True,
)


class TokenGiven(Given):
    id = Key()
    name = Text()
    scope = Word(choices=TokenScope.choices)
    hint = Text(help_text="The token's last characters.")
    expires_at = Moment()
    created_at = Moment()
    last_used_at = Moment(allow_null=True)


class TokenMade(TokenGiven):
    token = Text(help_text="Shown this once: keep it now.")


class TokenNew(Taken):
    username = Text(max_length=254, help_text="The user name or the e-mail address.")
    password = Text(max_length=LONGEST_PASSWORD, trim_whitespace=False)
    otp = Text(max_length=64, required=False, help_text="A code of the authenticator app, or a recovery code.")
    name = Text(max_length=NAME_LENGTH)
    scope = Word(choices=TokenScope.choices)
    days = Whole(min_value=1, max_value=LONGEST_DAYS, default=LASTS_DAYS)


class TokenFilters(Taken):
    scope = Word(choices=TokenScope.choices, required=False)


@extend_schema(tags=["tokens"], examples=[ANSWER])
@extend_schema_view(
    list=extend_schema(
        summary="List tokens",
        description="Those that were not revoked, expired ones too.",
        parameters=[TokenFilters],
    ),
    retrieve=extend_schema(summary="Read what is kept of a token", parameters=[ETAG]),
)
class TokenViewSet(ApiViewSet):
    serializer_class = TokenGiven
    filters = TokenFilters
    orderings = {"created_at": Sort(("created_at", "id")), "name": Sort(("name", "id"))}

    def list(self, request: Request) -> Response:
        return self.paged(tokens_of(request.user).filter(**self.filtered()))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(found_or_404(tokens_of(request.user), pk))

    @extend_schema(
        summary="Make a token",
        description="With user name and password, and with `otp` where a second factor is on, as on the sign-in page "
        "and within its limits. The answer holds the token, this once.",
        auth=[],
        request=TokenNew,
        responses={
            201: TokenMade,
            **errors(
                on_401="wrong_credentials, inactive, otp_required or otp_invalid.",
                on_403="email_unverified, password_change_required, second_factor_required, second_factor_sealed, or "
                "passkey_only: make the token on the page “API tokens”.",
            ),
        },
        parameters=[IDEMPOTENT],
        examples=[NEW, MADE],
    )
    def create(self, request: Request) -> Response:
        said = self.taken(TokenNew)
        user = user_by_password(login=said.pop("username"), password=said.pop("password"))
        otp = said.pop("otp", "")

        def make(key: UUID) -> Response:
            # Here and not before: a request that is answered again brings a code that was used.
            second_factor_check(user, otp)
            token, text = token_make(user=user, pk=key, now=timezone.now(), **said)
            token.token = text
            return Response(TokenMade(token).data, status=status.HTTP_201_CREATED)

        response = answered_once(self, request, user, make)
        response["Cache-Control"] = "no-store"
        return response

    @extend_schema(
        summary="Revoke a token",
        description="From now on it opens nothing. Twice is once. A token may revoke itself.",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        token_revoke(user=request.user, pk=pk, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def get_authenticators(self) -> Sequence[Any]:
        """None to make one: whoever asks is known by the password alone, a session or token is not looked at."""
        return [] if self._makes_one() else super().get_authenticators()

    def get_authenticate_header(self, request: Request) -> str:
        return super().get_authenticate_header(request) or KEYWORD

    def get_permissions(self) -> Sequence[Any]:
        return [AllowAny()] if self._makes_one() else super().get_permissions()

    def get_throttles(self) -> Sequence[Any]:
        return [CreationsFromAddress(), CreationsForName()] if self._makes_one() else super().get_throttles()

    def version_of(self, row: Any) -> str:
        # Its last use is written once a minute at most; nothing else of a token ever changes.
        return f"{row.pk.hex[:16]}{row.last_used_at or row.created_at:%Y%m%d%H%M%S}"

    def _makes_one(self) -> bool:
        return self.request is not None and self.request.method == "POST"
