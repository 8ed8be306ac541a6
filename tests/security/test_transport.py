"""What the production example and the proxy of docs/deploy.md say about TLS."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.api.kit import token_for
from tests.security.test_sessions import in_production
from trenddojo.env import celery_broker_url

DEPLOY = (Path(__file__).resolve().parent.parent.parent / "docs" / "deploy.md").read_text(encoding="utf-8")


def directive(name: str) -> str:
    (found,) = re.findall(rf"^    {name} (.+);$", DEPLOY, re.MULTILINE)
    return str(found)


def test_the_proxy_speaks_no_tls_older_than_1_2() -> None:
    assert directive("ssl_protocols") == "TLSv1.2 TLSv1.3"


def test_the_proxy_offers_ciphers_with_forward_secrecy_and_authentication_alone() -> None:
    ciphers = directive("ssl_ciphers").split(":")
    assert len(ciphers) == 6
    assert all(cipher.startswith("ECDHE-") for cipher in ciphers)
    assert all("GCM" in cipher or "CHACHA20-POLY1305" in cipher for cipher in ciphers)
    assert directive("ssl_prefer_server_ciphers") == "on"


def test_in_production_every_server_shows_a_certificate_that_is_checked() -> None:
    program = (
        "import django; django.setup();"
        "from django.conf import settings as s; from django.core.mail import get_connection; from kombu import Connection;"
        "from django.core.cache import cache; pool = cache._cache.get_client().connection_pool;"
        "link = pool.connection_class(**pool.connection_kwargs);"
        "context = get_connection().ssl_context;"
        "queue = Connection(s.CELERY_BROKER_URL).ssl;"
        "print(s.DATABASES['default']['OPTIONS']['sslmode'], s.DATABASES['default']['OPTIONS']['sslrootcert'],"
        " queue['ssl_cert_reqs'].name, link.cert_reqs.name, link.check_hostname,"
        " context.verify_mode.name, context.check_hostname, s.EMAIL_USE_TLS)"
    )
    expected = "verify-full system CERT_REQUIRED CERT_REQUIRED True CERT_REQUIRED True True"
    assert in_production(program) == expected


def test_in_production_browsers_are_told_over_tls_alone_to_use_nothing_else_for_a_year() -> None:
    program = (
        "import django; django.setup();"
        "from django.test import Client;"
        "asked = [(path, proto) for path in ('/healthz', '/') for proto in ('https', 'http')];"
        "answers = [(path, proto, Client(headers={'host': 'desk.example.com', 'x-forwarded-proto': proto}).get(path))"
        " for path, proto in asked];"
        "[print(path, proto, one.status_code, one.headers.get('Strict-Transport-Security'), sep='|')"
        " for path, proto, one in answers]"
    )
    year = "max-age=31536000; includeSubDomains; preload"
    assert in_production(program).splitlines()[-4:] == [
        f"/healthz|https|200|{year}",
        "/healthz|http|200|None",
        f"/|https|302|{year}",
        "/|http|301|None",
    ]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("rediss://:x@queue:6379/0", "rediss://:x@queue:6379/0?ssl_cert_reqs=required"),
        ("rediss://queue/0?ssl_ca_certs=/a.pem", "rediss://queue/0?ssl_ca_certs=/a.pem&ssl_cert_reqs=required"),
        ("rediss://queue:6379/0?ssl_cert_reqs=none", "rediss://queue:6379/0?ssl_cert_reqs=none"),
        ("redis://queue:6379/0", "redis://queue:6379/0"),
    ],
)
def test_the_queue_looks_at_the_servers_certificate_unless_it_is_told_not_to(given: str, made: str) -> None:
    assert celery_broker_url(given) == made


# --- Over plain http --------------------------------------------------------------------------------------------------

BY_PROXY = {"x-forwarded-proto": "http"}


@pytest.fixture
def _tls(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.django_db
@pytest.mark.usefixtures("_tls")
@pytest.mark.parametrize(
    "address", ["/api/v1/accounts/", "/api/v1/tokens/", "/api/v1/schema/", "/api/", "/api/nowhere"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_over_http_a_program_is_refused_and_told_that_its_token_may_be_known(
    alice: User, address: str, method: str
) -> None:
    program = Client(headers={"Authorization": f"Bearer {token_for(alice)}"} | BY_PROXY)
    answer = program.generic(method, address)
    assert answer.status_code == 403
    (error,) = answer.json()["errors"]
    assert (answer.json()["type"], error["code"], error["attr"]) == ("client_error", "https_required", None)
    assert "may have been read on its way: revoke it and make a new one" in error["detail"]
    assert "Location" not in answer.headers


@pytest.mark.django_db
@pytest.mark.usefixtures("_tls")
def test_over_tls_it_is_answered(alice: User) -> None:
    program = Client(headers={"Authorization": f"Bearer {token_for(alice)}", "x-forwarded-proto": "https"})
    assert program.get("/api/v1/accounts/").status_code == 200


@pytest.mark.usefixtures("_tls")
@pytest.mark.parametrize("address", ["/", "/auth/login/", "/api/v1/docs/"])
def test_over_http_pages_lead_to_https(client: Client, address: str) -> None:
    answer = client.get(address, headers=BY_PROXY)
    assert (answer.status_code, answer["Location"]) == (301, f"https://testserver{address}")


@pytest.mark.django_db
def test_a_desk_without_tls_answers_programs_over_http(alice: User) -> None:
    program = Client(headers={"Authorization": f"Bearer {token_for(alice)}"})
    assert program.get("/api/v1/accounts/").status_code == 200


@pytest.mark.usefixtures("_tls")
def test_the_refusal_is_written_down(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.get("/api/v1/accounts/", headers=BY_PROXY)
    assert "http.refused method=GET route=none status=403 reason=https_required" in caplog.text


def test_the_proxy_redirects_pages_alone() -> None:
    plain = DEPLOY.split("listen 80;")[1].split("```")[0]
    pages, programs = plain.split("location /api/ {")
    assert "return 301 https://$host$request_uri;" in pages
    assert "return 301" not in programs
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in programs
