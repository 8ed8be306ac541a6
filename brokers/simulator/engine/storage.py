"""The exchange's memory as plain data that JSON can hold, and back: by the types its classes declare."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

MICROSECOND = timedelta(microseconds=1)


def packed(value: Any) -> Any:
    """The value as lists, dictionaries, texts and whole numbers."""
    kind: Any = type(value)
    return _writer(kind)(value)


@cache
def _writer(kind: Any) -> Callable[[Any], Any]:
    if is_dataclass(kind):
        names = [field.name for field in fields(kind)]
        return lambda value: {name: packed(getattr(value, name)) for name in names}
    return next((write for family, write in WRITERS if issubclass(kind, family)), lambda value: value)


def unpacked(kind: Any, data: Any) -> Any:
    """The value of this type that was packed as `data`."""
    if data is None:
        return None
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return unpacked(next(each for each in get_args(kind) if each is not type(None)), data)
    if origin is list:
        return [unpacked(get_args(kind)[0], each) for each in data]
    if origin is dict:
        return {key: unpacked(get_args(kind)[1], each) for key, each in data.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: unpacked(hints[name], each) for name, each in data.items()})
    reader = READERS.get(kind)
    return reader(data) if reader else _plain(kind, data)


def _plain(kind: Any, data: Any) -> Any:
    return kind(data) if isinstance(kind, type) and issubclass(kind, Enum) else data


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


# In this order: a datetime is a date too, and the words of an order are texts already.
WRITERS: list[tuple[type, Any]] = [
    (dict, lambda value: {key: packed(each) for key, each in value.items()}),
    (list, lambda value: [packed(each) for each in value]),
    (Enum, lambda value: value.value),
    (Decimal, str),
    (datetime, datetime.isoformat),
    (date, date.isoformat),
    (timedelta, lambda value: value // MICROSECOND),
]
READERS: dict[Any, Any] = {
    Decimal: Decimal,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    timedelta: lambda value: value * MICROSECOND,
}
