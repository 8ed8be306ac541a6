"""A trader has looked at a matter: it is put aside until it changes."""

from collections.abc import Collection
from datetime import datetime

from accounts.models import User
from trades.models import MatterLook

LONGEST_KEY, LONGEST_STATE = 200, 64


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


def matter_look_again(*, owner: User, key: str) -> None:
    """Let the matter wait again."""
    MatterLook.objects.filter(owner=owner, key=key).delete()
