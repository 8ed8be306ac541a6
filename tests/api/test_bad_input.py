"""What no client should send, at every operation: refused in the API's one shape, without a trace."""

import json
from typing import Any

import pytest
from django.apps import apps

from tests.api.belongings_kit import address, belongings, operations
from tests.api.kit import Api, api_for, token_for
from trenddojo.api.parsers import MOST_BYTES

pytestmark = pytest.mark.django_db

STREAMS = {"/api/v1/events/"}
JSON = "application/json"
TAKING = [
    (path, method)
    for path, method, schema in operations()
    if JSON in schema.get("requestBody", {}).get("content", {}) and path != "/api/v1/tokens/"
]
BODIES = [
    (path, method)
    for path, method, _schema in operations()
    if method in {"post", "put", "patch"} and path != "/api/v1/tokens/"
]
READING = [(path, schema) for path, method, schema in operations() if method == "get" and path not in STREAMS]
# Name, what is sent, the code it is refused with.
NO_JSON: tuple[tuple[str, Any, str], ...] = (
    ("cut off", '{"name": ', "parse_error"),
    ("no object", "[]", "parse_error"),
    ("a number", "5", "parse_error"),
    ("twice the same field", '{"a": 1, "a": 2}', "parse_error"),
    ("NaN", '{"a": NaN}', "parse_error"),
    ("a number beyond every decimal", '{"a": 1e99999999999999999999999}', "parse_error"),
    ("infinity", '{"a": -Infinity}', "parse_error"),
    ("not UTF-8", b'{"a": "\xff"}', "parse_error"),
    ("half a character", '{"a": "\\ud800"}', "parse_error"),
    ("half a character as a name", '{"\\udfff": 1}', "parse_error"),
    ("too deep", '{"a": ' * 40 + "1" + "}" * 40, "parse_error"),
    ("far too deep", "[" * 100_000, "parse_error"),
    ("a number of 5,000 digits", '{"a": ' + "9" * 5_000 + "}", "parse_error"),
    ("unknown fields", '{"no_such_field": 1}', "unknown_field"),
    ("a null character in a name", '{"a\\u0000": 1}', "parse_error"),
)


def rows() -> dict[str, int]:
    return {
        model._meta.label: model.objects.count()
        for label in ("accounts", "brokers", "trades")
        for model in apps.get_app_config(label).get_models()
    }


def said(response: Any) -> tuple[int, set[str]]:
    assert response["Content-Type"] == JSON
    assert response["X-Request-ID"]
    body = response.json()
    assert set(body) == {"type", "errors"}
    assert all(set(reason) == {"code", "detail", "attr"} for reason in body["errors"])
    return response.status_code, {reason["code"] for reason in body["errors"]}


@pytest.fixture
def world(alice) -> tuple[Api, dict[str, Any]]:
    keys = belongings(alice)
    return api_for(alice), keys


def where(path: str, keys: dict[str, Any]) -> str:
    return address(path, keys).removeprefix("/api/v1")


@pytest.mark.parametrize(("path", "method"), TAKING)
def test_what_is_no_json_is_refused_without_a_trace(world, path, method):
    api, keys = world
    before = rows()
    for name, body, code in NO_JSON:
        assert said(getattr(api, method)(where(path, keys), body)) == (400, {code}), name
    assert rows() == before


@pytest.mark.parametrize(("path", "method"), TAKING)
def test_another_type_of_content_is_refused(world, path, method):
    api, keys = world
    before = rows()
    for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"):
        answer = getattr(api, method)(where(path, keys), "a=b", content_type=kind)
        assert said(answer) == (415, {"unsupported_media_type"}), kind
    assert rows() == before


@pytest.mark.parametrize(("path", "method"), TAKING)
def test_a_large_body_is_refused_by_its_length_before_it_is_read(world, path, method):
    api, keys = world
    before = rows()

    class Unread:
        def read(self, *_: Any) -> bytes:
            raise AssertionError("The body was read.")

        readline = read

    environ = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(MOST_BYTES + 1)}
    answer = getattr(api, method)(where(path, keys), "{}", **environ)
    assert said(answer) == (413, {"too_large"})
    large = json.dumps({"name": "x" * 10 * 1024 * 1024})
    assert said(getattr(api, method)(where(path, keys), large)) == (413, {"too_large"})
    assert rows() == before


