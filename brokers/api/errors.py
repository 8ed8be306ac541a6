"""What brokers and connections refuse, as answers of the API."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.response import Response

from brokers.errors import BrokerError, CredentialsInvalid, MarketClosed, NoMarketData, Refused, TryLater, Unsupported
from brokers.services.errors import ConnectionRefusal
from brokers.vault import VaultError
from trenddojo.api.errors import Conflict, Unavailable, Unprocessable, invalid

# Said by somebody else than the sender of the request, who can only try again.
NOT_NOW = frozenset({"unreachable", "rate_limited", "unclear", "no_vault"})
CONTRADICTIONS = frozenset({"orders_working", "connected_already", "disabled", "linked_already", "account_taken"})
# Of the keys as a whole, not of one of them.
OF_ALL_KEYS = frozenset({"bad_keys", "other_account"})
OWN_FIELDS = frozenset({"", "account", "account_name", "broker", "credentials", "is_active", "is_paper", "label"})
NO_NAMES: Mapping[str, str] = {}
# Answers to the question itself: asking again changes nothing.
ANSWERS = (Refused, MarketClosed, NoMarketData, Unsupported, CredentialsInvalid)


class AsksBrokers:
    """A view whose services ask brokers: what these refuse is answered as said here, never as an error of ours."""

    def handle_exception(self, exc: Exception) -> Response:
        said = api_error(exc, names=getattr(self, "attr_names", {}))
        response: Response = super().handle_exception(said)  # type: ignore[misc] # the view it is mixed into
        return response


def api_error(problem: Exception, *, names: Mapping[str, str] = NO_NAMES) -> Exception:
    """What to raise in its place; the same for whatever brokers have nothing to do with.

    `names` are the services' field names to the view's.
    """
    if isinstance(problem, ConnectionRefusal):
        return problem if problem.code == "stale" else _of_connection(problem, names)
    if isinstance(problem, BrokerError):
        return _of_broker(problem)
    if isinstance(problem, VaultError):
        return Unavailable(str(problem), "no_vault")
    return problem


def _of_connection(refusal: ConnectionRefusal, names: Mapping[str, str]) -> APIException:
    if refusal.code in NOT_NOW:
        return Unavailable(refusal.sentence, refusal.code, refusal.wait)
    if refusal.code in CONTRADICTIONS:
        return Conflict(refusal.sentence, refusal.code)
    return invalid(refusal.code, refusal.sentence, names.get(refusal.field) or _attr(refusal))


def _attr(refusal: ConnectionRefusal) -> str:
    if refusal.code in OF_ALL_KEYS:
        return "credentials"
    return refusal.field if refusal.field in OWN_FIELDS else f"credentials.{refusal.field}"


def _of_broker(error: BrokerError) -> APIException:
    code: Any = error.code or "broker"
    if code == "connection_disabled":
        return Conflict(error.sentence, "disabled")
    if isinstance(error, ANSWERS):
        return Unprocessable(error.sentence, code)
    return Unavailable(error.sentence, code, error.after if isinstance(error, TryLater) else None)
