"""The frame around every page, and the pages that say that something went wrong."""

from typing import TYPE_CHECKING

import pytest
from django.template.loader import render_to_string
from django.test import Client, override_settings
from django.urls import reverse
from django.views.defaults import bad_request, page_not_found, permission_denied, server_error

from trenddojo.templatetags.page import NAVIGATION

if TYPE_CHECKING:
    from django.test import RequestFactory

gallery = pytest.mark.urls("tests.look.pages")


@pytest.mark.parametrize("name", [name for section in NAVIGATION.values() for name, _, _ in section])
def test_every_entry_of_the_navigation_leads_somewhere(name: str) -> None:
    assert reverse(name)


@gallery
@pytest.mark.django_db
def test_a_page_has_landmarks_a_skip_link_and_live_messages(alice_client: Client) -> None:
    html = alice_client.get("/look/").content.decode()

    assert '<a class="skip-link" href="#content">' in html
    assert '<main id="content"' in html
    assert '<nav class="desk-nav" id="nav" aria-label="Main">' in html
    assert 'id="messages" role="status" aria-live="polite"' in html
    assert html.count("<h1") == 1
    assert "Nothing was imported." in html


@gallery
@pytest.mark.django_db
def test_only_staff_see_the_way_to_the_admin(alice_client: Client, bob_client: Client) -> None:
    assert b'href="/admin/"' not in alice_client.get("/look/").content
    assert b'href="/admin/"' in bob_client.get("/look/").content


@gallery
@pytest.mark.django_db
def test_signing_out_is_a_post(alice_client: Client) -> None:
    html = alice_client.get("/look/").content.decode()

    assert f'<form method="post" action="{reverse("account_logout")}" data-sign-out>' in html


@gallery
@pytest.mark.django_db
def test_a_stranger_is_led_to_sign_in(client: Client) -> None:
    html = client.get("/look/").content.decode()

    assert f'href="{reverse("account_login")}"' in html
    assert "Sign out" not in html


@gallery
@pytest.mark.django_db
def test_no_page_asks_for_an_unsafe_policy(alice_client: Client) -> None:
    policy = alice_client.get("/look/").headers["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy


@gallery
@pytest.mark.django_db
def test_htmx_requests_carry_the_csrf_token(alice_client: Client) -> None:
    html = alice_client.get("/look/").content.decode()

    assert 'hx-headers=\'{"X-CSRFToken": "' in html


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "413", "429", "500", "503"])
def test_an_error_page_says_what_to_do_without_user_or_database(code: str) -> None:
    html = render_to_string(f"{code}.html")

    assert html.count("<h1") == 1
    assert "desk-form-actions" in html
    assert '<a class="btn btn-primary" href="/"' in html


def test_errors_answer_with_their_own_pages(rf: "RequestFactory") -> None:
    request = rf.get("/")

    assert b"could not be read" in bad_request(request, ValueError()).content
    assert b"not yours to open" in permission_denied(request, ValueError()).content
    assert b"nothing here" in page_not_found(request, ValueError()).content
    assert b"broke on our side" in server_error(request).content


@pytest.mark.django_db
@override_settings(ROOT_URLCONF="tests.look.pages")
def test_a_form_without_its_token_is_told_what_to_do(client_for: object) -> None:
    html = Client(enforce_csrf_checks=True).post("/look/", {"symbol": "AAPL"})

    assert html.status_code == 403
    assert b"This form was too old to accept" in html.content
    assert b'data-page="form-refused"' in html.content
