"""What the desk encrypts with its own secret key, for one purpose at a time."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotOpen(Exception):
    """It was sealed under a SECRET_KEY that is neither the present one nor among SECRET_KEY_FALLBACKS, or changed."""


class FactorSealed(CannotOpen):
    """The secret of somebody's second factor cannot be opened: no code is right, and none is asked past."""

    # A page that counts recovery codes counts none.
    silent_variable_failure = True


def secret_box(purpose: bytes) -> MultiFernet:
    """Encrypts with a key of its own for this purpose (at most 16 bytes), and opens what older secret keys sealed.

    Its `decrypt` raises InvalidToken when SECRET_KEY was changed without keeping the old one in SECRET_KEY_FALLBACKS.
    """
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet(Fernet(base64.urlsafe_b64encode(_derived(key, purpose))) for key in keys)


def opened(purpose: bytes, sealed: str) -> bytes:
    """What was sealed for this purpose. Raises CannotOpen."""
    try:
        return secret_box(purpose).decrypt(sealed)
    except InvalidToken:
        raise CannotOpen from None


def _derived(key: str, purpose: bytes) -> bytes:
    """What signs cookies does not also encrypt."""
    return hashlib.blake2b(key.encode(), digest_size=32, person=purpose).digest()
