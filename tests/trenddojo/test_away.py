"""What visitors see while a server of ours is away: what can be had otherwise goes on, the rest says when to come back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.db import OperationalError, connection
from django.test import Client
from redis.exceptions import RedisError

from accounts.models import User
from tests.factories import make_account, make_connection
from trenddojo.cache import SPARE, spare

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.fixture
def no_cache(settings: Any) -> Iterator[None]:
    settings.CACHES = {name: one | {"LOCATION": NOBODY_LISTENS} for name, one in settings.CACHES.items()}
    yield
    caches.close_all()


def fails(*_: Any, **__: Any) -> None:
    raise OperationalError("the connection is lost")


@pytest.fixture
def visitor(alice: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(alice)
    return client


class TestCache:
    def test_whoever_is_signed_in_stays_so_and_sees_their_pages(self, visitor: Client, no_cache: None) -> None:
        make_connection(make_account(User.objects.get()))
        for page in ("/", "/orders/", "/orders/new/", "/trades/", "/positions/", "/eyes/", "/notifications/"):
            assert visitor.get(page).status_code == 200, page

    def test_what_is_kept_is_not_there_and_what_is_written_is_not_kept(self, no_cache: None) -> None:
        spare.set("a", 1, 60)
        assert spare.get("a") is None
        assert spare.get("a", "nothing") == "nothing"

    def test_what_is_to_be_gone_is_not_said_to_be_gone(self, no_cache: None) -> None:
        with pytest.raises(RedisError):
            spare.delete("a")

    def test_it_is_a_cache_while_the_server_is_there(self) -> None:
        spare.set("a", {"b": 1}, 60)
        assert caches["default"].get("a") == caches[SPARE].get("a") == {"b": 1}
        spare.delete("a")
        assert spare.get("a") is None


class TestDatabase:
    @pytest.mark.parametrize(
        ("ask", "words"),
        [
            (Client.get, {"This page tries again by itself in 5", 'refresh" content="5"'}),
            (Client.post, {"is taken once"}),
        ],
    )
    def test_a_page_says_that_the_desk_is_away_and_when_to_come_back(
        self, visitor: Client, ask: Callable[..., Any], words: set[str]
    ) -> None:
        with connection.execute_wrapper(fails):
            answer = ask(visitor, "/accounts/new/")
        page = answer.content.decode()
        assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "5", "no-store")
        assert "The desk is away for a moment" in page
        assert {
            one
            for one in ("This page tries again by itself in 5", 'refresh" content="5"', "is taken once")
            if one in page
        } == words

    def test_what_nobody_expected_is_still_a_fault_of_ours(self, visitor: Client, monkeypatch: Any) -> None:
        monkeypatch.setattr("trades.views.eyes.matters_of", lambda *_, **__: 1 / 0)
        answer = visitor.get("/eyes/")
        assert answer.status_code == 500
        assert "Something broke on our side" in answer.content.decode()
