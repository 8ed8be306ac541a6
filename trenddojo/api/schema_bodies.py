"""Bodies of the published schema: whether one must be sent, whether ids stand in it, and an example for each."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
Operation = dict[str, Any]
JSON = "application/json"
EMPTY = {"Nothing": {"value": {}, "summary": "Nothing"}}


class Bodies:
    """Reads bodies by the schemas of the components."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.schemas = schemas

    def complete(self, operation: Operation) -> None:
        """A body with a field that is required is required itself; one without fields shows that it is empty."""
        body = operation.get("requestBody")
        if body is None:
            return
        for content in body["content"].values():
            forms = list(self._forms(content["schema"]))
            if all(form.get("required") for form in forms):
                body["required"] = True
            if not any(form.get("properties") for form in forms):
                content.setdefault("examples", EMPTY)

    def names_objects(self, operation: Operation) -> bool:
        """Whether ids stand in its body: one that is another's answers like one in the address."""
        contents = operation.get("requestBody", {}).get("content", {}).values()
        fields = [
            field
            for content in contents
            for form in self._forms(content["schema"])
            for field in form.get("properties", {}).values()
        ]
        return any("uuid" in (field.get("format"), field.get("items", {}).get("format")) for field in fields)

    def _forms(self, schema: Schema) -> Iterator[Schema]:
        """The objects a schema allows, through references and choices."""
        if "$ref" in schema:
            yield from self._forms(self.schemas.get(schema["$ref"].rpartition("/")[2], {}))
        elif choices := schema.get("oneOf") or schema.get("anyOf"):
            for choice in choices:
                yield from self._forms(choice)
        else:
            yield schema


def lend_examples(operations: list[Operation]) -> None:
    """An answer without an example shows the one of another operation that answers the same."""
    contents = [
        content
        for operation in operations
        for answer in operation["responses"].values()
        for kind, content in answer.get("content", {}).items()
        if kind == JSON
    ]
    known = {repr(content["schema"]): content["examples"] for content in contents if content.get("examples")}
    for content in contents:
        if not content.get("examples") and repr(content["schema"]) in known:
            content["examples"] = dict(known[repr(content["schema"])])
