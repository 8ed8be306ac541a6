"""Links of the published schema: what can be done next with an object that was just made or read."""

from typing import Any

Paths = dict[str, Any]
ID_OF_ANSWER = "$response.body#/id"


def add_links(paths: Paths) -> None:
    """From every POST that makes an object, to all that is done with it by its id."""
    for path, operations in paths.items():
        made = operations.get("post", {}).get("responses", {}).get("201")
        following = _following(paths, path)
        if made is not None and following:
            made["links"] = following


def _following(paths: Paths, collection: str) -> dict[str, Any]:
    """Operations whose address is the collection's, the object's id, and perhaps a verb."""
    begins = f"{collection}{{id}}/"
    names = sorted(
        operation["operationId"]
        for path, operations in paths.items()
        if path.startswith(begins) and path.count("{") == 1
        for operation in operations.values()
    )
    return {name: {"operationId": name, "parameters": {"id": ID_OF_ANSWER}} for name in names}
