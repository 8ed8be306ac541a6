"""Speaks to Alpaca over the desk's one way out to the network (brokers.http).

What is sent goes through alpaca-py's REST client: our session in it, no repeats, bodies as we wrote them. What is only
asked goes through the session itself: the web process asks too, and never loads the library.
See docs/adr/0022-alpaca-py-carries-orders.md.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests

from brokers.alpaca.failures import Answer, Call, failure, keys_for
from brokers.alpaca.parsing import unreadable
from brokers.base import ConnectionSettings
from brokers.errors import CredentialsInvalid, OutcomeUnknown, TryLater
from brokers.http import Gate, session

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient

CALLS: Final = {"POST": Call.SUBMIT, "PATCH": Call.REPLACE, "DELETE": Call.CANCEL}
# Of the addresses whose paths are given without it, as alpaca-py takes them.
VERSION: Final = "/v2"
ONE_ORDER: Final = ("/v2/orders/", "/v2/orders:")
UNREADABLE_WAIT: Final = 30
# What may stand in a header.
KEY: Final = re.compile(r"[!-~]{1,256}")
# Seconds to connect and to answer: pages wait for clock and quote.
WAITED_FOR: Final = (3, 5)

Params = Mapping[str, str | int]


class AlpacaClient:
    """One account's endpoints. Every method makes one attempt and raises the errors of brokers.errors."""

    def __init__(self, settings: ConnectionSettings, gate: Gate | None = None) -> None:
        self._settings = settings
        self._session = session(settings, gate)
        self._orders: RESTClient | None = None

    def get(self, path: str, params: Params | None = None) -> Any:
        """Orders, positions and activities; `path` without the version."""
        url = f"{self._settings.base_url}{VERSION}{path}"
        return self._look(url, _call_of("GET", url), params or {}, timeout=None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return _write(lambda: self._sdk().post(path, body))

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return _write(lambda: self._sdk().patch(path, body))

    def delete(self, path: str) -> None:
        _write(lambda: self._sdk().delete(path))

    def account(self, path: str) -> Any:
        """What the trading host says of account and clock; `path` with its version."""
        return self._look(self._settings.base_url + path, Call.READ, {})

    def data(self, path: str, params: Params) -> Any:
        """Market data; `path` with its version, numbers as the Decimal they were written as."""
        return self._look((self._settings.data_url or self._settings.base_url) + path, Call.DATA, params)

    def _look(self, url: str, call: Call, params: Params, *, timeout: tuple[int, int] | None = WAITED_FOR) -> Any:
        """Without a timeout of its own it has the session's: long listings take their time."""
        api_key, secret_key = self._keys()
        headers = {"APCA-API-KEY-ID": api_key, "APCA-API-SECRET-KEY": secret_key}
        answer = self._session.get(url, params=params, headers=headers, timeout=timeout)
        _refuse(answer, call, self._settings)
        return _read(lambda: json.loads(answer.content, parse_float=Decimal))

    def _sdk(self) -> "RESTClient":
        """alpaca-py's client, loaded by the first thing that is sent: it takes half a second."""
        if self._orders is None:
            from alpaca.common.rest import RESTClient

            client = RESTClient(self._settings.base_url, *self._keys(), raw_data=True)
            # Without these it waits for ever, and sends an order again after a 429 or a 504.
            client._session = _Judged(self._session, self._settings)  # type: ignore[assignment]  # noqa: SLF001
            client._retry = 0  # noqa: SLF001
            self._orders = client
        return self._orders

    def _keys(self) -> tuple[str, str]:
        """Raises CredentialsInvalid for what could not even be sent."""
        keys = self._settings.credentials
        found = keys.get("api_key", ""), keys.get("secret_key", "")
        if not all(KEY.fullmatch(key) for key in found):
            sentence = "The keys are not complete or not as Alpaca makes them: reconnect with new ones."
            raise CredentialsInvalid(sentence, code="credentials_invalid")
        return found


class _Judged:
    """The session as alpaca-py sees it: what is no success becomes our error before the library looks at it."""

    def __init__(self, wire: requests.Session, settings: ConnectionSettings) -> None:
        self._wire = wire
        self._settings = settings

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        answer = self._wire.request(method, url, **options)
        _refuse(answer, _call_of(method, url), self._settings)
        return answer


def _refuse(answer: requests.Response, call: Call, settings: ConnectionSettings) -> None:
    if not requests.codes.ok <= answer.status_code < requests.codes.multiple_choices:
        raise failure(Answer(answer.status_code, answer.text, answer.headers, keys_for(settings)), call)


def _call_of(method: str, url: str) -> Call:
    looks = Call.ORDER if urlsplit(url).path.startswith(ONE_ORDER) else Call.READ
    return CALLS.get(method, looks)


def _write(call: Any) -> Any:
    try:
        return call()
    except (ValueError, RecursionError, InvalidOperation):
        raise unreadable("it is no JSON") from None


def _read(call: Any) -> Any:
    try:
        return _write(call)
    except OutcomeUnknown as problem:
        raise later(problem) from None


def later(problem: OutcomeUnknown) -> TryLater:
    """A question whose answer cannot be read can be asked again."""
    return TryLater(problem.sentence, after=UNREADABLE_WAIT, code=problem.code, request_id=problem.request_id)
