"""The one way out: timed, once, to allowed addresses, and what goes wrong is one of our errors without a secret."""

import contextlib
import gzip
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from brokers import http
from brokers.base import ConnectionSettings
from brokers.errors import BrokerError, OutcomeUnknown, TryLater, Unsupported

SECRET = "the-secret-of-alice"
HEADERS = {"APCA-API-SECRET-KEY": SECRET}


class Broker(BaseHTTPRequestHandler):
    """Answers by the path that is asked for."""

    protocol_version = "HTTP/1.1"

    asked: list[tuple[str, str]]

    def _answer(self) -> None:
        type(self).asked.append((self.command, self.path))
        getattr(self, f"do_{self.path.strip('/').split('?')[0]}")()

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names the server looks for

    def log_message(self, *words: Any) -> None:
        pass

    def _send(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_well(self) -> None:
        self._send(200, b'{"fine": true}', X_RateLimit_Remaining="7", X_Request_ID="req-1")

    def do_away(self) -> None:
        self._send(307, Location="/well")

    def do_refuses(self) -> None:
        self._send(422, X_Request_ID="req-2")

    def do_packed(self) -> None:
        self._send(200, gzip.compress(b'{"fine": true}' + b" " * 300_000), Content_Encoding="gzip")

    def do_in_chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (b'{"fine"', b": true", b"}", b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def do_hangs(self) -> None:
        self.connection.settimeout(5)
        with contextlib.suppress(OSError):
            self.connection.recv(1)
        self.close_connection = True

    def do_hangs_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def do_breaks_off(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b'{"cut')
        self.close_connection = True

    def do_drips(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(200):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
        self.close_connection = True


class Watch:
    """A gate that writes down what passes."""

    def __init__(self, refuse: BrokerError | None = None) -> None:
        self.before_calls: list[tuple[str, str]] = []
        self.after_calls: list[Mapping[str, str]] = []
        self.refuse = refuse

    def before(self, method: str, url: str) -> None:
        self.before_calls.append((method, url))
        if self.refuse:
            raise self.refuse

    def after(self, url: str, headers: Mapping[str, str]) -> None:
        self.after_calls.append(headers)


@pytest.fixture
def broker() -> Iterator[str]:
    Broker.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Broker)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def settings_for(url: str) -> ConnectionSettings:
    return ConnectionSettings("id", "alpaca", True, url, credentials={"secret_key": SECRET})


@pytest.fixture
def session(broker: str) -> http.BrokerSession:
    return http.session(settings_for(broker))


def test_an_answer_comes_with_its_body_and_the_gate_hears_its_headers(broker: str) -> None:
    watch = Watch()
    answer = http.session(settings_for(broker), watch).get(f"{broker}/well", headers=HEADERS)

    assert answer.json() == {"fine": True}
    assert http.request_id(answer) == "req-1"
    assert watch.before_calls == [("GET", f"{broker}/well")]
    assert watch.after_calls[0]["X-RateLimit-Remaining"] == "7"


@pytest.mark.parametrize("path", ["packed", "in_chunks"])
def test_an_answer_comes_however_it_is_carried(session: http.BrokerSession, broker: str, path: str) -> None:
    for _ in range(2):
        assert session.get(f"{broker}/{path}").json() == {"fine": True}


def test_one_connection_serves_request_after_request(session: http.BrokerSession, broker: str) -> None:
    session.get(f"{broker}/well")
    session.post(f"{broker}/refuses")
    session.get(f"{broker}/packed")

    (pool,) = session.get_adapter(broker).poolmanager.pools._container.values()
    assert (pool.num_connections, pool.num_requests) == (1, 3)


def test_a_refusal_of_the_broker_is_an_answer(session: http.BrokerSession, broker: str) -> None:
    assert session.post(f"{broker}/refuses").status_code == 422


def test_nothing_is_sent_while_the_budget_says_wait(broker: str) -> None:
    later = TryLater("Wait.", after=3)

    with pytest.raises(TryLater) as refused:
        http.session(settings_for(broker), Watch(later)).post(f"{broker}/well")

    assert refused.value is later
    assert Broker.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/well",
        "https://127.0.0.1/well",
        "http://example.com/well",
        "http://user@example.com:80/well",
        "http://169.254.169.254/latest/meta-data",
        "ftp://127.0.0.1/well",
    ],
)
def test_an_address_that_is_not_of_the_settings_is_refused_before_anything_is_sent(
    session: http.BrokerSession, url: str
) -> None:
    with pytest.raises((Unsupported, http.requests.exceptions.InvalidSchema)) as refused:
        session.get(url, headers=HEADERS)

    assert SECRET not in str(refused.value)
    assert Broker.asked == []


