"""Every address of the site, asked for by everybody in every way: what the table says holds, and nothing else is there.

The table is in may_pages, may_api and may_admin, and as a page in docs/who-may-what.md.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.api.belongings_kit import address as api_address
from tests.api.belongings_kit import belongings, operations
from tests.api.test_every_route import example
from tests.security import may_admin
from tests.security.may_api import OPERATIONS
from tests.security.may_kit import (
    ADMIN_GIVEN,
    ADMIN_NOBODY,
    AGAIN,
    EVERYBODY,
    METHODS,
    OTHER,
    OWN,
    OWNER,
    SAFE,
    STRANGER,
    YES,
    Asker,
    Kind,
    askers,
    routes,
    verdict,
    writes,
)
from tests.security.may_objects import address_of
from tests.security.may_pages import CHANGED, PAGES
from tests.test_ownership import objects
from tools.who_may_what_page import PAGE, as_markdown

__all__ = ["objects"]

pytestmark = pytest.mark.django_db

BY_NAME = dict(routes())
LET_IN = {YES, OWN, AGAIN}
MODEL_VIEWS = {"changelist": "view", "add": "add", "history": "view", "delete": "delete", "change": "view"}


CHANGES = {"add": "add", "change": "change", "delete": "delete"}


def _of_model(name: str) -> bool:
    return any(name == f"admin:{label}_{view}" for label in may_admin.MODELS for view in MODEL_VIEWS)


def _room(name: str) -> str:
    return name.partition(":")[0] if ":" in name else "sign-in"


@pytest.fixture
def everybody(alice: User, charlie: User, client_for: Callable[[User], Client]) -> list[Asker]:
    return askers(alice, charlie, client_for)


def wrong(asker: Asker, method: str, address: str, kind: Kind, body: Any = None, *, is_taken: bool = True) -> list[str]:
    """What an answer has that the table has not; and what was written by a refusal or by a method that is safe."""
    with writes() as written:
        answer = asker.ask(method, address, body)
        if answer.headers.get("Location", "").startswith("/admin/login/"):
            answer = asker.ask("GET", answer["Location"])  # the door says who comes in
    found, said = verdict(answer, address), kind[asker.name]
    if is_taken:
        is_right = found == (YES if said == OWN else said)
        may_write = said in LET_IN and method not in SAFE
    else:
        # Refused; or sent elsewhere by a page that has nothing for them.
        is_right = answer.status_code >= 300 or method in {"HEAD", "OPTIONS"} or kind is EVERYBODY
        may_write = False
    if is_right and (may_write or not written):
        return []
    return [f"{asker.name}: {method} {address} is {found}, the table says {said}; wrote {written}"]


@contextmanager
def undone() -> Iterator[None]:
    """What is made for one address is not there for the next."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_every_address_is_in_the_table() -> None:
    pages = {name for name in BY_NAME if not name.startswith(("admin:", "api:"))}
    assert pages - PAGES.keys() == set(), "Say in tests/security/may_pages.py who may open this."
    assert PAGES.keys() - pages == {"api:index", "api:schema", "api:docs", "api:nothing"}
    published = {(path, method.upper()) for path, method, _ in operations()}
    stated = {(path, method) for path, methods in OPERATIONS.items() for method in methods}
    assert published == stated, "Say in tests/security/may_api.py who may do this."
    registered = {f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry}
    assert registered == may_admin.MODELS.keys(), "Say in tests/security/may_admin.py what may be done with this."
    assert {name for name in BY_NAME if name.startswith("admin:") and not _of_model(name)} == may_admin.OTHERS.keys()


@pytest.mark.parametrize("room", sorted({_room(name) for name in PAGES}))
def test_pages(objects: dict[str, Any], everybody: list[Asker], room: str) -> None:
    found: list[str] = []
    for name, (methods, kind) in PAGES.items():
        if _room(name) != room:
            continue
        with undone():
            address = address_of(name, objects)
            changed, asked_for = CHANGED.get(name, ("", kind))
            found += asked(
                everybody, address, dict.fromkeys(methods.split(), kind) | dict.fromkeys(changed.split(), asked_for)
            )
    assert found == []


