"""A desk with something of everything, and who comes to fill in its forms: what each of them sees, another does not."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.webauthn.internal.auth import WebAuthn
from allauth.usersessions.models import UserSession
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.admin import site
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.test.client import ClientHandler
from django.urls import reverse
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

from accounts.models import IdempotencyKey, NotificationChoice, NotificationKind, User, Webhook
from accounts.services.recovery_codes import recovery_codes_make
from brokers.errors import TryLater
from brokers.http import BrokerSession
from brokers.models import AccountSnapshot
from tests.conftest import PASSWORD
from tests.factories import make_account, make_connection, make_plan, make_tag
from tests.fuzz.forms_kit import Form, forms_in
from tests.test_ownership import (
    ACCOUNT,
    CONNECTION,
    IMPORT,
    KEYED_BY_WORDS,
    OBJECT_OF,
    ORDER,
    PLAIN,
    PLAN,
    PUBLIC,
    TAKING,
    TRADE,
    WEBHOOK,
)
from tests.trades.import_kit import ROUND_TRIP, book, upload
from tests.trades.orders.eyes_kit import aged, ago, doubted, unknown_call
from tests.trades.orders.kit import connected_account, d, held, make_bracket, make_order, make_position, make_quote
from trades import models
from trades.execution.intents import account_halt, desk_halt, trader_halt

# Loaded once: the middleware reads all static files.
HANDLER = ClientHandler(enforce_csrf_checks=False)
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
HTML = {"accept": "text/html"}
SECRET = "JBSWY3DPEHPK3PXP"
PASSKEY = "passkey"
AGAIN = ("account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn")
# Objects of a kind, one of which every address of that kind is opened with at least.
World = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Visitor:
    """`come` opens the browser anew for every try; `places` are the pages looked at."""

    come: Callable[[], Client]
    places: list[str]


@pytest.fixture
def world(objects: dict[str, Any], alice: User, settings: Any) -> World:
    """What alice owns, in the states that have forms of their own."""
    settings.ENABLE_BROKER_INTEGRATIONS = True
    settings.SIMULATOR_URL = "http://127.0.0.1:9"
    # On a slow machine nobody takes the desk for dead.
    settings.DEAD_MAN_SECONDS = 86_400
    found = {kind: [one] for kind, one in objects.items()}
    Authenticator.objects.filter(pk=objects[PASSKEY].pk).delete()
    for grown in (_accounts, _held, _orders, _plans, _imports, _small):
        for kind, more in grown(alice, found).items():
            found[kind] += more
    return found


@pytest.fixture(autouse=True)
def _nobody_outside() -> Iterator[None]:
    """Brokers and webhooks do not answer; the mock broker, which needs no network, does."""
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


def _accounts(alice: User, found: World) -> World:
    """One at a broker, one with real money, one whose live switch is on, one out of use, one whose keys are off."""
    paper = connected_account(alice, "Desk")
    money = {"equity": d(100_000), "cash": d(100_000), "buying_power": d(200_000)}
    AccountSnapshot.objects.create(connection=paper.connection, at=timezone.now(), **money)
    live, armed, off = (make_account(alice, name, broker="alpaca") for name in ("Live", "Armed", "Off"))
    on = {"live_armed_at": timezone.now(), "live_used_at": timezone.now()}
    links = [
        paper.connection,
        make_connection(live, "alpaca", is_paper=False),
        make_connection(armed, "alpaca", is_paper=False, **on),
        make_connection(off, "alpaca", is_active=False, status="disabled"),
    ]
    archived = make_account(alice, "Archived", is_archived=True)
    return {ACCOUNT: [paper, live, armed, archived], CONNECTION: links}


def _held(alice: User, found: World) -> World:
    """AAPL as the broker holds it, IBM less than the broker holds, KO that only the broker knows."""
    paper = found[ACCOUNT][1]
    for symbol, quantity in (("AAPL", "100"), ("IBM", "30"), ("KO", "10")):
        make_position(paper, symbol, quantity)
        make_quote(symbol)
    return {TRADE: [held(paper, "AAPL"), held(paper, "IBM", "20")]}


def _orders(alice: User, found: World) -> World:
    """In doubt, on the way out of the book without an answer, and at work with its stop and target."""
    paper = found[ACCOUNT][1]
    doubt = doubted(paper, "MSFT", doubted_at=ago(hours=2), client_order_id="td-doubt")
    unknown_call(doubt, ago(minutes=1))
    stuck = aged(make_order(paper, "TSLA", cancel_asked_at=ago(minutes=5), status="cancelling"))
    return {ORDER: [doubt, stuck, make_bracket(paper, "NVDA")]}


def _plans(alice: User, found: World) -> World:
    manual, paper = found[ACCOUNT][:2]
    states = [make_plan(manual, "ORCL", status=status) for status in ("pending", "cancelled")]
    return {PLAN: [make_plan(paper, "AAPL"), *states], TRADE: [found[PLAN][0], states[0]]}


def _imports(alice: User, found: World) -> World:
    """One whose last line may be cut off, one that is booked."""
    account = make_account(alice, "Imported")
    booked = book(account, ROUND_TRIP)
    return {IMPORT: [upload(account, ROUND_TRIP.replace("AAPL", "MSFT").rstrip("\n")), booked]}


def _small(alice: User, found: World) -> World:
    make_tag(alice, "Hasty")
    # Two more browsers, that really are signed in.
    first, second = (signed_in(alice).session.session_key for _ in range(2))
    known = UserSession.objects.filter(pk=found["session"][0].pk)
    UserSession.objects.exclude(pk__in=known).delete()
    known.update(session_key=first)
    other = {"ip": "127.0.0.1", "user_agent": "Netscape", "data": {}, "last_seen_at": timezone.now()}
    UserSession.objects.create(user=alice, session_key=second, **other)
    off = Webhook.objects.create(user=alice, url="https://example.com/off", secret="sealed", is_active=False)
    return {WEBHOOK: [off]}


def arrived(user: User) -> Client:
    """Signed in, and asked who it is just now."""
    client = signed_in(user)
    session = client.session
    request: Any = SimpleNamespace(session=session, user=user)
    record_authentication(request, user, method="password", reauthenticated=True)
    session.save()
    return client


def browser() -> Client:
    client = Client(headers=HTML)
    client.handler = HANDLER
    return client


def signed_in(user: User) -> Client:
    client = browser()
    client.force_login(user, backend=BACKEND)
    return client


def addresses(world: World) -> list[str]:
    """Every page of alice's, each with all objects it takes; passkeys have a visitor of their own."""
    owned = {name: kind for name, kind in OBJECT_OF.items() if kind != PASSKEY}
    taking = [reverse(name, kwargs={"pk": one.pk}) for name in TAKING if name in owned for one in world[owned[name]]]
    worded = [reverse(name, kwargs=words) for name, words in KEYED_BY_WORDS.items()]
    return [*map(reverse, PLAIN), *taking, *worded, *_asking(world)]


