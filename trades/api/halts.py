"""Hands on the brake: what is halted, all accounts halted and resumed, and everything closed."""

from datetime import datetime
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import creates
from trades.api.account_bodies import HALT, Halt, halt_terms
from trades.api.order_examples import PLACED
from trades.api.order_fields import OrderGiven
from trades.api.orders import PlacesOrders
from trades.execution.flatten import Flattened
from trades.execution.intents import account_flatten, trader_flatten, trader_halt, trader_resume
from trades.selectors.brakes import Shown, brakes_shown
from trades.selectors.orders_told import order_read
from trenddojo.api.fields import Key, Moment, Text, Word
from trenddojo.api.schema import IDEMPOTENT, errors
from trenddojo.api.serializers import Given, Nothing

NOW_HALTED = {"reason": "Lost the day's limit", "by": "alice", "since": "2026-03-05T14:30:00Z", "exits": "keep"}
ACCOUNT = "5f1c2f0e-6c1b-4c39-9a3f-3f7d1f6a5b10"


class HaltGiven(Given):
    reason = Text()
    by = Text(help_text="The user, or the administrator, who asked for it.")
    since = Moment()
    exits = Word(choices=["keep", "cancel"], help_text="What it does to stops and targets.")


class AccountHaltGiven(Given):
    account = Key(source="key")
    name = Text()
    reason = Text()
    since = Moment()


class SilenceGiven(Given):
    connection = Key(source="key_or_none", allow_null=True, help_text="Null: the desk's own processes.")
    detail = Text(help_text="What is not heard of.")
    since = Moment(help_text="The last sign of life.")


class BrakesGiven(Given):
    """What holds new entries back; exits pass all of it."""

    trader = HaltGiven(allow_null=True, help_text="All your accounts are halted; null: they are not.")
    desk = HaltGiven(allow_null=True, help_text="The administrator halted the whole desk.")
    accounts = AccountHaltGiven(many=True, help_text="Accounts that are halted by themselves.")
    silent = SilenceGiven(many=True, help_text="What is not heard of; entries are held until it is.")


class UnclosedGiven(Given):
    account = Key(source="account.pk")
    symbol = Text(help_text="Empty: nothing in the account.")
    code = Text()
    detail = Text(source="sentence")


class FlattenedGiven(Given):
    orders = OrderGiven(many=True, help_text="One for each position that was not being closed already.")
    unclosed = UnclosedGiven(many=True, help_text="What could not be closed, and why.")


STATE = OpenApiExample(
    "All accounts halted", {"trader": NOW_HALTED, "desk": None, "accounts": [], "silent": []}, response_only=True
)
FREE = OpenApiExample(
    "Nothing holds entries back", {"trader": None, "desk": None, "accounts": [], "silent": []}, response_only=True
)
UNCLOSED = {
    "account": ACCOUNT,
    "symbol": "",
    "code": "connection_disabled",
    "detail": "The connection is disabled: reconnect it first.",
}
CLOSING = OpenApiExample(
    "One closes, one account cannot", {"orders": [PLACED.value], "unclosed": [UNCLOSED]}, response_only=True
)


class _Halt:
    """A trader's halt, or the desk's, as it is answered."""

    def __init__(self, shown: Shown) -> None:
        self.reason, self.by, self.since = shown.reason, shown.by, shown.since
        self.exits = "cancel" if shown.cancels_exits else "keep"


class _Silent:
    """A silence as it is answered."""

    def __init__(self, shown: Shown) -> None:
        self.key_or_none = shown.key or None
        self.detail = shown.name
        self.since: datetime = shown.since


@extend_schema(tags=["halt"])
class HaltViewSet(PlacesOrders):
    serializer_class = BrakesGiven

    @extend_schema(
        operation_id="halt_retrieve",
        summary="Read what is halted",
        description="Every level by itself, and what holds entries back besides.",
        responses=BrakesGiven,
        examples=[STATE],
    )
    def show(self, request: Request) -> Response:
        return self.state(request)

    @extend_schema(
        operation_id="halt_create",
        summary="Halt all accounts",
        description="The kill switch of everything you trade: entries that work or wait are cancelled and new ones "
        "refused until you resume. Protective exits stay, unless `exits` says otherwise. Twice is once.",
        request=Halt,
        responses=BrakesGiven,
        examples=[HALT, STATE],
    )
    def halt(self, request: Request) -> Response:
        trader_halt(user=request.user, **halt_terms(self.taken(Halt)))
        return self.state(request)

    @extend_schema(
        operation_id="resume_create",
        summary="Resume all accounts",
        description="Lifts your own halt of all accounts; accounts that are halted by themselves, and a halt of the "
        "whole desk, stay. What was cancelled stays cancelled. Twice is once.",
        request=None,
        responses=BrakesGiven,
        examples=[FREE],
    )
    def resume(self, request: Request) -> Response:
        self.taken(Nothing)
        trader_resume(user=request.user)
        return self.state(request)

    @extend_schema(
        operation_id="flatten_create",
        summary="Close every position of all accounts",
        description="Working entries are cancelled, and everything your connected accounts hold is closed at the "
        "market. It works while trading is halted. What cannot be closed is told and keeps nothing else open.",
        request=None,
        responses={201: FlattenedGiven},
        parameters=[IDEMPOTENT],
        examples=[CLOSING],
    )
    @creates
    def flatten(self, request: Request, creation_key: UUID) -> Response:
        self.taken(Nothing)
        return _flattened(trader_flatten(owner=request.user, creation_key=creation_key, now=timezone.now()))

    @extend_schema(
        operation_id="accounts_flatten_create",
        summary="Close every position of an account",
        description="As `/flatten/`, for one account.",
        request=None,
        responses={201: FlattenedGiven, **errors(404, 409)},
        parameters=[IDEMPOTENT],
        examples=[CLOSING],
    )
    @creates
    def flatten_account(self, request: Request, creation_key: UUID, pk: UUID) -> Response:
        self.taken(Nothing)
        done = account_flatten(owner=request.user, account_id=pk, creation_key=creation_key, now=timezone.now())
        return _flattened(done)

    def state(self, request: Request) -> Response:
        shown = brakes_shown(request.user)
        told = {
            "trader": next(map(_Halt, shown.of_kind("user")), None),
            "desk": next(map(_Halt, shown.of_kind("desk")), None),
            "accounts": shown.of_kind("account"),
            "silent": [_Silent(one) for kind in ("silent", "broker") for one in shown.of_kind(kind)],
        }
        return Response(BrakesGiven(told).data)


def _flattened(done: Flattened) -> Response:
    told = {"orders": [order_read(order) for order in done.orders], "unclosed": done.unclosed}
    return Response(FlattenedGiven(told).data, status.HTTP_201_CREATED)
