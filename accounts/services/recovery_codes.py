"""Recovery codes: ten at a time, shown once, kept as salted hashes.

They are kept in the list in which allauth keeps codes it did not make: it has the adapter open each and compares. What
is opened here is no text but a hash that compares itself. The hashes are sealed, too: whoever has a copy of the
database alone has nothing to guess at.
"""

import re
import secrets
from typing import Final, Self

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from accounts.models import User

COUNT: Final = 10
# The first digit says which of the ten it is, so that a try costs one hash and not ten; the others are chance.
RANDOM_DIGITS: Final = 11
GROUP: Final = 4
_SHAPE: Final = re.compile(rf"[0-9]{{{1 + RANDOM_DIGITS}}}")
_BETWEEN: Final = re.compile(r"[\s\-–—]")
_KEPT: Final = re.compile(r"hashed:([0-9]):(.+)")
MASKED: Final = "••••"


class HashedCode(str):
    """Equal to the text it was made from, in any grouping, and shows none of it."""

    __slots__ = ("encoded", "slot")

    slot: str
    encoded: str

    def __new__(cls, slot: str, encoded: str) -> Self:
        code = super().__new__(cls, MASKED)
        code.slot, code.encoded = slot, encoded
        return code

    def __eq__(self, typed: object) -> bool:
        if not isinstance(typed, str):
            return False
        code = _BETWEEN.sub("", typed)
        is_meant = _SHAPE.fullmatch(code) is not None and code[0] == self.slot
        return is_meant and check_password(code, self.encoded)

    def __ne__(self, typed: object) -> bool:
        return not self == typed

    __hash__ = None  # type: ignore[assignment]  # equal to what has another hash


def recovery_codes_make(*, user: User) -> tuple[str, ...]:
    """Ten new codes in place of any there were. Nobody can read them again."""
    codes = [f"{slot}{secrets.randbelow(10**RANDOM_DIGITS):0{RANDOM_DIGITS}}" for slot in range(COUNT)]
    kept = [encrypt(f"hashed:{code[0]}:{make_password(code)}") for code in codes]
    kind = Authenticator.Type.RECOVERY_CODES
    with transaction.atomic():
        # Two who make codes at once leave one set.
        User.objects.select_for_update().get(pk=user.pk)
        Authenticator.objects.filter(user=user, type=kind).delete()
        Authenticator.objects.create(user=user, type=kind, data={"migrated_codes": kept, "used_mask": 0})
    return tuple(_grouped(code) for code in codes)


def recovery_code_opened(text: str) -> str:
    """What the adapter opened: a hash that compares itself, or any other text as it is."""
    kept = _KEPT.fullmatch(text)
    return HashedCode(*kept.groups()) if kept else text


def _grouped(code: str) -> str:
    return "-".join(code[begin : begin + GROUP] for begin in range(0, len(code), GROUP))
