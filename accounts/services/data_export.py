"""Everything a user owns, as one zip that is written while it is sent.

The models decide what is in it (accounts.ownership): each gives a JSON and a CSV file, each file field its files.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.fields.files import FieldFile

from accounts.models import User
from accounts.ownership import Owned, owned_models

CHUNK = 64 * 1024
# Secrets would open the desk to whoever finds the file; none of them tells the trader anything.
SECRET_COLUMNS = {
    "accounts.user": {"password"},
    "accounts.apitoken": {"digest"},
    "accounts.idempotencykey": {"fingerprint", "body"},
    "accounts.webhook": {"secret", "old_secret"},
    "account.emailconfirmation": {"key"},
    "brokers.brokerconnection": {"credentials"},
    "mfa.authenticator": {"data"},
    "usersessions.usersession": {"session_key"},
}
README = """Everything TrendDojo keeps about {username}.

data/   one JSON and one CSV file a table; times are UTC, money and prices are exact decimals
files/  screenshots and imported files as they are stored; the tables name them

Passwords, tokens, keys of brokers, webhooks and of the second factor, and sessions are left out.
"""


def export_models() -> list[Owned]:
    """What is exported: the user and every model with rows of the user, without mere joining tables."""
    owned = [one for one in owned_models(User) if not one.model._meta.auto_created]
    return [Owned(User, "pk"), *owned]


def user_export(user: User) -> Iterator[bytes]:
    """The zip in pieces. Memory stays flat: rows and files go through one at a time."""
    sink = _Sink()
    missing: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, pieces in _entries(user, missing):
            with archive.open(name, "w", force_zip64=True) as entry:
                for piece in pieces:
                    entry.write(piece)
                    yield from sink.taken()
    yield from sink.taken()


def _entries(user: User, missing: list[str]) -> Iterator[tuple[str, Iterable[bytes]]]:
    yield "README.txt", [README.format(username=user.get_username()).encode()]
    for one in export_models():
        name = one.model._meta.label_lower.replace(".", "_")
        yield f"data/{name}.json", _json(one, user)
        yield f"data/{name}.csv", _csv(one, user)
        for field in one.file_fields():
            yield from _files(one, field, user, missing)
    if missing:
        yield "missing.txt", ["".join(["These files are named in the tables but not there:\n", *missing]).encode()]


def _columns(model: type[models.Model]) -> list[models.Field]:
    secret = SECRET_COLUMNS.get(model._meta.label_lower, set())
    said = [field for field in model._meta.concrete_fields if not isinstance(field, models.GeneratedField)]
    return [field for field in said if field.name not in secret]


def _rows(one: Owned, user: User) -> Iterator[dict[str, Any]]:
    columns = [field.attname for field in _columns(one.model)]
    names = [field.name for field in one.model._meta.many_to_many]
    rows = one.rows(user).order_by("pk")
    if not names:
        yield from rows.values(*columns).iterator(chunk_size=1000)
        return
    for row in rows.prefetch_related(*names).iterator(chunk_size=1000):
        said = {name: _plain(getattr(row, name)) for name in columns}
        yield said | {name: [str(related.pk) for related in getattr(row, name).all()] for name in names}


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, FieldFile) else value


def _json(one: Owned, user: User) -> Iterator[bytes]:
    before = "[\n"
    for row in _rows(one, user):
        yield (before + json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)).encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def _csv(one: Owned, user: User) -> Iterator[bytes]:
    names = [field.attname for field in _columns(one.model)] + [m.name for m in one.model._meta.many_to_many]
    yield _line(names)
    for row in _rows(one, user):
        yield _line([_cell(value) for value in row.values()])


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """Text that a spreadsheet would run as a formula is led by an apostrophe; numbers and times stay themselves."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    if value is None:
        return ""
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False).strip('"')


def _files(one: Owned, field: str, user: User, missing: list[str]) -> Iterator[tuple[str, Iterable[bytes]]]:
    for name in one.rows(user).exclude(**{field: ""}).values_list(field, flat=True).iterator():
        try:
            file = default_storage.open(name)
        except OSError:
            missing.append(f"{name}\n")
            continue
        with file:
            yield f"files/{name}", file.chunks(CHUNK)


class _Sink(io.RawIOBase):
    """What the zip writes into: it cannot be rewound, and what was written can be taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces
