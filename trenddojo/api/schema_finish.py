"""What every operation of the published schema has in common, added when all of them are known.

Errors, headers and parameters that come again and again are written once and referred to.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from drf_spectacular.hooks import postprocess_schema_enum_id_removal

from trenddojo.api.schema_bodies import Bodies, lend_examples
from trenddojo.api.schema_errors import ANSWERS, ERROR_SCHEMAS, HEADERS
from trenddojo.api.schema_links import add_links
from trenddojo.api.schema_shared import shared_examples, shared_parameters, shared_security

Operation = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
# Programs send a body with these even where none is asked for.
SENDING = frozenset({"post", "put", "patch"})
# The library's, where a view names a status and nothing else.
NOTHING_SAID = "No response body"
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The ETag you have. When it is still the newest, the answer is 304 without a body.",
}


def finish(result: dict[str, Any], generator: Any, **_options: Any) -> dict[str, Any]:
    """The whole schema, with errors, headers, links, and its paths in the order of the tags."""
    postprocess_schema_enum_id_removal(result, generator)
    bodies = Bodies(result.get("components", {}).get("schemas", {}))
    for path, method, operation in _operations(result):
        bodies.complete(operation)
        _finish_operation(path, method, operation, names_objects=bodies.names_objects(operation))
    for path, method, operation in _operations(result):
        _tell_versions(result["paths"], path, method, operation)
        operation["responses"] = dict(sorted(operation["responses"].items()))
    add_links(result["paths"])
    parts = result.setdefault("components", {})
    parts.setdefault("schemas", {}).update(ERROR_SCHEMAS)
    parts["responses"] = {name: answer for _code, (name, answer) in ANSWERS.items()}
    parts["headers"] = HEADERS
    operations = [operation for _path, _method, operation in _operations(result)]
    parts["parameters"] = shared_parameters(operations)
    lend_examples(operations)
    parts["examples"] = shared_examples(operations)
    result["security"] = shared_security(operations)
    result["paths"] = _in_order(
        {
            path: {method: operations[method] for method in METHODS if method in operations}
            for path, operations in result["paths"].items()
        }
    )
    return result


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, operations in result["paths"].items():
        for method in METHODS:
            if method in operations:
                yield path, method, operations[method]


def _finish_operation(path: str, method: str, operation: Operation, *, names_objects: bool) -> None:
    responses = operation["responses"]
    for code in (*_refusals(path, method, operation), *[404] * names_objects):
        responses.setdefault(str(code), {})
    for code, answer in list(responses.items()):
        if int(code) >= HTTPStatus.BAD_REQUEST:
            responses[code] = _error(int(code), answer)
        else:
            answer["description"] = answer["description"] or HTTPStatus(int(code)).phrase
            answer["headers"] = {**answer.get("headers", {}), "X-Request-ID": _header("X-Request-ID")}
            if _takes(operation, "Idempotency-Key"):
                answer["headers"]["Idempotency-Replayed"] = _header("Idempotency-Replayed")


def _refusals(path: str, method: str, operation: Operation) -> Iterator[int]:
    """Every status this kind of operation may be refused with."""
    yield from (406, 429, 500, 503, *[411] * (method in SENDING))
    if operation.get("security", [{}]) and {} not in operation.get("security", [{}]):
        yield 401
    if "{" in path:
        yield 404
    if "requestBody" in operation or any(parameter["in"] == "query" for parameter in operation.get("parameters", ())):
        yield 400
    if "requestBody" in operation:
        yield from (413, 415)
    if _takes(operation, "Idempotency-Key"):
        yield from (400, 409, 422)
    if _takes(operation, "If-Match"):
        yield from (409, 412)
    if not operation["operationId"].endswith(("_list", "_retrieve")):
        yield 403


def _takes(operation: Operation, name: str) -> bool:
    return any(parameter.get("name") == name for parameter in operation.get("parameters", ()))


def _error(code: int, answer: dict[str, Any]) -> dict[str, Any]:
    """A reference to the shared answer, with what the view says of it; its own examples where it has some."""
    name, shared = ANSWERS[code]
    examples = answer.get("content", {}).get("application/json", {}).get("examples")
    if examples:
        content = {"application/json": {**shared["content"]["application/json"], "examples": examples}}
        return {**shared, "description": answer.get("description") or shared["description"], "content": content}
    said = str(answer.get("description", NOTHING_SAID))
    reference = {"$ref": f"#/components/responses/{name}"}
    return reference if said == NOTHING_SAID else {**reference, "description": said}


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


def _tell_versions(paths: dict[str, Any], path: str, method: str, operation: Operation) -> None:
    """Where reading an object tells its version, making and changing it do too; readers may name the one they have."""
    detail = path if path.endswith("}/") else f"{path}{{id}}/"
    read = paths.get(detail, {}).get("get", {}).get("responses", {}).get("200", {})
    if "ETag" not in read.get("headers", {}) or (path == detail) == (method == "post"):
        return
    for code in {"200", "201"} & operation["responses"].keys():
        if path == detail or method == "post":
            operation["responses"][code].setdefault("headers", {})["ETag"] = _header("ETag")
    if path == detail and method == "get":
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        operation["responses"]["304"] = {
            "description": "You have the newest version already.",
            "headers": {"ETag": _header("ETag"), "X-Request-ID": _header("X-Request-ID")},
        }


def _in_order(paths: dict[str, Any]) -> dict[str, Any]:
    """As the tags stand in the contract; within a tag as the addresses are routed."""
    order = {tag["name"]: number for number, tag in enumerate(settings.SPECTACULAR_SETTINGS["TAGS"])}

    def place(item: tuple[str, Any]) -> int:
        first = next(iter(item[1].values()))
        return order.get(next(iter(first.get("tags", ())), ""), len(order))

    return dict(sorted(paths.items(), key=place))
