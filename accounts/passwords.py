"""Which passwords are refused because of where they are used, who typed them, and where else they are known."""

import re
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from accounts.breaches import is_breached

# What somebody who guesses at a trading desk begins with; docs/security.md lists them.
CONTEXT_WORDS = (
    *("trenddojo", "trend", "dojo", "trading", "trader", "trade", "stocks", "stock", "market", "broker", "alpaca"),
    *("journal", "portfolio", "bitcoin", "nasdaq", "desk", "admin", "demo", "password", "login", "secret"),
)
# What must be left once these words are out of a password: as long as a password of chance may be guessed offline.
LEFT = 6
_WORDS = re.compile("|".join(sorted(CONTEXT_WORDS, key=len, reverse=True)))
SIGNS = str.maketrans("0134578@$!", "oieastbasi")


class ContextWordsValidator:
    """Refuses what is a word of the trade or of this desk, and little else."""

    def validate(self, password: str, user: Any = None) -> None:  # noqa: ARG002 - Django's signature
        if self._left(password.casefold()) < LEFT or self._left(password.casefold().translate(SIGNS)) < LEFT:
            raise ValidationError(
                "This password is hardly more than a word everybody would try here. Add words of your own.",
                code="context_word",
            )

    def get_help_text(self) -> str:
        return "Your password can’t be just a word of this desk or of trading, such as its name and a year."

    def _left(self, text: str) -> int:
        """Characters beyond such words; none of them, and all are."""
        left, found = _WORDS.subn("", text)
        return len(left) if found else LEFT


class GivenPasswordValidator:
    """What an administrator typed does not become the password for good."""

    def validate(self, password: str, user: Any = None) -> None:
        is_given = getattr(user, "password_good_until", None) is not None
        if is_given and check_password(password, user.password):
            raise ValidationError(
                "An administrator gave you this password, and knows it. Choose another one.", code="given_password"
            )

    def get_help_text(self) -> str:
        return "Your password can’t be the one an administrator gave you."


class KnownPasswordValidator(CommonPasswordValidator):
    """Refuses what everybody uses, and where the operator names whom to ask, what is known from a breach elsewhere."""

    def validate(self, password: str, user: Any = None) -> None:
        """A common one is refused without a question."""
        super().validate(password, user)
        if is_breached(password):
            raise ValidationError(
                "This password is known from a breach elsewhere: whoever guesses tries it first. Choose another one, "
                "and change it wherever else you use it.",
                code="breached",
            )

    def get_help_text(self) -> str:
        if not settings.BREACHED_PASSWORDS_URL:
            return str(super().get_help_text())
        return "Your password can’t be a commonly used one, or one that is known from a breach elsewhere."