def site_addresses(world: World) -> list[tuple[str, str]]:
    """(name, place) of every address of the site, with one object where it takes one."""
    taking = [(name, reverse(name, args=[world[OBJECT_OF[name]][0].pk])) for name in TAKING if name in OBJECT_OF]
    worded = [(name, reverse(name, kwargs=words)) for name, words in KEYED_BY_WORDS.items()]
    return [*((name, reverse(name)) for name in PLAIN), *taking, *worded]


def _asking(world: World) -> list[str]:
    """Pages that have a form, or another, only when they are asked something."""
    paper, plan = world[ACCOUNT][1], world[PLAN][1]
    named = [{"account": paper.pk, "symbol": symbol} for symbol in ("AAPL", "IBM", "KO")]
    order = {"account": paper.pk, "symbol": "AAPL", "side": "buy", "type": "limit", "limit_price": "100", "quantity": 1}
    asked: list[tuple[str, dict[str, Any]]] = [
        *(("trades:position-close-symbol", one) for one in named),
        *(("trades:position-adopt", one) for one in named),
        *(("brokers:connection-create", {"broker": broker}) for broker in ("mock", "alpaca", "simulator")),
        ("trades:order-create", order),
        ("trades:order-create", {"trade": plan.pk}),
        ("trades:trade-list", {"outcome": "win"}),
    ]
    return [f"{reverse(name)}?{urlencode(query)}" for name, query in asked]