def test_live_keys_cannot_reach_the_paper_address_nor_the_reverse() -> None:
    paper = http.session(settings_for("https://paper-api.alpaca.markets"))

    with pytest.raises(Unsupported):
        paper.get("https://api.alpaca.markets/v2/account")


def test_a_redirect_is_not_followed(session: http.BrokerSession, broker: str) -> None:
    with pytest.raises(TryLater):
        session.get(f"{broker}/away", headers=HEADERS)
    with pytest.raises(OutcomeUnknown):
        session.post(f"{broker}/away", headers=HEADERS)

    assert Broker.asked == [("GET", "/away"), ("POST", "/away")]


@pytest.mark.parametrize("path", ["hangs_up", "breaks_off", "hangs"])
def test_after_it_was_sent_a_write_is_in_doubt_and_a_read_is_tried_later(
    session: http.BrokerSession, broker: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (1, 0.3))

    for write in ("POST", "DELETE"):
        with pytest.raises(OutcomeUnknown) as unknown:
            session.request(write, f"{broker}/{path}", headers=HEADERS)
        assert unknown.value.code == "no_answer"
    with pytest.raises(TryLater) as later:
        session.get(f"{broker}/{path}", headers=HEADERS)

    assert later.value.code == "no_answer"
    assert Broker.asked == [("POST", f"/{path}"), ("DELETE", f"/{path}"), ("GET", f"/{path}")]


def test_a_broker_that_drips_bytes_holds_nobody(
    session: http.BrokerSession, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ANSWER_WITHIN", 0.3)

    with pytest.raises(TryLater):
        session.get(f"{broker}/drips")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_broker_that_is_not_there_took_nothing(method: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

    with pytest.raises(TryLater) as later:
        http.session(settings_for(url)).request(method, f"{url}/well", headers=HEADERS)

    assert (later.value.code, later.value.after) == ("unreachable", 15)


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[str]:
    """A server with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "stranger.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    Broker.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Broker)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_server_that_is_not_who_it_says_is_told_nothing(stranger: str) -> None:
    with pytest.raises(TryLater) as later:
        http.session(settings_for(stranger)).post(f"{stranger}/well", headers=HEADERS)

    assert later.value.code == "unreachable"
    assert Broker.asked == []


def test_every_request_has_a_time_limit(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    send = http.HTTPAdapter.send

    def watched(self: Any, request: Any, **options: Any) -> Any:
        given.append((options["timeout"], options["proxies"]))
        return send(self, request, **options)

    monkeypatch.setattr(http.HTTPAdapter, "send", watched)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    session = http.session(settings_for(broker))
    session.get(f"{broker}/well")
    session.get(f"{broker}/well", timeout=2)

    assert [timeout for timeout, _ in given] == [(5, 15), 2]
    # Nor does a proxy of the machine see the keys.
    assert [dict(proxies) for _, proxies in given] == [{}, {}]


@pytest.mark.parametrize("path", ["hangs_up", "breaks_off", "away"])
def test_no_error_and_no_log_line_holds_the_secret(
    session: http.BrokerSession, broker: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        session.post(f"{broker}/{path}?token={SECRET}", headers=HEADERS, json={"key": SECRET})
    except BrokerError as error:
        written = "".join(traceback.format_exception(error)) + repr(error)
    assert SECRET not in written
    assert SECRET not in caplog.text
    assert f"method=POST path=/{path}" in caplog.text


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "86400"}, 300),
        ({"Retry-After": "soon"}, 9),
        ({"X-RateLimit-Reset": "never"}, 9),
        ({}, 9),
    ],
)
def test_how_long_to_wait_is_the_brokers_word_within_reason(headers: dict[str, str], wait: float) -> None:
    assert http.seconds_to_wait(headers, 9) == wait


def test_until_when_to_wait_is_counted_from_now() -> None:
    assert http.seconds_to_wait({"X-RateLimit-Reset": str(int(time.time()) + 30)}, 9) == pytest.approx(30, abs=2)


def test_a_word_that_is_no_address_is_refused() -> None:
    refused: list[Callable[[], Any]] = [
        lambda: http.origin_of("paper-api.alpaca.markets"),
        lambda: http.origin_of("file:///etc/passwd"),
    ]
    for ask in refused:
        with pytest.raises(ValueError, match="Write an address such as"):
            ask()
