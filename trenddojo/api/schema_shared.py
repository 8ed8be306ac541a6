"""What stands in many operations of the published schema is written once and referred to."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

Operation = dict[str, Any]
# Parameters that stand in this many operations are written once, examples in one less.
OFTEN = 3


def shared_parameters(operations: list[Operation]) -> dict[str, Any]:
    """Parameters that are the same in many operations, taken out of them."""
    found = [parameter for operation in operations for parameter in operation.get("parameters", ())]
    seen = Counter(map(repr, found))
    shared: dict[str, Any] = {}
    for parameter in found:
        if seen[repr(parameter)] >= OFTEN:
            shared.setdefault(parameter["name"], parameter)
    for operation in operations:
        if "parameters" in operation:
            operation["parameters"] = [
                _reference("parameters", parameter["name"]) if shared.get(parameter["name"]) == parameter else parameter
                for parameter in operation["parameters"]
            ]
    return dict(sorted(shared.items()))


def shared_examples(operations: list[Operation]) -> dict[str, Any]:
    """Examples that stand in more than one place, taken out of them; named after the resource they are of."""
    places = [(operation, examples) for operation in operations for examples in _examples(operation)]
    seen = Counter(repr(example) for _operation, examples in places for example in examples.values())
    names: dict[str, str] = {}
    shared: dict[str, Any] = {}
    for operation, examples in places:
        for name, example in examples.items():
            text = repr(example)
            if seen[text] < OFTEN - 1:
                continue
            if text not in names:
                names[text] = _free(
                    f"{operation['operationId'].partition('_')[0]}{re.sub('[^A-Za-z0-9]', '', name)}", shared
                )
                shared[names[text]] = example
            examples[name] = _reference("examples", names[text])
    return dict(sorted(shared.items()))


def shared_security(operations: list[Operation]) -> list[Any]:
    """How most operations are signed in to; only others say it themselves."""
    usual = [{"token": []}, {"browser": []}]
    for operation in operations:
        if operation.get("security") == usual:
            del operation["security"]
    return usual


def _examples(operation: Operation) -> Iterator[dict[str, Any]]:
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        for content in body.get("content", {}).values():
            if "examples" in content:
                yield content["examples"]


def _free(name: str, taken: dict[str, Any]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}{number}", number + 1
    return free


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
