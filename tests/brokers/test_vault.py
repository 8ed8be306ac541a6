"""The vault opens what it sealed, for the row it sealed it for, and nothing else."""

import base64
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers import vault
from brokers.vault import VaultError, key_id_of, seal, unseal

OLD, NEW = b"o" * 32, b"n" * 32
ROW = UUID("00000000-0000-4000-8000-000000000001")
KEYS = {"api_key": "PK0123456789ABCDEF", "secret_key": "the-secret-of-alice"}


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.BROKER_ENCRYPTION_KEYS = [OLD]


@pytest.fixture(scope="module")
def sealed_once() -> str:
    """One value for the generated tests, whose examples share the key."""
    from django.test import override_settings

    with override_settings(BROKER_ENCRYPTION_KEYS=[OLD]):
        return seal(KEYS, row_id=ROW)


def test_what_was_sealed_opens_for_its_row() -> None:
    sealed = seal(KEYS, row_id=ROW)

    assert unseal(sealed, row_id=ROW) == KEYS
    assert sealed.split(".")[:2] == ["v1", vault.key_id(OLD)]
    assert key_id_of(sealed) == vault.key_id(OLD)


def test_a_sealed_value_shows_neither_words_nor_repetition() -> None:
    one, two = seal(KEYS, row_id=ROW), seal(KEYS, row_id=ROW)

    assert one != two
    for word in KEYS.values():
        assert word not in one
        assert base64.b64encode(word.encode()).decode().rstrip("=")[:-2] not in one


def test_a_sealed_value_copied_to_another_row_does_not_open() -> None:
    with pytest.raises(VaultError, match="belong to another row"):
        unseal(seal(KEYS, row_id=ROW), row_id=uuid4())


def test_an_old_key_still_opens_and_the_newest_seals(settings: Any) -> None:
    before = seal(KEYS, row_id=ROW)
    settings.BROKER_ENCRYPTION_KEYS = [NEW, OLD]

    assert unseal(before, row_id=ROW) == KEYS
    assert key_id_of(seal(KEYS, row_id=ROW)) == vault.key_id(NEW) == vault.newest_key_id()


def test_a_key_that_is_gone_is_named_by_its_id_and_what_to_do(settings: Any) -> None:
    sealed = seal(KEYS, row_id=ROW)
    settings.BROKER_ENCRYPTION_KEYS = [NEW]

    with pytest.raises(VaultError) as refused:
        unseal(sealed, row_id=ROW)

    assert str(refused.value) == (
        f"These credentials are sealed with the key {vault.key_id(OLD)}, which is not among BROKER_ENCRYPTION_KEY and "
        "BROKER_ENCRYPTION_KEYS_OLD: put it back there, or reconnect with new keys."
    )


def test_without_a_key_the_sentence_says_what_to_set(settings: Any) -> None:
    settings.BROKER_ENCRYPTION_KEYS = []

    for refused in (lambda: seal(KEYS, row_id=ROW), vault.newest_key_id):
        with pytest.raises(VaultError, match="BROKER_ENCRYPTION_KEY is not set: write 32 random bytes in base64"):
            refused()


@given(place=st.integers(min_value=0), other=st.characters(codec="utf-8"))
def test_a_changed_character_opens_nothing(sealed_once: str, place: int, other: str) -> None:
    at = place % len(sealed_once)
    changed = sealed_once[:at] + other + sealed_once[at + 1 :]
    if changed == sealed_once:
        return

    with pytest.raises(VaultError) as refused:
        unseal(changed, row_id=ROW)

    assert all(word not in str(refused.value) for word in KEYS.values())


@given(text=st.text(max_size=200))
def test_what_was_never_sealed_opens_nothing(text: str) -> None:
    with pytest.raises(VaultError):
        unseal(text, row_id=ROW)


@given(cut=st.integers(min_value=0))
def test_a_value_that_was_cut_off_opens_nothing(sealed_once: str, cut: int) -> None:
    with pytest.raises(VaultError):
        unseal(sealed_once[: cut % len(sealed_once)], row_id=ROW)


@given(plain=st.dictionaries(st.text(max_size=20), st.text(max_size=300), max_size=4), row=st.uuids())
def test_any_words_come_back_as_they_were(plain: dict[str, str], row: UUID) -> None:
    assert unseal(seal(plain, row_id=row), row_id=row) == plain


def test_an_error_of_the_vault_holds_nothing_of_what_it_failed_to_open() -> None:
    sealed = seal(KEYS, row_id=ROW)

    with pytest.raises(VaultError) as refused:
        unseal(sealed, row_id=uuid4())

    assert refused.value.__cause__ is None
    assert json.dumps(KEYS) not in repr(refused.value)
