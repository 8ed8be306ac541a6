"""JSON as this API takes it: one object, in UTF-8, of modest size, in which nothing is said twice."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from trenddojo.api.errors import TooLarge

MOST_BYTES = 256 * 1024
MOST_LEVELS = 12
# An escape of a surrogate, which may be half of a character.
HALF = re.compile(r"\\u[dD][89a-fA-F]")


class StrictJSONParser(BaseParser):
    """Numbers become Decimal or int, digit for digit as they were sent; NaN and Infinity are no numbers."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,  # noqa: ARG002 - the framework's signature
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The object that was sent. Raises ParseError and TooLarge, the latter before anything is read."""
        if _length(parser_context) > MOST_BYTES:
            raise TooLarge(f"Send at most {MOST_BYTES // 1024} KiB of JSON.")
        raw = stream.read(MOST_BYTES + 1)
        try:
            text = raw.decode("utf-8")
            found = json.loads(text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_without_doubles)
        except ParseError:
            raise
        except RecursionError as problem:
            raise ParseError("This JSON is nested too deeply.") from problem
        except (ValueError, ArithmeticError) as problem:
            # A number with an exponent beyond every decimal is an ArithmeticError.
            raise ParseError("This is not JSON in UTF-8: check quotes, commas and brackets.") from problem
        if HALF.search(text):
            _check_whole(found)
        if not isinstance(found, dict):
            raise ParseError("Send one JSON object, such as {}.")
        _check_levels(found)
        return found


def _length(parser_context: Mapping[str, Any] | None) -> int:
    """What Content-Length says; the server hands on no more than that."""
    request = (parser_context or {}).get("request")
    words = request.META.get("CONTENT_LENGTH", "") if request is not None else ""
    return int(words) if str(words).isdecimal() else 0


def _check_whole(found: Any) -> None:
    """Half of a pair of surrogates is no character: no database and no answer can hold it."""
    try:
        json.dumps(found, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as problem:
        raise ParseError("A text holds half a character: send whole Unicode characters.") from problem


def _no_number(word: str) -> NoReturn:
    raise ParseError(f"{word} is no number: send a decimal as a string.")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ParseError("A field is given twice in one object: give it once.")
    for name in found:
        _check_name(name)
    return found


def _check_name(name: str) -> None:
    if len(name) > 100 or not name.isprintable():  # noqa: PLR2004 - no field has a longer name
        raise ParseError("A field's name is too long or cannot be printed.")


def _check_levels(found: Any) -> None:
    level = [found]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise ParseError("This JSON is nested too deeply.")
