"""The admin asks for what the site asks for, and its staff cannot make themselves more than they are."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.factories import make_account, make_connection
from trades.models import Order

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"
EVERY_RIGHT = ("view", "add", "change", "delete")


def given(user: User, *models: str) -> User:
    """Staff with every right over these models, and no superuser."""
    user.is_staff, user.is_superuser = True, False
    user.save()
    names = [f"{right}_{model}" for right in EVERY_RIGHT for model in models]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


@pytest.fixture
def clerk(charlie: User, client_for: Any) -> Client:
    return client_for(given(charlie, "user", "group", "emailaddress", "authenticator", "usersession", "order"))


def test_a_password_alone_does_not_open_the_admin(client: Client, bob: User, password: str) -> None:
    TOTP.activate(bob, SECRET)
    sent = client.post("/admin/login/?next=/admin/", {"username": "bob", "password": password})
    assert (sent.status_code, sent["Location"]) == (302, "/auth/login/?next=%2Fadmin%2F")
    asked = client.post(sent["Location"], {"login": "bob", "password": password})
    assert asked["Location"].startswith("/auth/2fa/authenticate/")
    assert client.get("/admin/").status_code == 302
    assert "_auth_user_id" not in client.session


def test_whoever_has_no_second_factor_is_led_to_turn_one_on(bob: User, bob_client: Client, settings: Any) -> None:
    settings.ADMIN_SECOND_FACTOR = True
    for address in ("/admin/", "/admin/accounts/user/", "/admin/trades/order/"):
        assert bob_client.get(address)["Location"] == "/auth/2fa/"
    TOTP.activate(bob, SECRET)
    assert bob_client.get("/admin/").status_code == 200


def test_a_trader_is_refused_at_the_admins_door(alice_client: Client) -> None:
    assert alice_client.get("/admin/login/?next=/admin/").status_code == 403


def test_ones_password_is_changed_on_the_sites_page_alone(bob: User, bob_client: Client, password: str) -> None:
    body = {"old_password": password, "new_password1": "a new pass phrase", "new_password2": "a new pass phrase"}
    assert bob_client.post("/admin/password_change/", body)["Location"] == "/auth/password/change/"
    bob.refresh_from_db()
    assert bob.check_password(password)


FORM = {"username": "dora", "email": "dora@example.com", "timezone": "UTC", "is_active": "on"}


def test_staff_raise_nobody_to_staff(clerk: Client, charlie: User) -> None:
    dora = User.objects.create_user("dora", "dora@example.com", "a long pass phrase")
    raised = {**FORM, "is_staff": "on", "is_superuser": "on", "user_permissions": [Permission.objects.first().pk]}
    assert clerk.post(f"/admin/accounts/user/{dora.pk}/change/", raised).status_code == 302
    dora.refresh_from_db()
    assert (dora.is_staff, dora.is_superuser, dora.user_permissions.count()) == (False, False, 0)


@pytest.mark.parametrize("whom", ["charlie", "bob"])
def test_staff_change_neither_themselves_nor_other_staff(
    clerk: Client, bob: User, charlie: User, password: str, whom: str
) -> None:
    person = {"bob": bob, "charlie": charlie}[whom]
    raised = {**FORM, "username": whom, "is_superuser": "on", "is_staff": "on"}
    place = f"/admin/accounts/user/{person.pk}"
    new = {"usable_password": "true", "password1": "taken over 1234", "password2": "taken over 1234"}
    for address, body in (
        (f"{place}/change/", raised),
        (f"{place}/password/", new),
        (f"{place}/delete/", {"post": "y"}),
    ):
        assert clerk.post(address, body).status_code in {302, 403, 404}
    person.refresh_from_db()
    assert person.check_password(password)
    assert (person.email, person.is_superuser) == (f"{whom}@example.com", whom == "bob")


def test_staff_take_over_no_address_factor_or_session_of_a_superuser(clerk: Client, bob: User) -> None:
    address = EmailAddress.objects.create(user=bob, email=bob.email, primary=True, verified=True)
    factor = TOTP.activate(bob, SECRET).instance
    session = UserSession.objects.create(
        user=bob, session_key="s" * 32, ip="127.0.0.1", user_agent="", data={}, last_seen_at=timezone.now()
    )
    for model, row in (
        ("account/emailaddress", address),
        ("mfa/authenticator", factor),
        ("usersessions/usersession", session),
    ):
        for what in ("change", "delete"):
            body = {"post": "yes", "user": str(bob.pk), "email": "evil@example.com", "verified": "on", "primary": "on"}
            assert clerk.post(f"/admin/{model}/{row.pk}/{what}/", body).status_code in {302, 403}
        listed = clerk.get(f"/admin/{model}/").content.decode()
        assert "bob" not in listed
    mine = {"user": str(bob.pk), "email": "evil@example.com", "verified": "on"}
    assert clerk.post("/admin/account/emailaddress/add/", mine).status_code == 200
    address.refresh_from_db()
    assert (address.email, address.verified) == ("bob@example.com", True)
    assert not EmailAddress.objects.filter(email="evil@example.com").exists()
    assert Authenticator.objects.filter(pk=factor.pk).exists()
    assert UserSession.objects.filter(pk=session.pk).exists()


def test_groups_are_for_superusers(clerk: Client, bob_client: Client) -> None:
    group = Group.objects.create(name="Clerks")
    assert clerk.get("/admin/auth/group/").status_code == 403
    assert clerk.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Kings"}).status_code == 403
    assert bob_client.get("/admin/auth/group/").status_code == 200


def test_nobody_changes_an_order_in_the_admin(clerk: Client, bob_client: Client, alice: User) -> None:
    order = Order.objects.create(
        owner=alice, account=make_account(alice), symbol="AAPL", side="buy", type="market", quantity=1
    )
    for browser in (clerk, bob_client):
        assert browser.get(f"/admin/trades/order/{order.pk}/change/").status_code == 200
        assert browser.post(f"/admin/trades/order/{order.pk}/change/", {"quantity": "9"}).status_code == 403
        assert browser.post(f"/admin/trades/order/{order.pk}/delete/", {"post": "yes"}).status_code == 403
    order.refresh_from_db()
    assert order.quantity == 1


def test_no_page_of_the_admin_shows_a_secret(bob_client: Client, alice: User) -> None:
    factor = TOTP.activate(alice, SECRET).instance
    connection = make_connection(make_account(alice))
    session = UserSession.objects.create(
        user=alice, session_key="k" * 32, ip="127.0.0.1", user_agent="", data={}, last_seen_at=timezone.now()
    )
    shown = "".join(
        bob_client.get(address).content.decode()
        for address in (
            f"/admin/mfa/authenticator/{factor.pk}/change/",
            f"/admin/brokers/brokerconnection/{connection.pk}/change/",
            f"/admin/usersessions/usersession/{session.pk}/change/",
            f"/admin/accounts/user/{alice.pk}/change/",
        )
    )
    for secret in (SECRET, factor.data["secret"], connection.credentials, "k" * 32, alice.password):
        assert secret not in shown


def test_a_session_deleted_in_the_admin_is_signed_out(bob_client: Client, alice: User, password: str) -> None:
    browser = Client()
    browser.post("/auth/login/", {"login": "alice", "password": password})
    session = UserSession.objects.get(user=alice)
    bob_client.post(f"/admin/usersessions/usersession/{session.pk}/delete/", {"post": "yes"})
    assert browser.get("/settings/").status_code == 302
