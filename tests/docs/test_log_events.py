"""docs/logs.md names every event that the code logs, each with its fields, and each event is logged in one place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from trenddojo.logs import EVENT, RESERVED

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("trenddojo", "accounts", "brokers", "trades")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS = {"log", "logger"}
ROW = re.compile(r"^\| `([a-z_.]+)` \| ([a-z, ]+) \| ([^|]*) \|", re.MULTILINE)
# The stand-in exchange is a program of its own, which speaks to whoever started it.
OTHERS = ("migrations", "simulator")


class Call(NamedTuple):
    place: str
    level: str
    text: str


def log_calls() -> Iterator[Call]:
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        if any(part in OTHERS for part in path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (call := _call(node, path)) is not None:
                yield call


def _call(node: ast.Call, path: Path) -> Call | None:
    function = node.func
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
        return None
    if function.value.id not in LOGGERS or function.attr not in LEVELS | {"log"}:
        return None
    said = node.args[1 if function.attr == "log" else 0]
    text = said.value if isinstance(said, ast.Constant) else ast.unparse(said)
    return Call(f"{path.relative_to(ROOT)}:{node.lineno}", function.attr, str(text))


def fields_of(text: str) -> str:
    return ", ".join(f"`{name}`" for name in re.findall(r" ([a-z_]+)=%", text))


def documented() -> dict[str, tuple[str, str]]:
    found = ROW.findall((ROOT / "docs" / "logs.md").read_text(encoding="utf-8"))
    assert len(found) == len({event for event, _, _ in found})
    return {event: (levels, fields.strip()) for event, levels, fields in found}


def test_every_log_call_names_an_event_and_its_fields() -> None:
    assert [call for call in log_calls() if not EVENT.fullmatch(call.text)] == []


def test_no_event_has_a_field_that_every_line_has() -> None:
    found = {call.text.split(" ")[0]: set(re.findall(r" ([a-z_]+)=%", call.text)) & RESERVED for call in log_calls()}

    assert {event: names for event, names in found.items() if names} == {}


def test_each_event_is_one_fact_logged_in_one_place() -> None:
    places: dict[str, list[str]] = {}
    for call in log_calls():
        places.setdefault(call.text.split(" ")[0], []).append(call.place)

    assert {event: where for event, where in places.items() if len(where) > 1} == {}


def test_the_table_of_events_is_what_the_code_logs() -> None:
    logged = {call.text.split(" ")[0]: fields_of(call.text) for call in log_calls()}
    told = {event: fields for event, (_, fields) in documented().items()}

    # An event whose fields are not known beforehand is described in words.
    assert {event: fields for event, fields in told.items() if fields.startswith("`")} == {
        event: fields for event, fields in logged.items() if fields
    }
    assert set(told) == set(logged)


def test_the_table_tells_the_level_of_each_event() -> None:
    said = {"exception": "error"}
    levels = {call.text.split(" ")[0]: said.get(call.level, call.level) for call in log_calls() if call.level != "log"}

    assert {event: level for event, (level, _) in documented().items() if event in levels} == levels
