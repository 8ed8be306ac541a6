"""What holds entries back says so on every page: of the desk, of signing in and security, of the API, of the admin.

Pages that refuse are pages, too.
"""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.admin import site
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from accounts.services.pulses import WORKER, pulse_write
from brokers.errors import TryLater
from brokers.http import BrokerSession
from tests.factories import make_account, make_connection
from tests.test_ownership import KEYED_BY_WORDS, OBJECT_OF, PLAIN, PUBLIC, TAKING, objects
from trades.execution import silences
from trades.execution.intents import account_halt, desk_halt, trader_halt
from trenddojo import context

pytestmark = pytest.mark.django_db
__all__ = ["objects"]

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
# The passkey of the objects holds no key: signing in and its own pages would look for it.
PASSKEY = "passkey"

HALTED = "<strong>The whole desk is halted</strong> by its administrator bob since"
MISSED = "<strong>New entries are held</strong>: since"
# One page of each layout: the desk's, the narrow one, signing in, security, the API's, the admin's.
LAYOUTS = [
    "/settings/",
    "/settings/tokens/new/",
    "/auth/reauthenticate/",
    "/auth/2fa/",
    "/api/v1/docs/",
    "/admin/accounts/halt/",
]


def with_tokens(client: Client) -> Client:
    client.handler.enforce_csrf_checks = True
    return client


def again_and_again(client: Client) -> HttpResponse:
    """The last of more tries at one's password than a minute has."""
    return [client.post("/auth/reauthenticate/", {"password": "guess"}) for _ in range(30)][-1]


# What a trader is refused with: how they ask, and the answer.
REFUSED: dict[str, tuple[Callable[[Client], Any], int]] = {
    "a form that cannot be read": (
        lambda client: client.post("/trades/plan/", b"--", content_type="multipart/form-data; boundary=é"),
        400,
    ),
    "staff's door": (lambda client: client.get("/admin/login/"), 403),
    "a form without the token of its page": (lambda client: with_tokens(client).post("/settings/", {}), 403),
    "no such address": (lambda client: client.get("/no/such/page/"), 404),
    "an object that is not there": (lambda client: client.get(f"/trades/{uuid.uuid4()}/"), 404),
    "a page of staff": (lambda client: client.get("/system/"), 404),
    "an address for forms": (lambda client: client.get("/notifications/read/"), 405),
    "too often": (again_and_again, 429),
}
# Each page of a refusal a trader can be shown, whoever answers with it.
TELLING = ("400", "403", "403_csrf", "404", "405", "413", "429")


@pytest.fixture
def things(objects: dict[str, Any]) -> dict[str, Any]:
    Authenticator.objects.all().delete()
    return objects


@pytest.fixture(autouse=True)
def _nobody_outside() -> Iterator[None]:
    away = TryLater("The broker cannot be reached.", after=15, code="unreachable")
    with patch.object(BrokerSession, "send", side_effect=away), patch("socket.getaddrinfo", side_effect=OSError):
        yield


def addresses(things: dict[str, Any]) -> list[str]:
    """Every address of the site."""
    owned = {name: kind for name, kind in OBJECT_OF.items() if kind != PASSKEY}
    taking = [reverse(name, kwargs={"pk": things[owned[name]].pk}) for name in TAKING if name in owned]
    worded = [reverse(name, kwargs=words) for name, words in KEYED_BY_WORDS.items()]
    return [*map(reverse, PLAIN), *taking, *worded]


def admin_addresses() -> list[str]:
    """Every page of the admin, of one object where there is one."""
    found = [reverse("admin:index")]
    for model, admin in site._registry.items():
        held = model._default_manager.first()
        for pattern in admin.get_urls():
            takes = pattern.pattern.converters
            if pattern.name and (held or not takes):
                found.append(reverse(f"admin:{pattern.name}", args=[held.pk] if takes else []))
    return found


def signed_in(user: User) -> Client:
    client = Client(headers={"accept": "text/html"})
    client.force_login(user, backend=BACKEND)
    return client


def known_again(user: User, password: str) -> Client:
    """Signed in, and asked once more who it is: the pages behind that question open, too."""
    client = signed_in(user)
    assert client.post("/auth/reauthenticate/", {"password": password}).status_code == 302
    return client


def pages(client: Client, places: list[str]) -> Iterator[tuple[str, str]]:
    """Those of these addresses that answer with a whole page, be it a refusal, and what they say."""
    for place in places:
        # What a page writes is taken back, and counts for no limit.
        cache.clear()
        with transaction.atomic():
            answer = client.get(place)
            transaction.set_rollback(True)
            if is_page(answer):
                yield place, " ".join(answer.content.decode().split())


def is_page(answer: HttpResponse) -> bool:
    return answer.headers.get("Content-Type", "").startswith("text/html") and b"<html" in answer.content


@pytest.fixture
def _a_missed_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silences, "STARTED", silences.time.monotonic() - 3600)
    pulse_write(WORKER)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pulses SET at = at - %s", [timedelta(minutes=5)])


def test_the_desks_halt_is_on_every_page_of_a_trader(things: dict[str, Any], alice: User, password: str) -> None:
    desk_halt(by="bob", reason="Fire")

    found = dict(pages(known_again(alice, password), addresses(things)))

    assert len(found) > 80
    assert [place for place, text in found.items() if text.count(HALTED) != 1] == []