def _trader(world: World, alice: User) -> Visitor:
    return Visitor(lambda: arrived(alice), addresses(world))


def _halted(world: World, alice: User) -> Visitor:
    """Whose brake is pulled."""
    paper = world[ACCOUNT][1]
    account_halt(owner=alice, account_id=paper.pk, reason="Enough for today")
    trader_halt(user=alice, reason="Enough for today")
    own = [reverse(name, args=[paper.pk]) for name in ("accounts:account-detail", "trades:account-halt")]
    return Visitor(lambda: arrived(alice), [reverse("trades:halt"), *own])


def _newcomer(world: World, alice: User) -> Visitor:
    """Without a password, and without an account."""
    dora = User.objects.create_user(username="newcomer", email="newcomer@example.com")
    places = ("account_set_password", "accounts:account-first")
    return Visitor(lambda: arrived(dora), [reverse(name) for name in places])


def _careful(world: World, alice: User) -> Visitor:
    """With an app, a passkey and recovery codes."""
    passkey = _factors(alice)
    plain = [reverse(name) for name in PLAIN if name.startswith("mfa_")]
    own = [reverse(name, args=[passkey.pk]) for name, kind in OBJECT_OF.items() if kind == PASSKEY]
    return Visitor(lambda: arrived(alice), [*plain, *own])


def _asked_again(world: World, alice: User) -> Visitor:
    """Signed in for long: who they are is asked again."""
    _factors(alice)
    return Visitor(lambda: signed_in(alice), [reverse(name) for name in AGAIN])


def _second_step(world: World, alice: User) -> Visitor:
    """The password is right, the second factor is asked for."""
    _factors(alice)

    def come() -> Client:
        client = browser()
        client.post(reverse("account_login"), {"login": "alice", "password": PASSWORD})
        return client

    return Visitor(come, [reverse("mfa_authenticate")])


def _stranger(world: World, alice: User) -> Visitor:
    """With a link out of a mail that confirms an address."""
    address = EmailAddress.objects.create(user=alice, email="new@example.com")
    confirm = reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])
    return Visitor(browser, [confirm, *(reverse(name) for name in sorted(PUBLIC & set(PLAIN)))])


def _forgetful(world: World, alice: User) -> Visitor:
    """With a link out of a mail that sets a new password."""
    alice.refresh_from_db()
    words = {"uidb36": user_pk_to_url_str(alice), "key": default_token_generator.make_token(alice)}
    link = reverse("account_reset_password_from_key", kwargs=words)

    def come() -> Client:
        client = browser()
        client.get(link)
        return client

    return Visitor(come, [link.replace(words["key"], "set-password")])


def _factors(user: User) -> Authenticator:
    """The passkey of an app, recovery codes and a passkey as a browser registers it."""
    TOTP.activate(user, SECRET)
    recovery_codes_make(user=user)
    public_key = ES256.from_cryptography_key(ec.derive_private_key(7, ec.SECP256R1()).public_key())
    data = AuthenticatorData.create(
        rp_id_hash=hashlib.sha256(b"testserver").digest(),
        flags=AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT,
        counter=0,
        credential_data=bytes(AttestedCredentialData.create(Aaguid(bytes(16)), bytes(16), public_key)),
    )
    response = AuthenticatorAttestationResponse(
        client_data=CollectedClientData.create("webauthn.create", bytes(32), "http://testserver"),
        attestation_object=AttestationObject.create("none", data, {}),
    )
    registered = dict(RegistrationResponse(raw_id=bytes(16), response=response))
    return WebAuthn.add(user, "Laptop", json.loads(json.dumps(registered, default=dict))).instance


