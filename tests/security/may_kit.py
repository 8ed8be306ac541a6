"""Who asks, what an answer says of whether they may, and the kinds of addresses there are."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

from accounts.models import User
from accounts.services.recovery_codes import recovery_codes_make
from tests.api.kit import token_for

# Who asks. A token is sent as programs send it; the others are browsers.
STRANGER, OWNER, OTHER = "stranger", "owner", "other trader"
READER, WRITER, ANOTHERS = "owner's read token", "owner's trade token", "another's token"
STAFF, SUPERUSER = "staff without permissions", "superuser"
ACTORS: Final = (STRANGER, OWNER, OTHER, READER, WRITER, ANOTHERS, STAFF, SUPERUSER)
TOKENS: Final = (READER, WRITER, ANOTHERS)
PEOPLE: Final = (OWNER, OTHER, STAFF, SUPERUSER)

# What an answer says.
YES, OWN = "yes", "own"
SIGN_IN, AGAIN = "signs in", "password again"
NOT_THERE, REFUSED, NO_TOKEN, NO_METHOD = "404", "403", "401", "405"

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# What asking writes about itself: a session, and when a token was last used.
OF_THE_ASKING: Final = frozenset({"django_session", "usersessions_usersession", "api_tokens"})
WRITING = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of address: what each who asks is answered, and the sentence that explains it."""

    name: str
    sentence: str
    answers: dict[str, str]

    def __getitem__(self, actor: str) -> str:
        return self.answers[actor]


def _kind(name: str, sentence: str, **groups: str) -> Kind:
    """Answers by group: stranger (tokens are strangers to pages), tokens, people; one who asks outdoes a group."""
    stranger, people = groups.pop("stranger"), groups.pop("people")
    answers = dict.fromkeys((STRANGER, *TOKENS), stranger) | dict.fromkeys(PEOPLE, people)
    single = {"owner": OWNER, "reader": READER, "writer": WRITER, "anothers": ANOTHERS, "staff": STAFF}
    single["superuser"] = SUPERUSER
    return Kind(name, sentence, answers | {single[name]: answer for name, answer in groups.items()})


