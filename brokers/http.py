"""The one place that opens HTTP connections to brokers.

Every call has a time limit, goes to an allowed origin, follows no redirect and is made once. What goes wrong on the way
becomes an error of `brokers.errors`: a sentence without address, header or body.
"""

import email.utils
import logging
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from ssl import SSLCertVerificationError
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectTimeout, RequestException
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, SSLError

from brokers.base import ConnectionSettings
from brokers.errors import BrokerError, OutcomeUnknown, TryLater, Unsupported

logger = logging.getLogger(__name__)

# Seconds: to connect, and between two bytes of the answer.
TIMEOUT: Final = (5, 15)
# Seconds until the whole answer must be here; a broker that drips bytes holds no worker for longer.
ANSWER_WITHIN: Final = 45
LARGEST_ANSWER: Final = 64 * 1024 * 1024
PIECE: Final = 64 * 1024
READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Seconds to wait after a broker could not be reached.
UNREACHABLE_WAIT: Final = 15
LONGEST_WAIT: Final = 300
PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Call:
    """One request and when it was made, without headers and bodies; `status` is None where no whole answer came.

    `path` is the address without its host, with its query: keys travel in headers.
    """

    method: str
    path: str
    at: datetime
    status: int | None = None
    milliseconds: int | None = None
    request_id: str = ""


_last_call: ContextVar[Call | None] = ContextVar("last_call", default=None)


class Gate(Protocol):
    """Asked before each request and told after each answer: the budget of the connection."""

    def before(self, method: str, url: str) -> None:
        """Raises TryLater when the request must wait."""
        ...

    def after(self, url: str, headers: Mapping[str, str]) -> None: ...


class OpenGate:
    """Lets everything through, for a broker without a budget."""

    def before(self, method: str, url: str) -> None:
        pass

    def after(self, url: str, headers: Mapping[str, str]) -> None:
        pass


def session(settings: ConnectionSettings, gate: Gate | None = None) -> "BrokerSession":
    """A session that reaches the origins of these settings and no others."""
    urls = (settings.base_url, settings.data_url, settings.stream_url)
    return BrokerSession(settings.broker, frozenset(origin_of(url) for url in urls if url), gate or OpenGate())


class BrokerSession(requests.Session):
    """requests' session with our promises; libraries that take a session are given this one."""

    def __init__(self, broker: str, origins: frozenset[Origin], gate: Gate) -> None:
        super().__init__()
        self.broker = broker
        self.origins = origins
        self.gate = gate
        # Neither a proxy nor a .netrc of the machine may see the keys.
        self.trust_env = False
        self.mount("https://", HTTPAdapter(max_retries=0))
        self.mount("http://", HTTPAdapter(max_retries=0))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """One attempt. Raises TryLater, OutcomeUnknown and Unsupported (an origin that is not allowed)."""
        method, url = request.method or "GET", request.url or ""
        last_call_forget()
        refuse_stranger(url, self.origins)
        self.gate.before(method, url)
        options = {**kwargs, "allow_redirects": False, "stream": True, "timeout": kwargs.get("timeout") or TIMEOUT}
        at, started = datetime.now(UTC), time.monotonic()
        try:
            response = super().send(request, **options)
            _read_whole(response, started + ANSWER_WITHIN)
        except (RequestException, HTTPError) as problem:
            _last_call.set(_call(method, url, at, started))
            self._log(method, url, type(problem).__name__)
            # Not "from problem": it holds the request with the keys in its headers.
            raise _failure(method, was_sent=_was_sent(problem)) from None
        _last_call.set(_call(method, url, at, started, response))
        self.gate.after(url, response.headers)
        if response.is_redirect:
            self._log(method, url, f"redirect {response.status_code}")
            raise _failure(method, was_sent=True, request_id=request_id(response))
        if not response.ok:
            self._log(method, url, f"status {response.status_code}", request_id(response))
        else:
            logger.log(
                logging.DEBUG if method in READS else logging.INFO,
                "broker.call.answered broker=%s method=%s path=%s status=%s ms=%.1f broker_request=%s",
                *(self.broker, method, urlsplit(url).path, response.status_code),
                *((time.monotonic() - started) * 1000, request_id(response)),
            )
        return response

    def _log(self, method: str, url: str, what: str, broker_request: str = "") -> None:
        logger.warning(
            "broker.call.failed broker=%s method=%s path=%s answer=%s broker_request=%s",
            self.broker, method, urlsplit(url).path, what, broker_request,
        )  # fmt: skip


