"""Signing in, security and accounts in a real browser, passkeys by a virtual authenticator."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import TradingAccount
from accounts.services.recovery_codes import recovery_codes_make
from accounts.services.tokens import token_create
from accounts.session_limits import SEEN
from accounts.session_store import SessionStore
from tests.factories import make_account, make_cash

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)

Visit = Callable[[Page, str], None]
Shots = Callable[[Page, str], None]
SignIn = Callable[[Page, "User"], None]


@pytest.fixture
def shown(screenshots: Shots) -> Shots:
    """As ``screenshots``, of a page that is not an error page."""

    def taken(page: Page, name: str) -> None:
        expect(page.locator("body")).not_to_have_attribute("data-page", "error")
        screenshots(page, name)

    return taken


@pytest.fixture
def authenticator(page: Page) -> str:
    """A fingerprint reader that always says yes."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return str(tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"])


def test_a_passkey_is_added_and_then_signs_in_alone(
    page: Page, alice: "User", sign_in: SignIn, visit: Visit, password: str, authenticator: str
) -> None:
    make_account(alice)
    sign_in(page, alice)
    visit(page, "/auth/2fa/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Name").fill("Laptop")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert Authenticator.objects.filter(user=alice, type="webauthn").count() == 1

    visit(page, "/settings/")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(lambda url: "/auth/" not in url)
    visit(page, "/settings/")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()


def test_a_passkey_nobody_has_says_so_and_signs_nobody_in(page: Page, alice: "User", visit: Visit) -> None:
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    visit(page, "/auth/login/")
    # Without any authenticator the browser would wait for one: the answer of a cancelled dialogue stands in for it.
    page.evaluate(
        "() => { navigator.credentials.get = () => Promise.reject(new DOMException('no', 'NotAllowedError')); }"
    )
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("#passkey-error")).to_be_visible()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_sign_up_proposes_the_browsers_zone_and_leads_to_a_first_account(
    browser: Any, browser_context_args: dict[str, Any], live_server: Any, db: None
) -> None:
    context = browser.new_context(**{**browser_context_args, "timezone_id": "Europe/Zurich"})
    page = context.new_page()
    page.goto(f"{live_server.url}/auth/signup/")
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Zurich")
    page.get_by_label("User name").fill("dora")
    page.get_by_label("E-mail address").fill("dora@example.com")
    page.get_by_label("Password", exact=True).fill("correct horse battery staple")
    page.get_by_label("Password (again)").fill("correct horse battery staple")
    page.get_by_role("button", name="Create your desk").click()
    expect(page.get_by_role("heading", name="Your first account")).to_be_visible()
    expect(page.get_by_label("Currency")).to_have_value("CHF")
    page.get_by_label("Starting balance").fill("10000")
    page.get_by_role("button", name="Open it").click()
    page.wait_for_url(f"{live_server.url}/")
    assert TradingAccount.objects.get(owner__username="dora").currency == "CHF"
    context.close()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("sign-in", "/auth/login/"),
        ("sign-up", "/auth/signup/"),
        ("password-reset", "/auth/password/reset/"),
        ("password-reset-done", "/auth/password/reset/done/"),
    ],
)
def test_pages_for_strangers_are_shown_to_everybody(
    name: str, path: str, page: Page, visit: Visit, shown: Shots, db: None
) -> None:
    visit(page, path)
    shown(page, name)


PAGES = {
    "account-list": "/accounts/",
    "account-create": "/accounts/new/",
    "settings": "/settings/",
    "user-delete": "/settings/delete/",
    "token-list": "/settings/tokens/",
    "token-revoke": "/settings/tokens/{token}/revoke/",
    "security": "/auth/2fa/",
    "password-change": "/auth/password/change/",
    "email-change": "/auth/email/",
    "sign-out": "/auth/logout/",
    "account-detail": "/accounts/{account}/",
    "account-edit": "/accounts/{account}/edit/",
    "risk-edit": "/accounts/{account}/risk/",
    "account-delete": "/accounts/{account}/delete/",
    "cash-list": "/accounts/{account}/cash/",
    "cash-create": "/accounts/{account}/cash/new/",
    "cash-edit": "/accounts/cash/{movement}/",
    "cash-delete": "/accounts/cash/{movement}/delete/",
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_shown_to_everybody(
    name: str, page: Page, alice: "User", sign_in: SignIn, visit: Visit, shown: Shots
) -> None:
    account = make_account(alice)
    make_account(alice, "Old", is_archived=True)
    movement = make_cash(account, "deposit", "2500.00", date(2025, 1, 2))
    make_cash(account, "charge", "12.50", date(2025, 2, 3))
    token, _ = token_create(user=alice, name="Backtester", scope="read", now=timezone.now())
    token_create(user=alice, name="Rebalancer on the server", scope="trade", now=timezone.now() - timedelta(days=100))
    sign_in(page, alice)
    visit(page, PAGES[name].format(account=account.pk, movement=movement.pk, token=token.pk))
    shown(page, name)


def test_a_token_is_made_after_the_password_was_asked_for_again_and_shown_once(
    page: Page, alice: "User", visit: Visit, shown: Shots, password: str
) -> None:
    make_account(alice)
    visit(page, "/auth/login/?next=/settings/tokens/")
    page.get_by_label("User name or e-mail address").fill("alice")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="No API tokens")).to_be_visible()
    shown(page, "token-list-empty")
    page.get_by_role("link", name="Make a token").click()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Make a token")).to_be_visible()
    shown(page, "token-create")
    page.get_by_label("Name", exact=True).fill("Backtester")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_label("Token", exact=True)).to_have_value(re.compile(r"td_[\w-]{43}"))
    page.get_by_text("How a program uses it").click()
    shown(page, "token-made")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("rowheader", name="Backtester")).to_be_visible()


