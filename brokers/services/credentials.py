"""Checking what the trader typed to connect, first by itself, then with the broker."""

from brokers import registry
from brokers.base import AccountReport
from brokers.errors import BrokerError, CredentialsInvalid, TryLater, WrongEnvironment
from brokers.models import BrokerConnection
from brokers.rate_limits import Priority
from brokers.services.errors import ConnectionRefusal

LONGEST = 256
HINT_LENGTH = 4


def credentials_clean(broker: str, typed: dict[str, str]) -> dict[str, str]:
    """The broker's own fields, without blanks around them. Raises ConnectionRefusal at the field."""
    cleaned = {}
    for field in registry.spec_of(broker).credential_fields:
        word, label = typed.get(field.name, "").strip(), field.label[:1].lower() + field.label[1:]
        if not word:
            raise ConnectionRefusal("missing", f"Give the {label}.", field.name)
        if len(word) > LONGEST or not (word.isascii() and word.isprintable()) or " " in word:
            raise ConnectionRefusal(
                "malformed", f"This is no {label}: copy it again, without anything around it.", field.name
            )
        cleaned[field.name] = word
    return cleaned


def key_hint(broker: str, credentials: dict[str, str]) -> str:
    """The last characters of the key id, by which the trader knows which key it is; none of a short one."""
    word = credentials.get(registry.spec_of(broker).hint_field, "")
    return word[-HINT_LENGTH:] if len(word) > 2 * HINT_LENGTH else ""


def credentials_prove(connection: BrokerConnection, credentials: dict[str, str]) -> AccountReport:
    """Ask the broker whose account these keys open. Raises BrokerError; never within a transaction."""
    given = registry.settings_of(connection, credentials)
    return registry.adapter_from(given, reads=Priority.SUBMIT).verify()


def refusal_of(connection: BrokerConnection, error: BrokerError) -> ConnectionRefusal:
    """What to tell a trader whose keys were just tried and are not kept."""
    name = registry.spec_of(connection.broker).label
    if isinstance(error, WrongEnvironment):
        kind, other = ("paper", "live") if connection.is_paper else ("live", "paper")
        sentence = f"These keys are not for {kind} trading: make {kind} keys at {name}, or choose {other} here."
        return ConnectionRefusal("wrong_environment", sentence, "is_paper")
    if isinstance(error, CredentialsInvalid):
        sentence = f"{name} does not accept these keys: copy both again, or make new ones there."
        return ConnectionRefusal("bad_keys", sentence)
    if error.code == "rate_limited":
        wait = error.after if isinstance(error, TryLater) else None
        return ConnectionRefusal("rate_limited", f"{name} was asked too often. {error.sentence}", wait=wait)
    if isinstance(error, TryLater):
        sentence = f"{name} cannot be reached just now, so that the keys could not be tried. Try again in a minute."
        return ConnectionRefusal("unreachable", sentence, wait=error.after)
    return ConnectionRefusal("unclear", f"{name} gave an answer that cannot be used: {error.sentence}")
