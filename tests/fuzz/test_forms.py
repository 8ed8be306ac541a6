"""Every form of the site, and every address with a query, takes whatever is sent to it: no page breaks, and what is
refused writes nothing."""

from dataclasses import replace
from fnmatch import fnmatch
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.admin import site
from django.test import Client, RequestFactory
from django.urls import resolve
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from tests.fuzz.forms_kit import Form, Upload, as_offered, file_names, files, filled, forms_in, raw
from tests.fuzz.forms_not_tried import ADMIN_SHOWS, NOT_FORMS
from tests.fuzz.forms_world import (
    VISITORS,
    Visitor,
    World,
    _nobody_outside,
    admin_addresses,
    forms_of,
    forms_on,
    never_was,
    site_addresses,
    world,
)
from tests.fuzz.kit import EXAMPLES, examples, texts
from tests.test_ownership import _rows, objects
from trades.models import Order

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

__all__ = ["_nobody_outside", "objects", "world"]

# Written for whoever looks at a page, whatever the form says; and what a broker answered when it was asked.
SEEN = frozenset({"usersessions.UserSession", "trades.MatterLook", "brokers.Quote"})
# Those with many pages fill in their forms in so many parts, that none takes long.
PARTS = {"a trader": 5, "an administrator": 3}


def send(client: Client, form: Form, data: st.DataObject) -> Any:
    action, given = data.draw(filled(form))
    sent: dict[str, Any] = {name: [raw(one) for one in values] for name, values in given.items()}
    for name in sorted(form.files):
        sent[name] = Upload(data.draw(files), data.draw(file_names))
    method = client.post if form.method == "post" else client.get
    return method(action, sent, headers={"hx-request": "true"} if form.is_htmx else {})


