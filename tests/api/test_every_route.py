"""Every operation of the API: no stranger gets in, another's objects do not exist, a token to read changes nothing.

An address that takes an id must be named in belongings_kit with what the id names, or this test fails.
"""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import ApiToken
from tests.api.belongings_kit import SLOT, address, belongings, operations, resolved, slots
from tests.api.kit import Api, api_for, token_for
from trenddojo.api.views import published

pytestmark = pytest.mark.django_db

# Open to strangers, who have no token yet.
OPEN = {("/api/v1/tokens/", "post")}
# Compute and store nothing, so a token to read may ask for them.
ONLY_COMPUTES = {("/api/v1/position-size/", "post"), ("/api/v1/orders/preview/", "post")}
# Answer without end: read in tests of their own.
STREAMS = {"/api/v1/events/"}
UNPUBLISHED = {"index", "schema", "docs", "nothing"}
SAFE = {"get", "head", "options"}
# What a request writes about itself: when a token was last used, and the answer kept for its key.
OF_THE_REQUEST = {"accounts.ApiToken", "accounts.IdempotencyKey"}

EVERY = [found[:2] for found in operations()]
GUARDED = [found for found in EVERY if found not in OPEN]
NAMING = [found for found in GUARDED if "{" in found[0]]
CHANGING = [found for found in GUARDED if found[1] not in SAFE and found not in ONLY_COMPUTES]


def send(api: Api, method: str, path: str, body: Any = None) -> Any:
    return getattr(api, method)(path, body) if method in {"post", "put", "patch"} else getattr(api, method)(path)


def example(path: str, method: str) -> Any:
    """The published example of a request; an empty object where there is none, or where it is a form."""
    body = published()["paths"][path][method].get("requestBody", {}).get("content", {}).get("application/json", {})
    return next((resolved(found)["value"] for found in body.get("examples", {}).values()), {})


def rows() -> dict[str, list[Any]]:
    """Everything in our tables, but for what requests write about themselves."""
    return {
        model._meta.label: sorted(map(str, model.objects.values_list()))
        for label in ("accounts", "brokers", "trades")
        for model in apps.get_app_config(label).get_models()
        if model._meta.label not in OF_THE_REQUEST
    }


def where(path: str) -> str:
    return path.removeprefix("/api/v1")


def test_every_route_is_published():
    def routes(patterns: Any, begins: str) -> Any:
        for entry in patterns:
            route = begins + str(entry.pattern)
            if isinstance(entry, URLResolver):
                yield from routes(entry.url_patterns, route)
            elif isinstance(entry, URLPattern) and entry.name not in UNPUBLISHED:
                yield "/" + "".join("{}" if word.startswith("<") else word for word in _words(route))

    (root,) = (entry for entry in get_resolver().url_patterns if getattr(entry, "namespace", "") == "api")
    assert set(routes(root.url_patterns, "api/v1/")) == {SLOT.sub("{}", path) for path in published()["paths"]}


def _words(route: str) -> list[str]:
    """A route cut at its converters: `trades/<uuid:pk>/` is `trades/`, `<uuid:pk>`, `/`."""
    return [word for part in route.split("<") for word in _halves(part)]


def _halves(part: str) -> list[str]:
    inside, closing, after = part.partition(">")
    return [f"<{inside}>", after] if closing else [part]


def test_every_id_in_an_address_is_named():
    for path, _method in NAMING:
        assert set(slots(path)) == set(SLOT.findall(path)), path


@pytest.mark.parametrize(("path", "method"), GUARDED)
def test_without_a_good_token_nothing_is_told(client, alice, path, method):
    now = timezone.now()
    keys = belongings(alice)
    revoked, expired = token_for(alice, name="Revoked"), token_for(alice, name="Expired")
    ApiToken.objects.filter(name="Revoked trade").update(revoked_at=now)
    ApiToken.objects.filter(name="Expired trade").update(expires_at=now - timedelta(seconds=1))
    before = rows()
    place = address(path, keys)
    for token in ("td_unknown", revoked, expired):
        answer = send(Api(token), method, where(place), example(path, method))
        assert answer.status_code == 401, answer.content
        assert answer.json()["type"] == "client_error"
        assert "Bearer" in answer["WWW-Authenticate"]
    stranger = getattr(client, method)(place, content_type="application/json")
    assert (stranger.status_code, stranger.json()["errors"][0]["code"]) == (401, "not_authenticated")
    assert rows() == before


@pytest.mark.parametrize(("path", "method"), NAMING)
@pytest.mark.parametrize("person", ["charlie", "bob"])
def test_anothers_object_does_not_exist_for_anybody_staff_included(request, alice, path, method, person):
    keys = belongings(alice)
    api = api_for(request.getfixturevalue(person))
    before = rows()
    anothers = send(api, method, where(address(path, keys)), example(path, method))
    missing = send(api, method, where(address(path, dict.fromkeys(keys, uuid.uuid4()))), example(path, method))
    assert (anothers.status_code, missing.status_code) == (404, 404), (anothers.content, missing.content)
    assert anothers.json() == missing.json()
    assert rows() == before


@pytest.mark.parametrize(
    "path", sorted({path for path, method in GUARDED if method == "get" and "{" not in path} - STREAMS)
)
def test_lists_hold_nothing_of_anothers(alice, charlie, path):
    keys = {str(key) for key in belongings(alice).values()}
    answer = api_for(charlie).get(where(path))
    assert answer.status_code in {200, 400}, answer.content
    assert not [key for key in keys if key in answer.content.decode()]
    assert answer.json().get("results", []) == [] or path == "/api/v1/tokens/"


@pytest.mark.parametrize(("path", "method"), CHANGING)
def test_a_token_to_read_changes_nothing(alice, path, method):
    keys = belongings(alice)
    reader = api_for(alice, "read")
    before = rows()
    answer = send(reader, method, where(address(path, keys)), example(path, method))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "missing_scope")
    assert rows() == before


@pytest.mark.parametrize(("path", "method"), CHANGING)
def test_a_signed_in_browser_needs_the_token_of_its_own_pages(alice, client_for, path, method):
    keys = belongings(alice)
    browser = client_for(alice)
    browser.handler.enforce_csrf_checks = True
    before = rows()
    answer = getattr(browser, method)(address(path, keys), "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "permission_denied")
    assert rows() == before


@pytest.mark.parametrize("path", sorted(published()["paths"]))
def test_other_methods_are_refused_with_those_there_are(alice, path):
    keys = belongings(alice)
    api = api_for(alice)
    there = published()["paths"][path].keys()
    before = rows()
    for method in {"get", "post", "put", "patch", "delete"} - there:
        answer = send(api, method, where(address(path, keys)), {})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (405, "method_not_allowed"), method
        allowed = {word.strip().lower() for word in answer["Allow"].split(",")}
        assert allowed - {"head", "options"} == set(there)
    told = api.options(where(address(path, keys)))
    assert (told.status_code, told.json()["schema"]) == (200, "http://testserver/api/v1/schema/")
    if "get" in there:
        head = api.head(where(address(path, keys)))
        # A picture is streamed.
        assert head.getvalue() == b""
        assert head["X-Request-ID"]
    assert rows() == before


@pytest.mark.parametrize("path", sorted(published()["paths"]))
def test_an_address_without_its_last_slash_says_so(api, alice, path):
    place = where(address(path, belongings(alice))).rstrip("/")
    answer = api.get(place)
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["detail"] == f"Addresses end with a slash: /api/v1{place}/"