# Pages.
EVERYBODY = _kind("everybody", "Open to everybody.", stranger=YES, people=YES)
SIGNED_IN = _kind("signed in", "Everybody who signed in, each with their own.", stranger=SIGN_IN, people=OWN)
OF_OWNER = _kind(
    "its owner", "Its owner; to everybody else it does not exist.", stranger=SIGN_IN, people=NOT_THERE, owner=YES
)
ASKED_AGAIN = _kind(
    "signed in, asked again",
    "Everybody who signed in, each with their own, after the password or the second factor was asked for again.",
    stranger=SIGN_IN, people=AGAIN,
)  # fmt: skip
FACTOR_OF_OWNER = _kind(
    "its owner, asked again",
    "Its owner, after the password or the second factor was asked for again.",
    stranger=SIGN_IN, people=NOT_THERE, owner=AGAIN,
)  # fmt: skip
OF_STAFF = _kind(
    "staff", "Staff; to everybody else it does not exist.",
    stranger=NOT_THERE, people=NOT_THERE, staff=YES, superuser=YES,
)  # fmt: skip
NOWHERE = _kind("nobody", "Nothing is there.", stranger=NOT_THERE, people=NOT_THERE)
# The admin, where traders are refused and strangers sign in.
ADMIN_HOME = _kind(
    "any staff", "Staff; what they find there is what they were given.",
    stranger=SIGN_IN, people=REFUSED, staff=YES, superuser=YES,
)  # fmt: skip
ADMIN_GIVEN = _kind(
    "staff who were given it", "Superusers, and staff who were given this.",
    stranger=SIGN_IN, people=REFUSED, superuser=YES,
)  # fmt: skip
ADMIN_APP = _kind(
    "staff who were given some of it", "Superusers, and staff who were given something in it.",
    stranger=SIGN_IN, people=REFUSED, staff=NOT_THERE, superuser=YES,
)  # fmt: skip
ADMIN_NOBODY = _kind("nobody", "Nobody: it is read only.", stranger=SIGN_IN, people=REFUSED)
ADMIN_NOWHERE = _kind(
    "nobody", "Nothing is there.", stranger=SIGN_IN, people=REFUSED, staff=NOT_THERE, superuser=NOT_THERE
)
ADMIN_DOOR = _kind(
    "everybody", "The site's own sign-in stands before it.", stranger=SIGN_IN, people=REFUSED, staff=YES, superuser=YES
)
# The API.
API_READ = _kind(
    "signed in", "Everybody, each with their own.",
    stranger=NO_TOKEN, people=OWN, reader=OWN, writer=OWN, anothers=OWN,
)  # fmt: skip
API_CHANGE = _kind(
    "signed in, no read token", "Everybody, each with their own; a token to read may not.",
    stranger=NO_TOKEN, people=OWN, reader=REFUSED, writer=OWN, anothers=OWN,
)  # fmt: skip
API_READ_ONE = _kind(
    "its owner", "Its owner; to everybody else it does not exist.",
    stranger=NO_TOKEN, people=NOT_THERE, owner=YES, reader=YES, writer=YES, anothers=NOT_THERE,
)  # fmt: skip
API_CHANGE_ONE = _kind(
    "its owner, no read token", "Its owner, but no token to read; to everybody else it does not exist.",
    stranger=NO_TOKEN, people=NOT_THERE, owner=YES, reader=REFUSED, writer=YES, anothers=NOT_THERE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who sends requests, each as if it were their first."""

    name: str
    client: Client

    def ask(self, method: str, address: str, body: Any = None) -> Any:
        """The answer; whatever the request did is undone."""
        cookies = self.client.cookies.copy()
        cache.clear()
        options: dict[str, Any] = {} if body is None else {"data": body, "content_type": "application/json"}
        try:
            with transaction.atomic():
                answer = _send(self.client, method, address, options)
                transaction.set_rollback(True)
        finally:
            self.client.cookies = cookies
        return answer


def _send(client: Client, method: str, address: str, options: dict[str, Any]) -> Any:
    takes_body = method in {"POST", "PUT", "PATCH"}
    return getattr(client, method.lower())(address, **(options if takes_body else {}))


def askers(alice: User, charlie: User, client_for: Callable[[User], Client]) -> list[Asker]:
    """One of each who asks: alice owns, charlie must be refused."""
    clerk = _staff("clerk")
    chief = _staff("chief", is_superuser=True)
    people = (alice, charlie, clerk, chief)
    EmailAddress.objects.bulk_create(EmailAddress(user=user, email=user.email, primary=True) for user in people)
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    recovery_codes_make(user=alice)
    browsers = {OWNER: alice, OTHER: charlie, STAFF: clerk, SUPERUSER: chief}
    tokens = {READER: token_for(alice, "read"), WRITER: token_for(alice), ANOTHERS: token_for(charlie)}
    clients = {STRANGER: Client()}
    clients |= {name: client_for(user) for name, user in browsers.items()}
    clients |= {name: Client(headers={"Authorization": f"Bearer {text}"}) for name, text in tokens.items()}
    return [Asker(name, clients[name]) for name in ACTORS]


def _staff(name: str, **fields: Any) -> User:
    return User.objects.create_user(name, f"{name}@example.com", "a long pass phrase", is_staff=True, **fields)


def verdict(answer: Any, address: str) -> str:
    """What an answer says of whether they may: a form that is wrong was let in, too."""
    code, place = answer.status_code, answer.headers.get("Location", "")
    if place.startswith(("/auth/login/?", "/admin/login/?")):
        return SIGN_IN
    if "/reauthenticate/" in place and "/reauthenticate/" not in address:
        return AGAIN
    if code in {401, 403, 404, 405}:
        return str(code)
    return YES if code < 429 or code == 503 else f"unexpected: {code}"


@contextmanager
def writes() -> Iterator[list[str]]:
    """The tables that are written meanwhile, but for what asking writes about itself."""
    found: list[str] = []

    def look(execute: Any, sql: str, parameters: Any, many: Any, context: Any) -> Any:
        written = WRITING.match(sql)
        if written is not None and written[1] not in OF_THE_ASKING:
            found.append(written[1])
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(look):
        yield found


def routes(patterns: Any = None, begins: str = "/", namespace: str = "") -> Iterator[tuple[str, str]]:
    """Name and address of everything the site answers to, such as `trades:trade-detail` and `/trades/<uuid:pk>/`."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        here = begins + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}", here
        else:
            inside = f"{entry.namespace}:" if entry.namespace else namespace
            yield from routes(entry.url_patterns, here, inside)
