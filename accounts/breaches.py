"""Whether a password is known from a breach elsewhere: asked by five characters of its hash, or not at all.

A service that answers such questions sends every hash it knows that begins with them, a few hundred, and learns neither
which of them was meant nor whether any was.
"""

import hashlib
import logging
import time
from http import HTTPStatus
from typing import Final

import requests
from django.conf import settings
from requests_hardened import Config, HTTPSession

log = logging.getLogger(__name__)

ASKED_WITH: Final = 5
# Seconds: to connect, between two bytes, and for all of it. Somebody waits for the page.
TIMEOUT: Final = (1.0, 1.5)
ANSWER_WITHIN: Final = 3.0
LARGEST_ANSWER: Final = 1024 * 1024


class NoAnswer(Exception):
    """What came is no answer to the question; its text is a word for the log."""


def is_breached(password: str) -> bool:
    """False where nobody is asked, and where whoever is asked does not answer: a password must be changeable."""
    if not settings.BREACHED_PASSWORDS_URL:
        return False
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    try:
        answer = _answer(digest[:ASKED_WITH])
    except (NoAnswer, requests.RequestException) as problem:
        # Without a trace: it has the address that was asked.
        log.warning("password.breaches.silent problem=%s", _named(problem))
        return False
    return any(_is_of(line, digest[ASKED_WITH:]) for line in answer.splitlines())


def _named(problem: Exception) -> str:
    return str(problem) if isinstance(problem, NoAnswer) else type(problem).__name__


def _is_of(line: str, rest: str) -> bool:
    """A line is the rest of a hash and how often it was seen; what was seen never is there to fill the answer up."""
    suffix, _, count = line.partition(":")
    return suffix.strip().upper() == rest and count.strip() != "0"


def _answer(begins: str) -> str:
    until = time.monotonic() + ANSWER_WITHIN
    address = f"{settings.BREACHED_PASSWORDS_URL.rstrip('/')}/{begins}"
    with _session() as session:
        headers = {"Add-Padding": "true", "Accept-Encoding": "identity"}
        with session.get(address, headers=headers, stream=True) as response:
            if response.status_code != HTTPStatus.OK:
                raise NoAnswer(f"status_{response.status_code}")
            return _read(response, until)


def _session() -> HTTPSession:
    session = HTTPSession(
        Config(
            # The operator names the address, which may be of a machine of their own.
            ip_filter_enable=False,
            ip_filter_allow_loopback_ips=True,
            never_redirect=True,
            default_timeout=TIMEOUT,
            user_agent_override=settings.SITE_NAME,
        )
    )
    # Neither a proxy nor a .netrc of the machine.
    session.trust_env = False
    return session


def _read(response: requests.Response, until: float) -> str:
    whole = bytearray()
    # As it comes, with an eye on the clock: somebody who drips bytes holds no page for longer.
    for piece in response.iter_content(1):
        whole += piece
        if len(whole) > LARGEST_ANSWER:
            raise NoAnswer("too_large")
        if time.monotonic() > until:
            raise NoAnswer("too_slow")
    return whole.decode("ascii", "replace")
