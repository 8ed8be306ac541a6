"""Every page of signing up and in, of the second factor and of sessions is fit to be shown to a customer.

Each is opened by its address's name, so that an address the library adds is missed by the last test.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import allauth.urls
import pytest
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.webauthn.internal.auth import WebAuthn
from cryptography.hazmat.primitives.asymmetric import ec
from django.urls import URLResolver, reverse
from django.utils import timezone
from fido2.cose import ES256
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorAttestationResponse,
    AuthenticatorData,
    CollectedClientData,
    RegistrationResponse,
)
from playwright.sync_api import Page

from accounts.services.recovery_codes import recovery_codes_make
from tests.browser.conftest import Tour
from tests.factories import make_account

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[Page, "User"], None]

FOR_STRANGERS = (
    *("account_login", "account_signup", "account_inactive", "account_email_verification_sent"),
    *("account_reset_password", "account_reset_password_done", "account_reset_password_from_key_done"),
)
SIGNED_IN = ("account_logout", "account_change_password", "account_email", "mfa_index", "mfa_list_webauthn")
# Asked for with the password just typed.
JUST_SIGNED_IN = (
    *("usersessions_list", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes"),
    *("mfa_add_webauthn", "mfa_list_webauthn", "mfa_index", "account_reauthenticate", "mfa_reauthenticate"),
    "mfa_reauthenticate_webauthn",
)
BY_KEY = (
    *("account_confirm_email", "account_reset_password_from_key", "account_set_password", "mfa_activate_totp"),
    *("mfa_edit_webauthn", "mfa_remove_webauthn", "mfa_authenticate"),
)
# A file, what only a script asks, and a way of signing in that is closed.
NO_PAGES = {"mfa_download_recovery_codes", "mfa_login_webauthn", "account_confirm_login_code"}


def _page_name(name: str) -> str:
    return name.replace("_", "-")


def _passkey(user: "User", name: str) -> Authenticator:
    """A passkey as a browser registers it."""
    credential = name.encode().ljust(16)[:16]
    public_key = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    data = AuthenticatorData.create(
        rp_id_hash=hashlib.sha256(b"localhost").digest(),
        flags=AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT,
        counter=0,
        credential_data=bytes(AttestedCredentialData.create(Aaguid(bytes(16)), credential, public_key)),
    )
    response = AuthenticatorAttestationResponse(
        client_data=CollectedClientData.create("webauthn.create", bytes(32), "http://localhost"),
        attestation_object=AttestationObject.create("none", data, {}),
    )
    registered = dict(RegistrationResponse(raw_id=credential, response=response))
    return WebAuthn.add(user, name, json.loads(json.dumps(registered, default=dict))).instance


def _visit(tour: Tour, name: str, *args: object, shown_as: str = "") -> None:
    """Show a page by its address's name; one that leads elsewhere was not shown."""
    path = reverse(name, args=args)
    tour.visit(shown_as or _page_name(name), path)
    if urlsplit(tour.page.url).path != path:
        tour.refused.append(f"{name}: {path} led to {tour.page.url}")


def test_pages_for_strangers_are_fit_to_be_shown(tour: Tour) -> None:
    for name in FOR_STRANGERS:
        _visit(tour, name)


def test_sign_up_that_is_closed_says_so(tour: Tour, settings: object) -> None:
    settings.SIGNUP_OPEN = False  # type: ignore[attr-defined]
    tour.visit("sign-up-closed", reverse("account_signup"))


def test_links_out_of_a_mail_lead_to_pages_fit_to_be_shown(alice: "User", tour: Tour) -> None:
    address, _ = EmailAddress.objects.get_or_create(user=alice, email=alice.email)
    key = EmailConfirmationHMAC(address).key
    _visit(tour, "account_confirm_email", key)
    token = [user_pk_to_url_str(alice), default_token_generator.make_token(alice)]
    tour.visit("account-reset-password-from-key", reverse("account_reset_password_from_key", args=token))


def test_pages_of_a_trader_without_a_second_factor_are_fit_to_be_shown(
    alice: "User", sign_in: SignIn, tour: Tour
) -> None:
    make_account(alice)
    sign_in(tour.page, alice)
    for name in SIGNED_IN:
        _visit(tour, name)
    EmailAddress.objects.update_or_create(user=alice, email=alice.email, defaults={"verified": True, "primary": True})
    EmailAddress.objects.create(user=alice, email="a.new.and.rather.long.address@example.com", verified=False)
    _visit(tour, "account_email", shown_as="account-email-changing")


def test_a_password_is_set_where_there_is_none(alice: "User", sign_in: SignIn, tour: Tour) -> None:
    alice.set_unusable_password()
    alice.save()
    sign_in(tour.page, alice)
    _visit(tour, "account_set_password")


def test_a_password_an_administrator_gave_is_changed(alice: "User", sign_in: SignIn, tour: Tour) -> None:
    make_account(alice)
    type(alice).objects.filter(pk=alice.pk).update(password_good_until=timezone.now() + timedelta(hours=24))
    sign_in(tour.page, alice)
    tour.visit("account-password-given", "/settings/")
    assert urlsplit(tour.page.url).path == reverse("account_change_password")


def test_pages_of_the_second_factor_are_fit_to_be_shown(
    alice: "User", sign_in: SignIn, tour: Tour, password: str
) -> None:
    make_account(alice)
    sign_in(tour.page, alice)
    tour.page.goto(tour.address + reverse("mfa_activate_totp"))
    tour.page.get_by_label("Password").fill(password)
    tour.page.get_by_role("button", name="Go on").click()
    tour.page.wait_for_url("**/totp/activate/")
    tour.show("mfa-activate-totp")
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    recovery_codes_make(user=alice)
    keys = [_passkey(alice, name) for name in ("Laptop", "Blue key in the drawer of the office at home")]
    for name in JUST_SIGNED_IN:
        _visit(tour, name, shown_as=f"{_page_name(name)}-on")
    tour.page.goto(tour.address + reverse("mfa_generate_recovery_codes"))
    tour.page.get_by_role("button", name="Make ten codes").click()
    tour.page.get_by_role("heading", name="Your recovery codes").wait_for()
    tour.show("mfa-recovery-codes-made")
    for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
        _visit(tour, name, keys[1].pk)
    tour.page.context.clear_cookies()
    tour.page.goto(tour.address + reverse("account_login"))
    tour.page.get_by_label("User name or e-mail address").fill("alice")
    tour.page.get_by_label("Password").fill(password)
    tour.page.get_by_role("button", name="Sign in", exact=True).click()
    tour.page.wait_for_url("**/2fa/authenticate/")
    tour.show("mfa-authenticate")


def _names(patterns: list[object]) -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        found |= _names(pattern.url_patterns) if isinstance(pattern, URLResolver) else {pattern.name}  # type: ignore[attr-defined]
    return found


def test_every_address_of_the_library_is_shown_by_one_of_these_tests() -> None:
    assert _names(allauth.urls.urlpatterns) == {*FOR_STRANGERS, *SIGNED_IN, *JUST_SIGNED_IN, *BY_KEY} | NO_PAGES
