"""A new key takes the old one's place row by row, whatever happens meanwhile."""

from io import StringIO
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from brokers import vault
from brokers.models import BrokerConnection
from brokers.services import rotation
from tests.factories import make_account, make_connection

pytestmark = pytest.mark.django_db

OLD, NEW = b"o" * 32, b"n" * 32
KEYS = {"api_key": "PK0123456789ABCDEF", "secret_key": "the-secret-of-alice"}


@pytest.fixture
def connections(alice: User, settings: Any) -> list[BrokerConnection]:
    settings.BROKER_ENCRYPTION_KEYS = [OLD]
    made = [make_connection(make_account(alice, name), keys=KEYS) for name in ("One", "Two", "Three")]
    settings.BROKER_ENCRYPTION_KEYS = [NEW, OLD]
    return made


def rotate() -> str:
    said = StringIO()
    call_command("rotate_credentials", stdout=said)
    return said.getvalue().strip()


def key_ids() -> set[str]:
    return {vault.key_id_of(sealed) for sealed in BrokerConnection.objects.values_list("credentials", flat=True)}


def test_everything_is_sealed_with_the_new_key_and_opens_without_the_old(
    connections: list[BrokerConnection], settings: Any
) -> None:
    assert rotate() == "3 sealed anew, 0 were sealed with this key already."
    assert key_ids() == {vault.key_id(NEW)}

    settings.BROKER_ENCRYPTION_KEYS = [NEW]
    for connection in BrokerConnection.objects.all():
        assert vault.unseal(connection.credentials, row_id=connection.pk) == KEYS


def test_a_second_run_changes_nothing(connections: list[BrokerConnection]) -> None:
    rotate()
    before = list(BrokerConnection.objects.order_by("pk").values_list("credentials", "updated_at"))

    assert rotate() == "0 sealed anew, 3 were sealed with this key already."
    assert list(BrokerConnection.objects.order_by("pk").values_list("credentials", "updated_at")) == before


def test_a_run_that_was_killed_is_finished_by_the_next(connections: list[BrokerConnection]) -> None:
    seal, sealed = vault.seal, []

    def killed(plain: dict[str, str], **row: Any) -> str:
        if sealed:
            raise KeyboardInterrupt
        sealed.append(row)
        return seal(plain, **row)

    with mock.patch.object(vault, "seal", killed), pytest.raises(KeyboardInterrupt):
        rotate()
    assert key_ids() == {vault.key_id(OLD), vault.key_id(NEW)}

    assert rotate() == "2 sealed anew, 1 were sealed with this key already."
    assert key_ids() == {vault.key_id(NEW)}


def test_new_keys_that_came_in_between_are_not_written_over(connections: list[BrokerConnection]) -> None:
    fresh = {"api_key": "PKNEW", "secret_key": "newer"}
    unseal = vault.unseal

    def reconnected(sealed: str, **row: Any) -> dict[str, str]:
        BrokerConnection.objects.filter(pk=row["row_id"]).update(credentials=vault.seal(fresh, **row))
        return unseal(sealed, **row)

    with mock.patch.object(rotation.vault, "unseal", reconnected):
        assert rotate() == "0 sealed anew, 0 were sealed with this key already."

    for connection in BrokerConnection.objects.all():
        assert vault.unseal(connection.credentials, row_id=connection.pk) == fresh


def test_what_does_not_open_is_named_and_stays_and_the_rest_is_done(connections: list[BrokerConnection]) -> None:
    one, two, _ = connections
    BrokerConnection.objects.filter(pk=one.pk).update(credentials=two.credentials, label="Copied")

    with pytest.raises(CommandError) as refused:
        rotate()

    assert str(refused.value) == (
        "These did not open and stay as they are:\n"
        f"Copied ({one.pk}): These credentials do not open: they were changed or belong to another row."
    )
    one.refresh_from_db()
    assert one.credentials == two.credentials
    assert key_ids() == {vault.key_id(OLD), vault.key_id(NEW)}


def test_without_a_key_the_command_says_what_to_set(settings: Any) -> None:
    settings.BROKER_ENCRYPTION_KEYS = []

    with pytest.raises(CommandError, match="BROKER_ENCRYPTION_KEY is not set"):
        rotate()
