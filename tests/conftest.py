"""Throw-away servers, the three people of every test, and no network.

alice owns, bob is staff, charlie must be refused.
"""

import base64
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.servers import Servers

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User

# Generated examples may take their time on a busy machine, and leave nothing behind. Where CI=true they are the same in
# every run: a change is judged by what it changed, not by a new draw.
hypothesis.settings.register_profile(
    "desk", deadline=None, database=None, print_blob=True, derandomize=os.environ.get("CI", "").lower() == "true"
)
hypothesis.settings.load_profile("desk")

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "0.0.0.0", "::", ""})  # noqa: S104 - a comparison
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
_servers: Servers | None = None


def _environment() -> None:
    """What the settings read; a developer's .env and a running desk are never looked at."""
    for name in (
        "ENABLE_BROKER_INTEGRATIONS",
        "DEFAULT_BROKER_MODE",
        "SIMULATOR_URL",
        "ALPACA_API_KEY",
        "SIGNUP_OPEN",
        "HTTPS",
        "DEBUG",
        "ALLOWED_HOSTS",
        "EMAIL_URL",
        "PORT",
    ):
        os.environ.pop(name, None)
    # Each xdist worker has its own queue and its own cache; pytest-django names its database.
    database = 2 * (int(WORKER.removeprefix("gw")) + 1) if WORKER else 0
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "trenddojo.settings",
        "ENV_FILE": os.devnull,
        "TESTING": "true",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "BROKER_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE_URL": os.environ["TEST_POSTGRES_URL"],
        "DATABASE_CONN_MAX_AGE": "0",
        "REDIS_URL": f"unix://{os.environ['TEST_VALKEY_SOCKET']}?db={database}",
        "CACHE_URL": f"unix://{os.environ['TEST_VALKEY_SOCKET']}?db={database + 1}",
        "MEDIA_ROOT": tempfile.mkdtemp(prefix="trenddojo-media-"),
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
        # No worker takes what tests leave in the queue.
        "ORDERS_WAITING_MOST": "1000000",
    }


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers once, before the settings are read; xdist's workers inherit where they are."""
    global _servers  # noqa: PLW0603 - one set of servers a test run
    if not WORKER:
        _servers = Servers.start()
        os.environ |= {
            "TEST_POSTGRES_URL": _servers.postgres.url,
            "TEST_VALKEY_SOCKET": str(_servers.valkey.socket),
        }
    if getattr(config.option, "numprocesses", None):
        # The workers read settings of their own. Inherited ones would be read before this file is, and all of them
        # would empty one and the same cache.
        return
    _environment()
    from django.conf import settings

    assert settings.TESTING
    assert os.environ["CACHE_URL"] == settings.CACHE_URL


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ.get("MEDIA_ROOT", ""), ignore_errors=True)
    if _servers is not None:
        _servers.stop()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that drive browsers and whole desks come first, so that no worker is left alone with one at the end."""
    if not WORKER:
        return
    long = {item.path for item in items if item.get_closest_marker("browser") or item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


def _refuse_strangers(address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else ""
    if str(host) not in LOOPBACK:
        pytest.fail(f"A test tried to reach {host}: tests know no network but loopback.")


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_strangers(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_strangers(address)
        return connect_ex(self, address)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _fresh_cache(request: pytest.FixtureRequest) -> None:
    """Rate limits and cached figures of one test are not the next one's."""
    if "db" in request.fixturenames or "transactional_db" in request.fixturenames:
        from django.core.cache import cache

        cache.clear()


@pytest.fixture(autouse=True, scope="session")
def _eager_tasks() -> None:
    """A task runs where it is called; the queue itself is tested in tests/runtime."""
    from trenddojo.celery import app

    app.conf.task_always_eager = True
    app.conf.task_eager_propagates = True


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def _person(name: str, **fields: Any) -> "User":
    from accounts.models import User

    return User.objects.create_user(username=name, email=f"{name}@example.com", password=PASSWORD, **fields)


PASSWORD = "correct horse battery staple"


@pytest.fixture
def password() -> str:
    """The password of alice, bob and charlie."""
    return PASSWORD


@pytest.fixture
def alice(db: None) -> "User":
    return _person("alice")


@pytest.fixture
def bob(db: None) -> "User":
    return _person("bob", is_staff=True, is_superuser=True)


@pytest.fixture
def charlie(db: None) -> "User":
    return _person("charlie")


@pytest.fixture
def client_for(db: None) -> "Callable[[User], Client]":
    """Makes a signed-in client for any user."""
    from django.test import Client

    def make(user: "User") -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return make


@pytest.fixture
def alice_client(alice: "User", client_for: "Callable[[User], Client]") -> "Client":
    return client_for(alice)


@pytest.fixture
def bob_client(bob: "User", client_for: "Callable[[User], Client]") -> "Client":
    return client_for(bob)


@pytest.fixture
def charlie_client(charlie: "User", client_for: "Callable[[User], Client]") -> "Client":
    return client_for(charlie)


@pytest.fixture
def turns_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process would ask visitors to come back for is answered: the test is about what happens at once."""
    from trenddojo.admission import AdmissionMiddleware, Room, Turns

    monkeypatch.setattr(AdmissionMiddleware, "turns", Turns(Room(100, 100, 0)))


@pytest.fixture
def nobody_else(transactional_db: None) -> None:
    """No connection but this test's: threads of servers that tests before it drove may hold theirs a while longer."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