@pytest.mark.parametrize("part", range(3))
def test_operations_of_the_api(alice: User, everybody: list[Asker], part: int) -> None:
    keys = belongings(alice)
    found: list[str] = []
    for path, stated in list(OPERATIONS.items())[part::3]:
        with undone():
            # The stream of events would have no end.
            address = api_address(path, keys) + ("?types=nothing" if path == "/api/v1/events/" else "")
            bodies = {method: _body(path, method, keys) if "{" in path else {} for method in stated}
            found += asked(everybody, address, stated, bodies)
    assert found == []


def _body(path: str, method: str, keys: dict[str, Any]) -> dict[str, Any]:
    """The published example, with a tag of the owner's where it names one to merge into."""
    body = example(path, method.lower())
    return {**body, "into": str(keys["into"])} if "into" in body else body


def asked(
    everybody: list[Asker], address: str, stated: dict[str, Kind], bodies: dict[str, Any] | None = None
) -> list[str]:
    """Everybody asks in the ways that are stated; a stranger, the owner and somebody else in all others, too."""
    found: list[str] = []
    for asker in everybody:
        for method, kind in stated.items():
            found += wrong(asker, method, address, kind, (bodies or {}).get(method))
        for method in METHODS:
            if method not in stated and asker.name in {STRANGER, OWNER, OTHER}:
                kind = next(iter(stated.values()))
                found += wrong(asker, method, address, kind, is_taken=False)
    return found


@pytest.mark.parametrize("app", sorted({label.partition("_")[0] for label in may_admin.MODELS}))
def test_models_in_the_admin(objects: dict[str, Any], everybody: list[Asker], alice: User, app: str) -> None:
    found: list[str] = []
    for label, rights in may_admin.MODELS.items():
        if label.partition("_")[0] != app:
            continue
        row = alice if label == "accounts_user" else apps.get_model(*label.split("_"))._default_manager.first()
        for view, right in MODEL_VIEWS.items():
            if view == "history" and row is None:
                continue
            takes = view in {"history", "delete", "change"}
            address = reverse(f"admin:{label}_{view}", args=[row.pk if row else 0] if takes else [])
            asked_for = {"GET": right} | ({"POST": CHANGES[view]} if view in CHANGES else {})
            for method, needed in asked_for.items():
                kind = ADMIN_GIVEN if needed in rights.split() else ADMIN_NOBODY
                found += [line for asker in everybody for line in wrong(asker, method, address, kind)]
    assert found == []


def test_what_else_the_admin_has(objects: dict[str, Any], everybody: list[Asker]) -> None:
    found: list[str] = []
    for name, (method, kind) in may_admin.OTHERS.items():
        address = address_of(name, objects)
        found += [line for asker in everybody for line in wrong(asker, method, address, kind)]
    assert found == []


def test_files_are_at_no_address_of_their_own(objects: dict[str, Any], everybody: list[Asker]) -> None:
    for asker in everybody:
        for address in (objects["screenshot"].image.url, "/media/", "/static/../.env", "/.env"):
            assert asker.ask("GET", address).status_code == 404, (asker.name, address)


def test_no_page_changes_anything_without_the_token_of_its_form(objects: dict[str, Any], alice_client: Client) -> None:
    alice_client.handler.enforce_csrf_checks = True
    owner = Asker(OWNER, alice_client)
    found = []
    for name in PAGES:
        expected = {401, 403, 404, 405} if name.startswith("api:") else {403}
        with undone(), writes() as written:
            address = address_of(name, objects)
            made = len(written)
            codes = {method: owner.ask(method, address).status_code for method in ("POST", "PUT", "PATCH", "DELETE")}
        if not set(codes.values()) <= expected or len(written) > made:
            found.append((name, codes, written[made:]))
    assert found == []


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == as_markdown(), "Run python -m tools.who_may_what_page."