def try_all(visitor: Visitor, forms: dict[Any, Form]) -> None:
    """So many tries of each; no form ends the run for the others."""
    before = rows()

    @examples(3 if not EXAMPLES else max(1, EXAMPLES // 10))
    @given(data=st.data())
    def tries(form: Form, data: st.DataObject) -> None:
        with never_was():
            client = visitor.come()
            response = send(client, form, data)
            check(response, before)
            # What is asked only then, as before an order is sent.
            further = [each for each in forms_on(response, form.action) if each.key not in forms]
            if form.method == "post" and further:
                then = rows()
                check(send(client, data.draw(st.sampled_from(further)), data), then)

    for form in by_button(forms):
        tries(form)


def by_button(forms: dict[Any, Form]) -> list[Form]:
    """Those with several buttons are sent by each of them; the admin's three ways to save are drawn among."""
    found = []
    for form in forms.values():
        is_drawn = form.action.startswith("/admin/") or len(form.buttons) < 2
        found += [form] if is_drawn else [replace(form, buttons=[button]) for button in form.buttons]
    return found


def check(response: Any, before: dict[str, Any]) -> None:
    assert response.status_code < 500, response.status_code
    if response.status_code in (400, 422) or has_errors(response):
        assert rows() == before, "what was refused was written"


def rows() -> dict[str, Any]:
    return {name: found for name, found in _rows().items() if name not in SEEN}


def has_errors(response: Any) -> bool:
    context = (response.context or {}) if response.status_code == 200 else {}
    form = context.get("form") or getattr(context.get("adminform"), "form", None)
    return bool(getattr(form, "is_bound", False) and form.errors)


@pytest.mark.parametrize(("who", "part"), [(who, part) for who in VISITORS for part in range(PARTS.get(who, 1))])
def test_no_form_breaks(world: World, alice: User, who: str, part: int) -> None:
    visitor = VISITORS[who](world, alice)
    visitor = replace(visitor, places=visitor.places[part :: PARTS.get(who, 1)])
    forms = forms_of(visitor)
    assert forms

    try_all(visitor, forms)


def test_a_ticket_filled_in_as_it_is_offered_is_previewed_and_sent(world: World, alice: User) -> None:
    """The second step is no page of its own: it stands in the answer to the first."""
    visitor = VISITORS["a trader"](world, alice)
    (place,) = (each for each in visitor.places if "limit_price=" in each)
    (ticket,) = (
        form for form in forms_on(visitor.come().get(place), place) if form.buttons and "/orders/" in form.action
    )
    client, before = visitor.come(), set(Order.objects.values_list("pk", flat=True))

    answer = client.post(ticket.action, as_offered(ticket) | {"step": "preview"})
    (confirm,) = (form for form in forms_on(answer, ticket.action) if ("step", "send", "") in form.buttons)
    client.post(confirm.action, as_offered(confirm) | {"step": "send"})

    (order,) = Order.objects.exclude(pk__in=before)
    assert (order.symbol, order.status, order.quantity) == ("AAPL", "new", 1)


def test_every_address_of_the_site_that_answers_a_post_is_tried(world: World, alice: User) -> None:
    """What gets no form from any page belongs to the table, with its reason."""
    reached = set[str]()
    for who in sorted(who for who in VISITORS if "administrator" not in who):
        with never_was():
            reached |= reached_by(VISITORS[who](world, alice))

    taken = answering_posts(VISITORS["a trader"](world, alice), site_addresses(world))
    assert sorted(taken - reached) == sorted(NOT_FORMS)


def test_every_address_of_the_admin_that_answers_a_post_is_tried(world: World, alice: User) -> None:
    with never_was():
        reached = reached_by(VISITORS["an administrator of a halted desk"](world, alice))
    visitor = VISITORS["an administrator"](world, alice)
    allowed = permitted(User.objects.get(username="bob"))
    pages = admin_addresses()
    assert [name for name, place in pages if name in allowed and not place] == []

    shown = {place for name, place in pages if name not in allowed}
    reached |= reached_by(replace(visitor, places=[place for place in visitor.places if place not in shown]))
    assert sorted(allowed - reached) == []


def reached_by(visitor: Visitor) -> set[str]:
    """The names of the addresses its forms are posted to."""
    return {
        resolve(address.split("?")[0]).view_name
        for form in forms_of(visitor).values()
        if form.method == "post"
        for address in (form.action, *(button.action for button in form.buttons if button.action))
    }


def answering_posts(visitor: Visitor, pages: list[tuple[str, str]]) -> set[str]:
    """The names of those that do not refuse a POST as such."""
    found = set()
    for name, place in pages:
        with never_was():
            if visitor.come().post(place, {"nothing": "at all"}).status_code != HTTPStatus.METHOD_NOT_ALLOWED:
                found.add(name)
    return found


def permitted(superuser: User) -> set[str]:
    """The names of the admin's addresses that somebody may send something to; what is only shown is left out."""
    request = RequestFactory().get("/admin/")
    request.user = superuser
    found = {f"admin:{pattern.name}" for pattern in site.get_urls() if getattr(pattern, "name", None)}
    for model, admin in site._registry.items():
        may = {"add": admin.has_add_permission, "change": admin.has_change_permission}
        may["delete"] = admin.has_delete_permission
        stem = f"{model._meta.app_label}_{model._meta.model_name}"
        refused = {f"{stem}_{action}" for action, has in may.items() if not has(request)}
        found |= {f"admin:{each.name}" for each in admin.get_urls() if each.name and each.name not in refused}
    return {name for name in found if not any(fnmatch(name, shown) for shown in ADMIN_SHOWS)}


@pytest.mark.parametrize("part", range(4))
def test_no_page_breaks_by_its_query(world: World, alice: User, part: int) -> None:
    """The names are those of all forms that ask, and some that no form has."""
    visitor = VISITORS["a trader"](world, alice)
    forms = forms_of(replace(visitor, places=visitor.places[part::4]))
    names = sorted({name for form in forms.values() for name in form.fields} | {"page", "after", "before", "next", "q"})
    choices = sorted({one for form in forms.values() for offered in form.choices.values() for one in offered})

    @examples(2 if not EXAMPLES else max(1, EXAMPLES // 10))
    @given(query=st.dictionaries(st.sampled_from(names), texts | st.sampled_from(choices), max_size=5))
    def tries(place: str, query: dict[str, str]) -> None:
        with never_was():
            response = visitor.come().get(place, {name: raw(one) for name, one in query.items()})
            assert response.status_code < 500

    for place in visitor.places[part::4]:
        tries(place)


def test_the_reader_of_forms_finds_every_field() -> None:
    html = """<input name="g" form="one" value="6"><form method="post" action="/x/" id="one"><input name="a" value="1">
    <input type="checkbox" name="b" value="2" checked><select name="c"><option value="3"><option value="4" selected>
    </select><textarea name="d">5</textarea><select name="h"><option value="7"></select><input type="number" name="i">
    <input type="file" name="e"><button name="f" value="go">Go</button><button formaction="/y/">Or</button></form>
    <div hx-post="/z/" hx-include="#one"></div><form action="https://elsewhere.example/"></form>"""

    form, at_once = forms_in(html, "/page/")

    assert (form.method, form.action, form.files) == ("post", "/x/", {"e"})
    assert form.fields == {"a": ["1"], "b": ["2"], "c": ["4"], "d": ["5"], "h": ["7"], "i": [""], "g": ["6"]}
    assert form.choices == {"b": ["2"], "c": ["3", "4"], "h": ["7"]}
    assert form.buttons == [("f", "go", ""), ("", "", "/y/")]
    assert form.likely["i"] == "10"
    assert (at_once.action, at_once.fields, at_once.is_htmx) == ("/z/", form.fields, True)
