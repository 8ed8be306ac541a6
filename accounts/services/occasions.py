"""What lasts is told of once when it begins, and again when it begins anew after it had ended.

An occasion is remembered by its notification: as long as it lasts its key is taken, and when it ends the key is freed.
"""

from collections.abc import Collection, Sequence

from django.db.models import F, Value
from django.db.models.functions import Concat

from accounts.models import Notification, User
from accounts.services.notifications import TITLE_LENGTH, choices_of, notify


def occasions_open(user: User, about: str) -> set[str]:
    """The names of what lasts and was told; `about` is what their keys begin with."""
    prefix = f"{about}:open:"
    keys = Notification.objects.filter(user=user, key__startswith=prefix).values_list("key", flat=True)
    return {key.removeprefix(prefix) for key in keys.order_by()}


def occasions_begin(
    *, user: User, kind: str, about: str, names: Sequence[str], title: str, text: str, path: str
) -> None:
    """Tell of everything that begins, in one notification.

    Within the transaction of a caller who sees to it that nobody else tells of the same meanwhile.
    """
    choice = choices_of(user)[kind]
    if not names or not (choice.in_app or choice.by_email):
        return
    first, *others = (f"{about}:open:{name}" for name in names)
    notify(user=user, kind=kind, key=first, title=title, text=text, path=path)
    # The others are remembered by rows that nobody sees.
    rows = [
        Notification(user=user, kind=kind, key=key, title=title[:TITLE_LENGTH], in_app=False, by_email=False)
        for key in others
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)


def occasions_end(*, user: User, about: str, names: Collection[str]) -> None:
    """These last no longer: what was told stays to be read, and is told again when it comes back."""
    if not names:
        return
    ended = Notification.objects.filter(user=user, key__in=[f"{about}:open:{name}" for name in names])
    ended.filter(in_app=False, by_email=False).delete()
    ended.update(key=Concat(Value(f"{about}:ended:"), F("id"), output_field=Notification._meta.get_field("key")))