@pytest.mark.parametrize(("path", "method"), BODIES)
def test_a_body_without_a_length_is_refused_rather_than_taken_for_none(world, path, method):
    api, keys = world
    before = rows()
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    answer = getattr(api, method)(where(path, keys), "{}", **chunked)
    assert said(answer) == (411, {"length_required"})
    assert rows() == before


@pytest.mark.parametrize(("path", "schema"), READING, ids=[path for path, _schema in READING])
def test_a_wrong_query_is_refused(world, path, schema):
    api, keys = world
    place = where(path, keys)
    named = {
        parameter.get("name") or parameter["$ref"].rpartition("/")[2] for parameter in schema.get("parameters", ())
    }
    asked = "by=setup&" if "by" in named else ""
    if "page_size" in named:
        for text in ("0", "-1", "201", "9" * 400, "1.5", "ten", "%00"):
            assert said(api.get(f"{place}?{asked}page_size={text}")) == (400, {"bad_page_size"}), text
        for text in ("x", "%00", "%ED%A0%80", "e30", "W10", "WzAsMF0", "W10=" * 200):
            assert said(api.get(f"{place}?{asked}cursor={text}")) == (400, {"bad_cursor"}), text
    if "ordering" in named:
        assert said(api.get(f"{place}?{asked}ordering=password")) == (400, {"bad_ordering"})
    if "page_size" in named:
        assert said(api.get(f"{place}?{asked}no_such_filter=1")) == (400, {"unknown_field"})
        assert said(api.get(f"{place}?{asked}page_size=5&page_size=6")) == (400, {"given_twice"})


@pytest.mark.parametrize("path", sorted({path for path, _method, _schema in operations()}))
def test_a_token_in_an_address_is_refused_whatever_else_is_sent(world, alice, path):
    api, keys = world
    text = token_for(alice, name="Shown")
    for name in ("token", "access_token", "api_key"):
        answer = api.get(f"{where(path, keys)}?{name}={text}")
        assert said(answer) == (401, {"token_in_address"})
        assert text not in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["/tags/../accounts/", "/tags/%00/", "/tags/%ED%A0%80/", "/%F0%9F%92%A9/", "/" + "x" * 5000, "/tags//"]
)
def test_odd_addresses_do_not_exist(api, path):
    assert said(api.get(path)) == (404, {"not_found"})


@pytest.mark.parametrize("pk", ["1", "0", "null", "me", "ffffffff", "g" * 36, "00000000-0000-0000-0000-00000000000"])
@pytest.mark.parametrize("path", sorted({path for path, _method, _schema in operations() if path.endswith("{id}/")}))
def test_what_is_no_id_is_an_address_that_does_not_exist(world, path, pk):
    api, keys = world
    place = where(path.removesuffix("{id}/"), keys)
    assert said(api.get(f"{place}{pk}/")) == (404, {"not_found"})


@pytest.mark.parametrize("path", ["/nowhere/", "/nowhere", "/trades/no-id/", "/trades/no-id", "/trades//"])
def test_an_address_that_does_not_exist_is_not_told_to_end_with_a_slash(api, path):
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["detail"].startswith("There is no such address")


def test_a_host_that_is_not_ours_is_refused_in_shape(api):
    assert said(api.get("/tags/", headers={"Host": "elsewhere.example"})) == (400, {"bad_request"})


def test_an_answer_nobody_can_read_is_refused(api):
    assert said(api.get("/tags/", headers={"Accept": "text/html"})) == (406, {"not_acceptable"})


@pytest.mark.parametrize("path", ["/api/", "/api/v2/tags/", "/api/v1/nothing/"])
def test_addresses_beside_the_api_answer_in_shape(client, path):
    for method in ("get", "post", "delete", "options"):
        assert said(getattr(client, method)(path)) == (404, {"not_found"}), method


def test_a_failure_of_ours_is_said_without_its_cause(api, monkeypatch):
    api.client.raise_request_exception = False
    monkeypatch.setattr("trades.api.tags.tags_of", lambda user: 1 / 0)
    answer = api.get("/tags/")
    assert said(answer) == (500, {"error"})
    assert "division" not in answer.content.decode()


def test_a_database_that_is_away_is_said_with_when_to_come_again(api, monkeypatch):
    from django.db import OperationalError

    def away(user: Any) -> Any:
        raise OperationalError("server closed the connection; password=secret")

    api.client.raise_request_exception = False
    monkeypatch.setattr("trades.api.tags.tags_of", away)
    answer = api.get("/tags/")
    assert said(answer) == (503, {"unavailable"})
    assert (answer["Retry-After"], "secret" in answer.content.decode()) == ("5", False)
