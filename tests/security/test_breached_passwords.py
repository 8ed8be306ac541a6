"""New passwords are looked up among breached ones where the operator says where, by five characters of a hash."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts import breaches
from accounts.breaches import is_breached
from accounts.models import User
from tests.conftest import PASSWORD
from tests.security.test_sessions import in_production
from tests.trades.page_kit import page_of

BREACHED, UNKNOWN = "lighthouse keeper 47", "nobody else knows this one"


def digest_of(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


class Service(ThreadingHTTPServer):
    """Knows one password, and notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.status = 200
        self.lines = [f"{'0' * 35}:12", f"{digest_of(BREACHED)[5:]}:3", f"{'F' * 35}:1"]
        self.body: bytes | None = None
        self.is_over = threading.Event()
        self.is_over.set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/range"


class Answering(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        body = self.server.body
        self.wfile.write("\r\n".join(self.server.lines).encode() if body is None else body)
        while not self.server.is_over.wait(0.01):
            self.wfile.write(b"0")
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Tests say enough."""


@pytest.fixture
def service(settings: Any) -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    settings.BREACHED_PASSWORDS_URL = server.address
    yield server
    server.is_over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def codes(password: str) -> list[str]:
    try:
        validate_password(password)
    except ValidationError as refused:
        return [str(error.code) for error in refused.error_list]
    return []


# --- Asked ------------------------------------------------------------------------------------------------------------


def test_a_password_that_is_known_is_refused(service: Service) -> None:
    assert (codes(BREACHED), codes(UNKNOWN)) == (["breached"], [])


def test_five_characters_of_the_hash_are_all_that_is_sent(service: Service) -> None:
    is_breached(BREACHED)
    ((path, headers),) = service.asked
    assert path == f"/range/{digest_of(BREACHED)[:5]}"
    assert set(headers) <= {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection", "Add-Padding"}
    assert (headers["User-Agent"], headers["Add-Padding"]) == ("TrendDojo", "true")


def test_a_common_one_is_refused_without_asking(service: Service) -> None:
    assert codes("password123") == ["password_too_common", "context_word"]
    assert service.asked == []


@pytest.mark.parametrize("line", ["{rest}:0", "{rest}: 0 ", "{other}:9", "{rest}9:9", ":", "", "no line at all"])
def test_what_only_fills_the_answer_is_no_breach(service: Service, line: str) -> None:
    service.lines = [line.format(rest=digest_of(BREACHED)[5:], other="A" * 35)]
    assert not is_breached(BREACHED)


@pytest.mark.parametrize("line", ["{rest}:1", "{rest}:1 ", "{small}:44", "{rest}"])
def test_however_the_line_is_written_it_counts(service: Service, line: str) -> None:
    rest = digest_of(BREACHED)[5:]
    service.lines = [line.format(rest=rest, small=rest.lower())]
    assert is_breached(BREACHED)


@pytest.mark.django_db
def test_a_password_that_is_known_is_refused_wherever_one_is_set(
    service: Service, alice: User, alice_client: Client, bob_client: Client
) -> None:
    twice = {"password1": BREACHED, "password2": BREACHED}
    up = {"username": "dora", "email": "dora@example.com", "timezone": "UTC", **twice}
    pages = [
        Client().post("/auth/signup/", up),
        alice_client.post("/auth/password/change/", {"oldpassword": PASSWORD, **twice}),
        bob_client.post(
            reverse("admin:auth_user_password_change", args=[alice.pk]), {"usable_password": "true", **twice}
        ),
        bob_client.post(reverse("admin:accounts_user_add"), {"usable_password": "true", **up}),
    ]
    assert ["known from a breach elsewhere: whoever guesses" in page_of(page) for page in pages] == [True] * 4
    assert not User.objects.filter(username="dora").exists()
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_the_forms_say_so_where_it_is_asked(service: Service, settings: Any) -> None:
    assert "known from a breach elsewhere" in password_validators_help_text_html()
    settings.BREACHED_PASSWORDS_URL = ""
    assert "breach" not in password_validators_help_text_html()


# --- Not asked, or without an answer ------------------------------------------------------------------------------------


def test_by_default_nobody_is_asked(settings: Any) -> None:
    assert settings.BREACHED_PASSWORDS_URL == ""
    assert codes(BREACHED) == []


def test_in_production_somebody_is_named() -> None:
    program = "from django.conf import settings as s; print(s.BREACHED_PASSWORDS_URL)"
    assert in_production(program) == "https://breaches.example.com/range"


@pytest.mark.parametrize("status", [302, 404, 429, 500, 503])
def test_an_answer_that_is_none_lets_the_password_pass_and_is_written_down(
    service: Service, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    service.status = status
    assert not is_breached(BREACHED)
    assert f"password.breaches.silent problem=status_{status}" in caplog.text
    assert len(service.asked) == 1


def test_nobody_there_lets_the_password_pass(service: Service, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.BREACHED_PASSWORDS_URL = "http://127.0.0.1:1/range"
    assert not is_breached(BREACHED)
    assert "password.breaches.silent problem=ConnectionError" in caplog.text
    assert not any(part in caplog.text for part in (BREACHED, digest_of(BREACHED)[:5], "127.0.0.1:1"))


def test_an_answer_without_an_end_is_cut_off(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(breaches, "ANSWER_WITHIN", 0.1)
    service.body = b""
    service.is_over.clear()
    assert not is_breached(BREACHED)
    assert "password.breaches.silent problem=too_slow" in caplog.text


def test_an_answer_without_measure_is_cut_off(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(breaches, "LARGEST_ANSWER", 1000)
    service.body = b"0" * (breaches.LARGEST_ANSWER + 1)
    assert not is_breached(BREACHED)
    assert "password.breaches.silent problem=too_large" in caplog.text


def test_what_is_no_text_breaks_nothing(service: Service) -> None:
    service.body = bytes(range(256))
    assert not is_breached(BREACHED)


def test_somebody_waits_for_the_page() -> None:
    assert breaches.TIMEOUT == (1.0, 1.5)
    assert breaches.ANSWER_WITHIN == 3.0
