"""What the production example and the proxy of docs/deploy.md say about TLS."""

import re
from pathlib import Path

import pytest

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
