"""Every form of the site, and every address with a query, takes whatever is sent to it: no page breaks, and what is
refused writes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from unittest.mock import patch

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.admin import site
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from brokers.errors import TryLater
from brokers.http import BrokerSession
from tests.fuzz.forms_kit import Form, file_names, files, filled, forms_in
from tests.fuzz.kit import EXAMPLES, examples, texts
from tests.test_ownership import KEYED_BY_WORDS, OBJECT_OF, PLAIN, PUBLIC, TAKING, _rows, objects

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

__all__ = ["objects"]

# The passkey of the objects holds no key, and signing in again would look for it.
PASSKEY = "passkey"

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
# Written for whoever looks at a page, whatever the form says.
SEEN = frozenset({"usersessions.UserSession", "trades.MatterLook"})


@pytest.fixture
def things(objects: dict[str, Any]) -> dict[str, Any]:
    Authenticator.objects.all().delete()
    return objects


@pytest.fixture(autouse=True)
def _nobody_outside() -> Iterator[None]:
    """Brokers and webhooks do not answer."""
    away = TryLater("The broker cannot be reached.", after=15, code="unreachable")
    with patch.object(BrokerSession, "send", side_effect=away), patch("socket.getaddrinfo", side_effect=OSError):
        yield


@contextmanager
def never_was() -> Iterator[None]:
    """What happens inside is taken back, and counts for no limit."""
    cache.clear()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def addresses(objects: dict[str, Any]) -> list[str]:
    owned = {name: kind for name, kind in OBJECT_OF.items() if kind != PASSKEY}
    taking = [reverse(name, kwargs={"pk": objects[owned[name]].pk}) for name in TAKING if name in owned]
    worded = [reverse(name, kwargs=words) for name, words in KEYED_BY_WORDS.items()]
    return [*map(reverse, PLAIN), *taking, *worded]


def admin_addresses() -> list[str]:
    """Every page of the admin, of one object where there is one; those that may not be opened are passed over later."""
    found = [reverse("admin:index")]
    for model, admin in site._registry.items():
        held = model._default_manager.first()
        for pattern in admin.get_urls():
            takes = pattern.pattern.converters
            if pattern.name and (held or not takes):
                found.append(reverse(f"admin:{pattern.name}", args=[held.pk] if takes else []))
    return found


def signed_in(user: User) -> Client:
    client = Client(headers={"accept": "text/html"})
    client.force_login(user, backend=BACKEND)
    return client


def forms_of(client: Client, places: list[str]) -> dict[Any, Form]:
    """All different forms of these pages."""
    found: dict[Any, Form] = {}
    for place in places:
        with never_was():
            page = client.get(place)
            if page.status_code == 200 and page.headers.get("Content-Type", "").startswith("text/html"):
                for form in forms_in(page.content.decode(), place):
                    found.setdefault(form.key, form)
    return found


class Upload(BytesIO):
    """A file under any name."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def send(client: Client, form: Form, data: st.DataObject) -> Any:
    sent: dict[str, Any] = {name: [raw(one) for one in given] for name, given in data.draw(filled(form)).items()}
    for name in sorted(form.files):
        sent[name] = Upload(data.draw(files), data.draw(file_names))
    if form.method == "post":
        return client.post(form.action, sent)
    return client.get(form.action, sent)


def raw(text: str) -> str | bytes:
    """As a browser that lies would send it: half a character is three bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass") if any("\ud800" <= one <= "\udfff" for one in text) else text


def try_all(forms: dict[Any, Form], user: User | None) -> None:
    """So many tries of each; no form ends the run for the others."""

    before = rows()

    @examples(3 if not EXAMPLES else max(1, EXAMPLES // 10))
    @given(data=st.data())
    def tries(form: Form, data: st.DataObject) -> None:
        with never_was():
            client = signed_in(user) if user else Client()
            response = send(client, form, data)
            assert response.status_code < 500, response.status_code
            if response.status_code in (400, 422) or has_errors(response):
                assert rows() == before, "what was refused was written"

    for form in forms.values():
        tries(form)


def rows() -> dict[str, Any]:
    return {name: found for name, found in _rows().items() if name not in SEEN}


def has_errors(response: Any) -> bool:
    context = (response.context or {}) if response.status_code == 200 else {}
    form = context.get("form") or getattr(context.get("adminform"), "form", None)
    return bool(getattr(form, "is_bound", False) and form.errors)


def test_no_form_of_a_trader_breaks(things: dict[str, Any], alice: User) -> None:
    forms = forms_of(signed_in(alice), addresses(things))
    assert len(forms) > 60

    try_all(forms, alice)


def test_no_form_of_the_admin_breaks(things: dict[str, Any], bob: User) -> None:
    """As a superuser, who may fill in all there are: lists with their actions, new objects, changes, deletions."""
    forms = forms_of(signed_in(bob), admin_addresses())
    assert len(forms) > 60

    try_all(forms, bob)


def test_no_form_of_a_stranger_breaks(things: dict[str, Any]) -> None:
    forms = forms_of(Client(), [reverse(name) for name in sorted(PUBLIC & set(PLAIN))])
    assert len(forms) >= 3

    try_all(forms, None)


def test_no_page_breaks_by_its_query(things: dict[str, Any], alice: User) -> None:
    """The names are those of all forms that ask, and some that no form has."""
    client = signed_in(alice)
    forms = forms_of(client, addresses(things))
    names = sorted({name for form in forms.values() for name in form.fields} | {"page", "after", "before", "next", "q"})
    choices = sorted({one for form in forms.values() for offered in form.choices.values() for one in offered})

    @examples(2 if not EXAMPLES else max(1, EXAMPLES // 10))
    @given(query=st.dictionaries(st.sampled_from(names), texts | st.sampled_from(choices), max_size=5))
    def tries(place: str, query: dict[str, str]) -> None:
        with never_was():
            response = signed_in(alice).get(place, {name: raw(one) for name, one in query.items()})
            assert response.status_code < 500

    for place in addresses(things):
        tries(place)


def test_the_reader_of_forms_finds_every_field() -> None:
    html = """<form method="post" action="/x/"><input name="a" value="1"><input type="checkbox" name="b" value="2" checked>
    <select name="c"><option value="3"><option value="4" selected></select><textarea name="d">5</textarea>
    <input type="file" name="e"><button name="f">go</button></form><form action="https://elsewhere.example/"></form>"""

    (form,) = forms_in(html, "/page/")

    assert (form.method, form.action, form.files) == ("post", "/x/", {"e"})
    assert form.fields == {"a": ["1"], "b": ["2"], "c": ["4"], "d": []}
    assert form.choices == {"b": ["2"], "c": ["3", "4"]}
