"""What docs/security.md states in a sentence and no test of a whole subject holds: small claims, one by one."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import time_machine
from allauth.account import app_settings
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.tokens import default_token_generator
from django.core import mail, signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.services.recovery_codes import recovery_codes_make
from tests.security.may_kit import EVERYBODY
from tests.security.may_objects import SPECIAL, address_of
from tests.security.may_pages import PAGES
from tests.security.test_sessions import in_production
from tests.test_ownership import objects
from trades.models import Order
from trenddojo import logs

__all__ = ["objects"]

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ("accounts", "brokers", "trades", "trenddojo", "tools")
SECRET = "JBSWY3DPEHPK3PXP"
SIGN_IN, RESET, SIGN_UP = "/auth/login/", "/auth/password/reset/", "/auth/signup/"


class Inputs(HTMLParser):
    """The fields of a page, each as its attributes."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "input":
            self.found.append(dict(attrs))


def sources(*folders: str, ending: str) -> Iterator[tuple[str, str]]:
    """Name and text of every file of the desk's own with this ending; migrations and what others wrote left out."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob(f"*{ending}")):
            if not {"migrations", "vendor"} & set(path.parts):
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


# --- Scripts, checks and templates of the desk's own ---------------------------------------------------------------------


def test_scripts_of_the_desk_make_no_markup_no_code_and_no_copies_of_foreign_keys() -> None:
    refused = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|\beval\(|new Function|DOMParser"
        r"|Object\.assign|__proto__|\bprototype\b|structuredClone"
    )
    scripts = dict(sources("static/js", ending=".js"))
    assert len(scripts) > 5
    assert {name: found[0] for name, text in scripts.items() if (found := refused.search(text))} == {}


def test_the_checks_this_rests_on_are_on_for_all_of_the_product() -> None:
    """S102 and S307: no exec, no eval; S602, S604, S605: no shell; S608: no SQL put together; S311: real randomness."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    let_pass = {code for folder, codes in lint["per-file-ignores"].items() if folder != "tests/**" for code in codes}
    assert lint["select"] == ["ALL"]
    assert not {"S102", "S307", "S311", "S602", "S604", "S605", "S608"} & {*lint["ignore"], *let_pass}
    assert not {"S"} & {*lint["ignore"], *let_pass}


def test_no_pattern_is_built_while_visitors_type() -> None:
    """All but one are made of constants when their module is read; the one hides secrets in logs, each escaped."""
    built = []
    for name, text in sources(*PRODUCT, ending=".py"):
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.Lambda)]
        calls = {call for made in functions for call in ast.walk(made) if isinstance(call, ast.Call) and call.args}
        built += [
            (name, ast.unparse(call))
            for call in calls
            if ast.unparse(call.func).startswith("re.") and not isinstance(call.args[0], ast.Constant)
        ]
    assert built == [("trenddojo/redaction.py", "re.compile('|'.join(map(re.escape, long_enough)))")]


def test_templates_are_files_and_never_made_of_words() -> None:
    making = re.compile(r"\bTemplate\(|from_string\(|jinja2", re.IGNORECASE)
    product = dict(sources(*PRODUCT, ending=".py"))
    assert len(product) > 100
    assert [name for name, text in product.items() if making.search(text)] == []


def test_weak_hashes_serve_nothing_that_must_hold() -> None:
    """A prefix of SHA-1 is what services of breached passwords take; MD5 makes ids of an import's own rows."""
    weak = re.compile(r"\b(?:md5|sha1|MD5|SHA1)\s*\(")
    found = {name for name, text in sources(*PRODUCT, ending=".py") if weak.search(text)}
    assert found == {"accounts/breaches.py", "trades/imports/staging.py"}


@pytest.mark.parametrize("form", ["plain", "json"])
def test_logs_go_to_standard_error_alone(form: str) -> None:
    made = logs.configuration("INFO", form)
    (handler,) = made["handlers"].values()
    assert (handler["class"], handler["stream"]) == ("logging.StreamHandler", sys.stderr)
    assert [name for name, logger in made["loggers"].items() if logger["handlers"]] == []


# --- What answers tell and take ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", SIGN_IN, "/api/v1/", "/api/v1/accounts/", "/api/v1/schema/", "/nothing/here"])
def test_no_other_site_is_allowed_to_read_an_answer(alice_client: Client, address: str) -> None:
    preflight = {"origin": "https://elsewhere.example.com", "access-control-request-method": "POST"}
    asked = [alice_client.get(address, headers=preflight), alice_client.options(address, headers=preflight)]
    told = [name for answer in asked for name in answer.headers if name.lower().startswith("access-control-")]
    assert told == []


def test_names_of_files_in_headers_are_made_of_dates_ids_and_symbols(
    objects: dict[str, Any], alice: User, alice_client: Client
) -> None:
    orders = [
        Order.objects.create(
            owner=alice, account=objects["account"], symbol=symbol, side="buy", type="market", quantity=1
        )
        for symbol in ("BRK.B", "BTC/USD", "/ES")
    ]
    stories = [reverse(f"trades:order-story-{form}", args=[order.pk]) for order in orders for form in ("json", "csv")]
    others = [reverse(name) for name in ("trades:trade-export", "trades:import-template", "accounts:data-export")]
    answers = [alice_client.get(address) for address in [*stories, *others]]
    odd = [
        answer.get("Content-Disposition", "")
        for answer in answers
        if not re.fullmatch(r'attachment; filename="[\w.-]+"', answer.get("Content-Disposition", ""), re.ASCII)
    ]
    assert odd == []


@pytest.mark.parametrize("between", ["\n", "\r\n", "\r", "%0a"])
def test_an_address_cannot_bring_a_header_into_a_mail(alice: User, between: str) -> None:
    email = f"alice@example.com{between}Bcc: eve@example.com"
    body = {"username": "dora", "password1": "a long pass phrase", "password2": "a long pass phrase", "timezone": "UTC"}
    answers = [Client().post(RESET, {"email": email}), Client().post(SIGN_UP, {**body, "email": email})]
    assert [list(answer.context["form"].errors) for answer in answers] == [["email"], ["email"]]
    assert mail.outbox == []


# --- Passwords and users -------------------------------------------------------------------------------------------------


def password_fields(page: bytes) -> dict[str, dict[str, str | None]]:
    return {str(field["name"]): field for field in Inputs(page).found if "password" in str(field.get("name"))}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (SIGN_IN, {"password": "current-password"}),
        (SIGN_UP, {"password1": "new-password", "password2": "new-password"}),
        ("/auth/reauthenticate/", {"password": "current-password"}),
        (
            "/auth/password/change/",
            {"oldpassword": "current-password", "password1": "new-password", "password2": "new-password"},
        ),
    ],
)
def test_passwords_are_masked_and_open_to_managers(
    alice_client: Client, address: str, expected: dict[str, str]
) -> None:
    client = Client() if address in {SIGN_IN, SIGN_UP} else alice_client
    fields = password_fields(client.get(address).content)
    assert {name: field["autocomplete"] for name, field in fields.items()} == expected
    assert {field["type"] for field in fields.values()} == {"password"}
    assert not [field for field in fields.values() if {"readonly", "maxlength", "onpaste"} & field.keys()]


def test_no_script_looks_at_what_is_pasted() -> None:
    assert [name for name, text in sources("static/js", ending=".js") if re.search(r"paste|beforeinput", text)] == []


def test_a_new_desk_has_no_users_and_no_tokens() -> None:
    assert not User.objects.exists()
    assert not ApiToken.objects.exists()


def test_in_production_passwords_are_hashed_a_million_times() -> None:
    program = (
        "import django; django.setup();"
        "from django.contrib.auth.hashers import make_password;"
        "print(*make_password('a long pass phrase').split('$')[:2])"
    )
    assert in_production(program) == "pbkdf2_sha256 1000000"


def test_a_password_of_ten_years_ago_still_signs_in(alice: User, password: str) -> None:
    long_ago = timezone.now().replace(year=timezone.now().year - 10, month=1, day=1)
    User.objects.update(date_joined=long_ago, last_login=long_ago)
    browser = Client()
    browser.post(SIGN_IN, {"login": "alice", "password": password})
    assert browser.get("/settings/").status_code == 200


def test_signing_up_asks_no_secret_question_and_for_no_telephone() -> None:
    named = {field["name"] for field in Inputs(Client().get(SIGN_UP).content).found if field.get("type") != "hidden"}
    assert named <= {"username", "email", "password1", "password2", "timezone"}


def test_second_factors_are_apps_codes_and_keys_and_never_a_telephone(settings: Any) -> None:
    assert settings.MFA_SUPPORTED_TYPES == ["totp", "recovery_codes", "webauthn"]


@pytest.mark.parametrize("steps", [-2, -1, 0, 1])
def test_a_code_of_the_app_is_good_for_its_half_minute(alice: User, password: str, steps: int) -> None:
    TOTP.activate(alice, SECRET)
    with time_machine.travel(1_800_000_001, tick=False):
        browser = Client()
        browser.post(SIGN_IN, {"login": "alice", "password": password})
        code = format_hotp_value(hotp_value(SECRET, 1_800_000_000 // 30 + steps))
        browser.post("/auth/2fa/authenticate/", {"code": code})
        assert ("_auth_user_id" in browser.session) is (steps == 0)


# --- Sessions ------------------------------------------------------------------------------------------------------------


def test_looking_at_a_page_signs_nobody_in(objects: dict[str, Any]) -> None:
    browser = Client()
    open_to_all = [name for name, (methods, kind) in PAGES.items() if kind is EVERYBODY and "GET" in methods]
    for name in open_to_all:
        browser.get(address_of(name, objects))
    assert len(open_to_all) > 5
    assert "_auth_user_id" not in browser.session


def test_every_page_of_the_desk_leads_out_at_once(objects: dict[str, Any], alice: User, alice_client: Client) -> None:
    """Pages with the menu have the button; small ones, of one question, lead to the desk."""
    recovery_codes_make(user=alice)
    menus, small = [], []

    for name, (methods, _) in PAGES.items():
        if "GET" not in methods or name in SPECIAL or name.startswith("api:"):
            continue
        answer = alice_client.get(address_of(name, objects))
        if answer.status_code != 200 or answer.streaming or b"<html" not in answer.content:
            continue
        (menus if b"data-sign-out" in answer.content else small).append((name, answer.content))
    assert len(menus) > 50
    assert [name for name, page in small if b'class="desk-brand" href="/"' not in page] == []


# --- Links that are signed -----------------------------------------------------------------------------------------------


def confirmed_by(key: str) -> bool:
    EmailAddress.objects.update(verified=False)
    Client().post(reverse("account_confirm_email", args=[key]))
    return EmailAddress.objects.get().verified


def test_a_link_counts_as_it_was_signed_by_this_desk_for_this_purpose(alice: User, settings: Any) -> None:
    address = EmailAddress.objects.create(user=alice, email=alice.email, primary=True)
    key = EmailConfirmationHMAC(address).key
    value, moment, signature = key.split(":")
    changed = signature[:-2] + ("AA" if signature[-2:] != "AA" else "BB")
    assert confirmed_by(key)
    assert not confirmed_by(f"{value}:{moment}:{changed}")
    assert not confirmed_by(f"{signing.dumps(address.pk + 1).split(':')[0]}:{moment}:{signature}")
    assert not confirmed_by(signing.dumps(address.pk, salt="another purpose"))
    assert not confirmed_by(signing.dumps(address.pk, key="k" * 60, salt=app_settings.SALT))
    assert not confirmed_by(default_token_generator.make_token(alice))


def test_a_link_to_a_new_password_counts_as_it_was_sent_and_for_its_user(alice: User, charlie: User) -> None:
    Client().post(RESET, {"email": alice.email})
    link = re.search(r"http://testserver(/auth/password/reset/key/)(\w+)-(\S+?)/\s", str(mail.outbox[0].body))
    assert link is not None
    place, user, token = link.groups()
    changed = token[:-1] + ("a" if token[-1] != "a" else "b")
    tried = [f"{user}-{token}", f"{user}-{changed}", f"{user_pk_to_url_str(charlie)}-{token}", f"{user}-set-password"]
    pages = [Client().get(f"{place}{key}/", follow=True).content for key in tried]
    assert [b"This link does not work" in page for page in pages] == [False, True, True, True]
