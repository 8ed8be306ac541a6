"""The published schema: complete, with examples that keep to it, in JSON and YAML, and the docs beside it."""

import json
from typing import Any

import pytest
import yaml
from django.conf import settings
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.api.belongings_kit import operations, resolved
from trenddojo.api import configuration
from trenddojo.api.views import published

SCHEMA = "/api/v1/schema/"
OPERATIONS = [pytest.param(schema, id=f"{method} {path}") for path, method, schema in operations()]
EVERYWHERE = {"406", "429", "500", "503"}


def forms(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects a body may be."""
    found = resolved(schema)
    return [form for choice in found["oneOf"] for form in forms(choice)] if "oneOf" in found else [found]


def misfits(schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value, by a schema whose references lead into the published one."""
    whole: Resource[Any] = Resource(contents=published(), specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:desk", whole)
    text = json.dumps(schema, default=str).replace('"#/components', '"urn:desk#/components')
    return [problem.message for problem in Draft202012Validator(json.loads(text), registry=registry).iter_errors(value)]


def test_the_schema_is_valid_openapi():
    validate_schema(published())
    assert published()["openapi"] == "3.1.0"
    assert published()["servers"] == [{"url": "/", "description": "This desk"}]


def test_resources_stand_in_the_contracts_order_and_are_described():
    tags = [tag["name"] for tag in published()["tags"]]
    assert tags == [name for name, _sentence in configuration.TAGS]
    used = [tag for _path, _method, schema in operations() for tag in schema["tags"]]
    assert set(used) == set(tags)
    assert list(dict.fromkeys(used)) == tags


def test_every_operation_has_a_name_of_its_own():
    names = [schema["operationId"] for _path, _method, schema in operations()]
    assert len(names) == len(set(names))
    assert all(schema.get("summary") for _path, _method, schema in operations())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_shows_examples_that_keep_to_the_schema(operation):
    bodies = [("request", operation.get("requestBody", {}))] + [
        (code, answer) for code, answer in operation["responses"].items() if code.startswith("2")
    ]
    for place, body in bodies:
        for kind, content in body.get("content", {}).items():
            examples = [resolved(example)["value"] for example in content.get("examples", {}).values()]
            # A form with a file has none, and a picture neither: no text stands for them.
            assert examples or kind == "multipart/form-data" or kind.startswith("image/"), f"{place} has no example"
            if kind == "application/json":
                for example in examples:
                    assert misfits(content["schema"], example) == [], place


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_tells_its_refusals_in_the_one_shape(operation):
    refusals = {code: answer for code, answer in operation["responses"].items() if code >= "400"}
    assert refusals.keys() >= EVERYWHERE
    for answer in map(resolved, refusals.values()):
        (content,) = answer["content"].values()
        assert content["schema"] == {"$ref": "#/components/schemas/Error"}
        assert "X-Request-ID" in answer["headers"]
    for code, answer in operation["responses"].items():
        assert "X-Request-ID" in resolved(answer)["headers"], code
        assert resolved(answer)["description"], code
    assert "Retry-After" in resolved(operation["responses"]["429"])["headers"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_request_takes_fields_it_does_not_name(operation):
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for form in forms(content["schema"]):
            assert form["additionalProperties"] is False


def test_what_is_made_leads_to_what_can_be_done_with_it():
    made = published()["paths"]["/api/v1/tags/"]["post"]["responses"]["201"]
    assert set(made["links"]) == {"tags_retrieve", "tags_partial_update", "tags_destroy", "tags_merge_create"}
    assert made["links"]["tags_destroy"]["parameters"] == {"id": "$response.body#/id"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/yaml", "application/yaml"),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
        ("application/vnd.oai.openapi", "application/vnd.oai.openapi"),
    ],
)
def test_a_stranger_reads_the_schema_in_the_form_asked_for(client, accept, kind):
    answer = client.get(SCHEMA, headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    assert "Accept" in answer["Vary"]
    found = json.loads(answer.content) if "json" in kind else yaml.safe_load(answer.content)
    assert found == json.loads(json.dumps(published(), default=str))
    again = client.get(SCHEMA, headers={"Accept": accept, "If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.django_db
def test_strangers_may_ask_for_the_schema_so_often(client, monkeypatch):
    monkeypatch.setattr("trenddojo.api.throttles.ADDRESS_PER_MINUTE", 2)
    assert [client.get(SCHEMA).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get("/api/v1/")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, "throttled")
    assert 1 <= int(refused["Retry-After"]) <= 60


@pytest.mark.django_db
def test_the_index_leads_to_the_schema_and_the_docs(client):
    assert client.get("/api/v1/").json() == {
        "schema": "http://testserver/api/v1/schema/",
        "docs": "http://testserver/api/v1/docs/",
        "version": 1,
    }


@pytest.mark.django_db
def test_the_docs_are_the_desks_own_files_under_the_policy_of_every_page(client):
    page = client.get("/api/v1/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "unsafe" not in page["Content-Security-Policy"]
    assert "<style" not in text
    assert text.count("<script") == text.count("<script src=") == 2
    assert "https://" not in text
    assert settings.STATIC_URL in text
