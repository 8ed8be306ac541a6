"""How the resources of trades refuse: limits with all their codes, steps that come too late, files at their field."""

import json
from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import Any

from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from trades.imports.refusals import FileRefused
from trades.services.errors import LimitsBroken
from trenddojo.api.errors import Conflict, Reason, Refused, invalid
from trenddojo.domain.errors import DomainError
from trenddojo.domain.order_risk import ORDER_CODES
from trenddojo.domain.risk import Breach

# What a request asked for was once possible or may be again: its words are right, its moment is not.
TOO_LATE = frozenset(
    {
        "already_ordered",
        "archived",
        "booked",
        "broker_fills",
        "cancelled",
        "closing",
        "connection_disabled",
        "edited_by_hand",
        "frozen",
        "has_orders",
        "no_plan",
        "not_booked",
        "not_cancelled",
        "not_in_preview",
        "not_open",
        "nothing_held",
        "places_no_orders",
        "trade_over",
        "working",
        "wrong_status",
    }
)


def limit_code(code: str) -> str:
    """A limit's code, the same for plans, sizes and orders."""
    return ORDER_CODES.get(code, code)


def limits_refused(breaches: Iterable[Breach]) -> Refused:
    """The refusal that names every limit."""
    return Refused(Reason(limit_code(breach.code), breach.sentence) for breach in breaches)


def translated(problem: Exception) -> Exception:
    """A refusal of the services of trades as the API's own; whatever else is left as it is."""
    if isinstance(problem, LimitsBroken):
        return limits_refused(problem.breaches)
    if isinstance(problem, FileRefused):
        return invalid(problem.code, problem.sentence, "file")
    if isinstance(problem, DomainError) and problem.code in TOO_LATE:
        return Conflict(problem.sentence, problem.code)
    return problem


class TradesViewSet(ApiViewSet):
    """A resource about trades. A row's version is a digest of its answer, unless the resource says better."""

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(translated(exc))

    def version_of(self, row: Any) -> str:
        return self.digest_of(row)

    def digest_of(self, row: Any, *, without: Collection[str] = ()) -> str:
        """A short digest of the answer, of some of its fields not."""
        told = {name: value for name, value in self.row_told(row).items() if name not in without}
        return sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]