def origin_of(url: str) -> Origin:
    """Scheme, host and port. Raises ValueError for what is no address."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("Write an address such as https://paper-api.alpaca.markets.")
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]


def refuse_stranger(url: str, origins: frozenset[Origin]) -> None:
    """Raises Unsupported unless the address belongs to one of the origins; streams are checked by it too."""
    try:
        is_known = origin_of(url) in origins
    except ValueError:
        is_known = False
    if not is_known:
        raise Unsupported("This address is not one the desk may reach.", code="host_not_allowed")


def request_id(response: requests.Response) -> str:
    """The broker's own number for the call, or empty."""
    return str(response.headers.get("X-Request-ID", ""))[:64]


def last_call() -> Call | None:
    """The request this thread made last, for the evidence; None where what was called has made none."""
    return _last_call.get()


def last_request_id() -> str:
    """The broker's number of the call this thread made last: evidence of an answer that was no error. May be empty."""
    call = _last_call.get()
    return call.request_id if call is not None else ""


def last_call_forget() -> None:
    """What is called next may make no request at all."""
    _last_call.set(None)


def seconds_to_wait(headers: Mapping[str, str], default: float) -> float:
    """How long a 429 or 503 asks us to wait: Retry-After, or until X-RateLimit-Reset (Unix seconds)."""
    for name, read in (("Retry-After", _retry_after), ("X-RateLimit-Reset", _until)):
        if (word := headers.get(name)) is not None and (wait := read(word)) is not None:
            return min(max(wait, 1), LONGEST_WAIT)
    return default


def _call(method: str, url: str, at: datetime, started: float, response: requests.Response | None = None) -> Call:
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    took = round((time.monotonic() - started) * 1000)
    if response is None:
        return Call(method, path, at, milliseconds=took)
    return Call(method, path, at, response.status_code, took, request_id(response))


def _retry_after(word: str) -> float | None:
    if word.strip().isdecimal():
        return int(word.strip()[:9])
    try:
        return email.utils.parsedate_to_datetime(word).timestamp() - time.time()
    except ValueError:
        return None


def _until(word: str) -> float | None:
    return int(word.strip()[:12]) - time.time() if word.strip().isdecimal() else None


def _read_whole(response: requests.Response, deadline: float) -> None:
    """Read the body to its end, but not for ever: what is there is taken piece by piece, with an eye on the clock."""
    parts, size = [], 0
    while part := response.raw.read1(PIECE, decode_content=True):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline or size > LARGEST_ANSWER:
            response.close()
            raise requests.ReadTimeout("The answer did not end.")
    # What Response.content would have kept.
    # requests has no other way to hand over a body that was read within our own time limit.
    response._content = b"".join(parts)  # noqa: SLF001
    response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001


def _was_sent(problem: RequestException | HTTPError) -> bool:
    """False only where no connection came to be, so that nothing can have left."""
    if isinstance(problem, ConnectTimeout):
        return False
    cause = problem.args[0] if problem.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, SSLError):
        # A stranger's certificate ends the handshake; any other trouble with TLS may come later.
        return not isinstance(reason.args[0], SSLCertVerificationError)
    return not isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _failure(method: str, *, was_sent: bool, request_id: str = "") -> BrokerError:
    if not was_sent:
        return TryLater("The broker cannot be reached.", after=UNREACHABLE_WAIT, code="unreachable")
    if method in READS:
        sentence = "The broker gave no usable answer."
        return TryLater(sentence, after=UNREACHABLE_WAIT, code="no_answer", request_id=request_id)
    sentence = "The broker was asked and gave no certain answer."
    return OutcomeUnknown(sentence, code="no_answer", request_id=request_id)