def _administrator(world: World, alice: User) -> Visitor:
    """As a superuser, who may fill in all there are: lists with their actions, new objects, changes, deletions."""
    _for_the_admin(world, alice)
    bob = User.objects.create_superuser(username="bob", email="bob@example.com", password=PASSWORD)
    add = reverse("admin:brokers_brokerconnection_add")
    # Whoever and whatever holds a trade cannot be deleted, and has no form for it.
    leaver = User.objects.create_user(username="leaver", email="leaver@example.com")
    gone = [
        reverse("admin:accounts_tradingaccount_delete", args=[world[ACCOUNT][-1].pk]),
        reverse("admin:accounts_user_delete", args=[leaver.pk]),
    ]
    connects = [f"{add}?{urlencode({'user': alice.pk, 'broker': broker})}" for broker in ("mock", "alpaca")]
    return Visitor(lambda: arrived(bob), [*(place for _, place in admin_addresses()), *connects, *gone])


def _of_a_halted_desk(world: World, alice: User) -> Visitor:
    bob = User.objects.create_superuser(username="bob", email="bob@example.com", password=PASSWORD)
    desk_halt(by="bob", reason="A fault at the broker")
    names = ("accounts_halt_changelist", "accounts_halt_resume_desk")
    return Visitor(lambda: arrived(bob), [reverse(f"admin:{name}") for name in names])


def _for_the_admin(world: World, alice: User) -> None:
    """What administrators change, and nobody needed until here."""
    account, setup = world[ACCOUNT][0], world["setup"][0]
    Group.objects.create(name="Helpers")
    EmailAddress.objects.create(user=alice, email=alice.email, primary=True, verified=True)
    Authenticator.objects.create(user=alice, type=Authenticator.Type.TOTP, data={"secret": "sealed"})
    NotificationChoice.objects.create(user=alice, kind=NotificationKind.values[0])
    IdempotencyKey.objects.create(user=alice, key="one", fingerprint="0" * 64)
    models.SetupCriterion.objects.create(setup=setup, text="The trend is up")
    models.SetupRisk.objects.create(account=account, setup=setup, risk_per_trade_percent=Decimal("0.5"))
    models.ImportMapping.objects.get_or_create(account=account, header_key="0" * 64)


def admin_addresses() -> list[tuple[str, str]]:
    """(name, place) of every page of the admin, of one object where there is one; an empty place where there is none."""
    found = [("admin:index", reverse("admin:index"))]
    for model, admin in site._registry.items():
        held = model._default_manager.order_by("pk").first()
        for pattern in admin.get_urls():
            takes = pattern.pattern.converters
            if pattern.name:
                place = reverse(f"admin:{pattern.name}", args=[held.pk] if takes else []) if held or not takes else ""
                found.append((f"admin:{pattern.name}", place))
    return found


VISITORS: dict[str, Callable[[World, User], Visitor]] = {
    "a trader": _trader,
    "a halted trader": _halted,
    "a newcomer": _newcomer,
    "somebody with a second factor": _careful,
    "somebody asked again": _asked_again,
    "somebody at the second step": _second_step,
    "a stranger": _stranger,
    "somebody who forgot": _forgetful,
    "an administrator": _administrator,
    "an administrator of a halted desk": _of_a_halted_desk,
}


def forms_of(visitor: Visitor) -> dict[Any, Form]:
    """All different forms of the pages of a visitor."""
    found: dict[Any, Form] = {}
    for place in filter(None, visitor.places):
        with never_was():
            page = visitor.come().get(place)
            for form in forms_on(page, place):
                found.setdefault(form.key, form)
    return found


def forms_on(page: Any, place: str) -> list[Form]:
    if page.status_code != 200 or not page.headers.get("Content-Type", "").startswith("text/html"):
        return []
    return forms_in(page.content.decode(), place)