def test_the_sessions_are_shown_and_one_is_ended(
    page: Page, alice: "User", visit: Visit, shown: Shots, password: str
) -> None:
    make_account(alice)
    there = Client(headers={"user-agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"})
    there.post("/auth/login/", {"login": "alice", "password": password})
    visit(page, "/auth/login/?next=/auth/sessions/")
    page.get_by_label("User name or e-mail address").fill("alice")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("cell", name="Firefox on Windows")).to_be_visible()
    shown(page, "sessions")
    page.get_by_role("button", name="Sign out 127.0.0.1").click()
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    shown(page, "reauthenticate-sessions")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("That browser is signed out.")).to_be_visible()
    assert there.get("/settings/").status_code == 302


def test_an_open_page_whose_session_is_over_leads_to_sign_in_and_back(
    page: Page, alice: "User", sign_in: SignIn, visit: Visit, shown: Shots, password: str
) -> None:
    make_account(alice)
    sign_in(page, alice)
    visit(page, "/orders/?status=working")
    expect(page.locator("#live-poll")).to_be_attached()
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == settings.SESSION_COOKIE_NAME)
    session = SessionStore(cookie["value"])
    session[SEEN] = session[SEEN] - settings.SESSION_IDLE_MINUTES * 60
    session.save()
    expect(page.get_by_text("You were signed out because nothing was done here")).to_be_visible()
    expect(page.locator("body")).to_have_attribute("data-page", "sign-in")
    shown(page, "session-over")
    page.get_by_label("User name or e-mail address").fill("alice")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile(r"/orders/\?status=working$"))


def test_an_address_that_was_asked_for_is_changed_after_the_password(
    page: Page, alice: "User", sign_in: SignIn, visit: Visit, password: str
) -> None:
    make_account(alice)
    sign_in(page, alice)
    visit(page, "/auth/email/")
    page.get_by_label("E-mail address").fill("new@example.com")
    page.get_by_role("button", name="Change the address").click()
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("new@example.com").first).to_be_visible()
    expect(page.get_by_text("It is not saved yet.")).to_have_count(0)


def test_a_user_without_accounts_is_shown_the_way(
    page: Page, alice: "User", sign_in: SignIn, visit: Visit, shown: Shots
) -> None:
    sign_in(page, alice)
    visit(page, "/accounts/")
    shown(page, "account-list-empty")
    visit(page, "/accounts/first/")
    shown(page, "account-first")


def test_the_second_factor_is_shown_to_everybody(
    page: Page, alice: "User", sign_in: SignIn, visit: Visit, shown: Shots, password: str
) -> None:
    make_account(alice)
    sign_in(page, alice)
    visit(page, "/auth/2fa/totp/activate/")
    shown(page, "reauthenticate")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Go on").click()
    shown(page, "totp-activate")
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    recovery_codes_make(user=alice)
    for name, path in {
        "recovery-codes": "/auth/2fa/recovery-codes/",
        "recovery-codes-new": "/auth/2fa/recovery-codes/generate/",
        "totp-deactivate": "/auth/2fa/totp/deactivate/",
        "passkey-add": "/auth/2fa/webauthn/add/",
        "passkeys": "/auth/2fa/webauthn/",
        "security-on": "/auth/2fa/",
    }.items():
        visit(page, path)
        shown(page, name)
    visit(page, "/auth/2fa/recovery-codes/generate/")
    page.get_by_role("button", name="Make ten codes").click()
    codes = page.get_by_role("list", name="Recovery codes").get_by_role("listitem").all_inner_texts()
    assert len(codes) == 10
    shown(page, "recovery-codes-made")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert download.value.path().read_text().splitlines()[2:] == codes
    page.context.clear_cookies()
    visit(page, "/auth/login/")
    page.get_by_label("User name or e-mail address").fill("alice")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    shown(page, "second-step")
