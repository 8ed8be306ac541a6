"""Seals credentials with AES-256-GCM and opens them again.

A sealed value reads `v1.<key id>.<nonce>.<ciphertext>`, the last two in URL-safe base64. The table and the row's id are
authenticated with it: copied to another row, it does not open.
"""

import base64
import hashlib
import json
import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION = "v1"
NONCE_BYTES = 12
PARTS = 4
TABLE = "broker_connections"


class VaultError(Exception):
    """Credentials cannot be sealed or opened; the message is a sentence for people and holds nothing secret."""


def seal(plain: dict[str, str], *, row_id: UUID) -> str:
    """Seal with the newest key, for this row only. Raises VaultError where no key is set."""
    key = _keys()[0]
    nonce = secrets.token_bytes(NONCE_BYTES)
    words = json.dumps(plain, sort_keys=True).encode()
    sealed = AESGCM(key).encrypt(nonce, words, _bound_to(row_id, VERSION, key_id(key)))
    return ".".join([VERSION, key_id(key), _to_text(nonce), _to_text(sealed)])


def unseal(sealed: str, *, row_id: UUID) -> dict[str, str]:
    """Open what was sealed for this row, with whichever key sealed it. Raises VaultError."""
    version, name, nonce, words = _parts(sealed)
    key = next((key for key in _keys() if key_id(key) == name), None)
    if key is None:
        raise VaultError(
            f"These credentials are sealed with the key {name}, which is not among BROKER_ENCRYPTION_KEY and "
            "BROKER_ENCRYPTION_KEYS_OLD: put it back there, or reconnect with new keys."
        )
    try:
        plain = AESGCM(key).decrypt(nonce, words, _bound_to(row_id, version, name))
    except InvalidTag:
        raise VaultError("These credentials do not open: they were changed or belong to another row.") from None
    return dict(json.loads(plain))


def key_id(key: bytes) -> str:
    """A name for a key that says nothing about it."""
    return hashlib.sha256(b"trenddojo key id" + key).hexdigest()[:8]


def key_id_of(sealed: str) -> str:
    """Which key sealed it. Raises VaultError for what was never sealed here."""
    return _parts(sealed)[1]


def newest_key_id() -> str:
    """What key_id_of() answers of values sealed now. Raises VaultError where no key is set."""
    return key_id(_keys()[0])


def _keys() -> list[bytes]:
    if not settings.BROKER_ENCRYPTION_KEYS:
        raise VaultError(
            "Credentials cannot be kept because BROKER_ENCRYPTION_KEY is not set: write 32 random bytes in base64 "
            "there, as docs/settings.md shows, and start again."
        )
    return list(settings.BROKER_ENCRYPTION_KEYS)


def _bound_to(row_id: UUID, version: str, name: str) -> bytes:
    return f"{version}:{name}:{TABLE}:{UUID(str(row_id))}".encode()


def _parts(sealed: str) -> tuple[str, str, bytes, bytes]:
    words = sealed.split(".")
    if len(words) != PARTS or words[0] != VERSION:
        raise VaultError("These credentials are not in a form that this version of the desk can open.")
    nonce, ciphertext = _to_bytes(words[2]), _to_bytes(words[3])
    if len(nonce) != NONCE_BYTES:
        raise _damaged()
    return words[0], words[1], nonce, ciphertext


def _to_bytes(word: str) -> bytes:
    try:
        raw = base64.b64decode(word, altchars=b"-_", validate=True)
    except ValueError:
        raise _damaged() from None
    # Base64 has several spellings of the same bytes; ours is the only one taken.
    if _to_text(raw) != word:
        raise _damaged()
    return raw


def _damaged() -> VaultError:
    return VaultError("These credentials are damaged and do not open: reconnect with new keys.")


def _to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()
