"""A form sent twice: the same key with the same words is the same thing, with other words it is asked about."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

from django.db import IntegrityError

from accounts.models import User
from trades.models import Fill, Order, Trade
from trades.services.errors import TradeError
from trenddojo.statements import rows_of

ANOTHERS = "This form was sent before: save once more to send it anew."

Kept = TypeVar("Kept", Trade, Fill, Order)


def sent_before(model: type[Kept], creation_key: UUID, *, owner: User) -> Kept | None:
    """What the form with this key made the first time; the caller holds the account's lock.

    Raises TradeError (sent_before) for a key that is somebody else's.
    """
    # Two accounts have two locks: the key's own lock puts the same form sent to both in line.
    rows_of("SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", {"key": str(creation_key)})
    given = {"key": creation_key}
    if not rows_of(f"SELECT FROM {model._meta.db_table} WHERE creation_key = %(key)s", given):
        return None
    known = model.objects.filter(creation_key=creation_key).select_related("account").first()
    if known is not None and known.account.owner_id != owner.pk:
        raise TradeError("sent_before", ANOTHERS)
    return known


def made_before(model: type[Kept], creation_key: UUID, *, owner: User) -> Kept | None:
    """What a key of this user made at its first sending, for whoever is about to refuse it now.

    Its answer may be all that was lost: what it made stands, however things are since.
    """
    return model.objects.filter(creation_key=creation_key, account__owner=owner).select_related("account").first()


@contextmanager
def key_used_once(constraint: str) -> Iterator[None]:
    """Let the database say that a form's key was used elsewhere; raises TradeError (sent_before) for it.

    The transaction is then spent: the caller's ends with the exception.
    """
    try:
        yield
    except IntegrityError as problem:
        if getattr(problem.__cause__, "diag", None) and problem.__cause__.diag.constraint_name == constraint:
            raise TradeError("sent_before", ANOTHERS) from problem
        raise


def same_or_refuse(known: Kept, *, said: object, kept: object) -> Kept:
    """Return what was made when the form says the same again; raise TradeError (sent_before) when it says more.

    Going back to a sent form and changing it must neither be lost nor make a second thing unasked.
    """
    if said == kept:
        return known
    raise TradeError(
        "sent_before",
        "This form was saved before, with other entries. Save once more to record these as well, "
        "or open what was saved to change it.",
    )
