"""A trader has looked at a matter: it is put aside until it changes."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from accounts.models import User
from trades.models import MatterLook
from trades.selectors.matters import Matter, matters_of
from trenddojo.domain.errors import DomainError

LONGEST_KEY, LONGEST_STATE = 200, 64


class MatterResolved(DomainError):
    """Nothing of the owner's that needs eyes has this key, or has it any more."""

    def __init__(self) -> None:
        super().__init__("resolved", "It is resolved by now.")


class MatterChanged(DomainError):
    """It stands otherwise than it was shown."""

    def __init__(self) -> None:
        super().__init__("changed", "It has changed since you looked: look at it again.")


def matter_put_aside(*, owner: User, key: str, state: str, now: datetime) -> Matter:
    """Note that the owner has looked at a matter as it was shown. Raises MatterResolved and MatterChanged."""
    known = _known(owner, now)
    found = _named(known, key)
    if found.state != state:
        raise MatterChanged
    matter_look(owner=owner, key=key, state=state, known=known, now=now)
    return replace(found, looked_at=now)


def matter_look(*, owner: User, key: str, state: str, known: Collection[str], now: datetime) -> None:
    """Note that the owner has looked at the matter `key` while it stood as `state`, which the page had shown.

    Looks at matters that are not among the `known` any more are forgotten. Whatever changes in the same moment makes
    another state, and so a matter that waits again.
    """
    MatterLook.objects.filter(owner=owner).exclude(key__in=[*known, key]).delete()
    MatterLook.objects.bulk_create(
        [MatterLook(owner=owner, key=key[:LONGEST_KEY], state=state[:LONGEST_STATE], at=now)],
        update_conflicts=True,
        unique_fields=["owner", "key"],
        update_fields=["state", "at"],
    )


def matter_look_again(*, owner: User, key: str, now: datetime) -> Matter:
    """Let the matter wait again. Raises MatterResolved."""
    found = _named(_known(owner, now), key)
    MatterLook.objects.filter(owner=owner, key=found.key).delete()
    return replace(found, looked_at=None)


def _known(owner: User, now: datetime) -> dict[str, Matter]:
    found = matters_of(owner, now=now)
    return {one.key: one for one in (*found.waiting, *found.looked)}


def _named(known: Mapping[str, Matter], key: str) -> Matter:
    if key not in known:
        raise MatterResolved
    return known[key]