def test_the_desks_halt_is_on_every_page_of_the_admin(things: dict[str, Any], bob: User) -> None:
    desk_halt(by="bob", reason="Fire")

    found = dict(pages(signed_in(bob), admin_addresses()))

    assert len(found) > 80
    assert [place for place, text in found.items() if text.count(HALTED) != 1] == []


@pytest.mark.parametrize("refused", REFUSED)
def test_the_desks_halt_is_on_what_refuses_a_trader(refused: str, alice: User) -> None:
    desk_halt(by="bob", reason="Fire")
    ask, status = REFUSED[refused]

    answer = ask(signed_in(alice))

    assert answer.status_code == status
    assert " ".join(answer.content.decode().split()).count(HALTED) == 1
    assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("code", TELLING)
def test_every_page_of_a_refusal_tells_a_trader_of_their_halts_and_a_stranger_nothing(
    code: str, rf: RequestFactory, alice: User
) -> None:
    desk_halt(by="bob", reason="Fire")
    trader_halt(user=alice, reason="Tilt")
    request = rf.get("/")
    request.user = alice
    told = " ".join(render_to_string(f"{code}.html", request=request).split())
    request.user = AnonymousUser()

    assert told.count(HALTED) == 1
    assert "<strong>All your accounts are halted</strong> by you since" in told
    assert "halted" not in render_to_string(f"{code}.html", request=request)


@pytest.mark.parametrize("problem", [OperationalError, InterfaceError])
def test_a_database_that_does_not_answer_spoils_no_page_of_a_refusal(
    problem: type[Exception], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_user: User) -> None:
        raise problem("the database is away")

    monkeypatch.setattr(context, "brakes_shown", away)

    answer = signed_in(alice).get("/no/such/page/")

    assert answer.status_code == 404
    assert b"There is nothing here" in answer.content
    assert b"desk-banner" not in answer.content


@pytest.mark.parametrize("code", ["500", "503", "503_away"])
def test_what_breaks_is_told_without_a_question(code: str, django_assert_num_queries: Callable[..., Any]) -> None:
    desk_halt(by="bob", reason="Fire")

    with django_assert_num_queries(0):
        assert "halted" not in render_to_string(f"{code}.html")


@pytest.mark.usefixtures("_a_missed_worker")
def test_a_missed_worker_is_on_the_pages_of_every_layout(bob: User, password: str) -> None:
    make_connection(make_account(bob))

    found = dict(pages(known_again(bob, password), LAYOUTS))

    assert list(found) == LAYOUTS
    assert [place for place, text in found.items() if text.count(MISSED) != 1] == []


@pytest.mark.usefixtures("_a_missed_worker")
def test_a_missed_worker_is_on_the_pages_of_staff_who_trade_nothing(bob: User, password: str) -> None:
    found = dict(pages(known_again(bob, password), LAYOUTS))

    assert list(found) == LAYOUTS
    assert [place for place, text in found.items() if text.count(MISSED) != 1] == []
    assert "What the desk's orders do may be known late." in found["/settings/"]
    assert f'href="{reverse("trenddojo:system")}">Show the system</a>' in found["/admin/accounts/halt/"]


@pytest.mark.usefixtures("_a_missed_worker")
def test_a_missed_worker_is_on_every_page_of_the_admin(things: dict[str, Any], bob: User) -> None:
    found = dict(pages(signed_in(bob), admin_addresses()))

    assert len(found) > 80
    assert [place for place, text in found.items() if text.count(MISSED) != 1] == []


@pytest.mark.parametrize("place", LAYOUTS)
def test_halts_of_a_trader_and_an_account_are_on_the_pages_of_every_layout(
    place: str, bob: User, password: str
) -> None:
    account = make_account(bob)
    trader_halt(user=bob, reason="Tilt")
    account_halt(owner=bob, account_id=account.pk, reason="Enough")

    ((_, text),) = pages(known_again(bob, password), [place])

    assert "<strong>All your accounts are halted</strong> by you since" in text
    assert f"<strong>{account.name} is halted</strong> since" in text


@pytest.mark.parametrize("place", LAYOUTS)
def test_the_banner_costs_a_page_of_every_layout_one_question(
    place: str, bob: User, password: str, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client = known_again(bob, password)
    with django_assert_max_num_queries(40) as asked:
        assert is_page(client.get(place))

    assert len([one for one in asked if "FROM halts h" in one["sql"]]) == 1


def test_the_banner_costs_a_refusal_one_question(
    alice: User, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client = signed_in(alice)
    with django_assert_max_num_queries(10) as asked:
        assert client.get("/no/such/page/").status_code == 404

    assert len([one for one in asked if "FROM halts h" in one["sql"]]) == 1


def test_strangers_are_told_nothing_of_a_halt_and_cost_no_question(
    client: Client, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    desk_halt(by="bob", reason="Fire")
    places = [*(reverse(name) for name in sorted(PUBLIC & set(PLAIN))), "/no/such/page/"]
    with django_assert_max_num_queries(200) as asked:
        found = dict(pages(client, places))

    assert len(found) > 3
    assert [place for place, text in found.items() if "halted" in text] == []
    assert [one for one in asked if "FROM halts" in one["sql"]] == []
