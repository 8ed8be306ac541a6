"""A desk that is not set up for live orders says so before it starts."""

from typing import Any
from unittest import mock

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

SAFE = {
    "DEBUG": False,
    "ENABLE_BROKER_INTEGRATIONS": True,
    "BROKER_ENCRYPTION_KEYS": [b"k" * 32],
    "CELERY_BROKER_URL": "redis://127.0.0.1:6379/0",
    "ALPACA_BASE_URL": "",
    "ALPACA_DATA_URL": "",
    "ALPACA_STREAM_URL": "",
}


def found(settings: Any, *, deploy: bool = False, **changes: Any) -> list[str]:
    for name, value in (SAFE | changes).items():
        setattr(settings, name, value)
    messages = run_checks(include_deployment_checks=deploy)
    return [str(message.id) for message in messages if str(message.id).startswith("brokers.")]


def test_a_safe_set_up_is_let_through(settings: Any) -> None:
    assert found(settings, deploy=True) == []


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"DEBUG": True}, ["brokers.E001"]),
        ({"DEBUG": True, "ENABLE_BROKER_INTEGRATIONS": False}, []),
        ({"BROKER_ENCRYPTION_KEYS": []}, ["brokers.E002"]),
        ({"CELERY_BROKER_URL": "memory://"}, ["brokers.E003"]),
        ({"ALPACA_BASE_URL": "http://relay.example.com"}, ["brokers.E004"]),
        ({"ALPACA_STREAM_URL": "ws://relay.example.com/stream"}, ["brokers.E004"]),
        ({"ALPACA_BASE_URL": "http://127.0.0.1:9000", "ALPACA_DATA_URL": "https://relay.example.com"}, []),
    ],
)
def test_an_unsafe_one_is_named(settings: Any, changes: dict[str, Any], ids: list[str]) -> None:
    assert found(settings, **changes) == ids


def test_deploying_without_a_sealing_key_is_warned_of(settings: Any) -> None:
    unsealed = {"ENABLE_BROKER_INTEGRATIONS": False, "BROKER_ENCRYPTION_KEYS": []}

    assert found(settings, deploy=True, **unsealed) == ["brokers.W001"]
    assert found(settings, **unsealed) == []


def test_the_desk_does_not_start_when_it_is_set_up_unsafely(settings: Any) -> None:
    settings.ENABLE_BROKER_INTEGRATIONS = settings.DEBUG = True
    with (
        mock.patch("trenddojo.management.commands.prepare_desk.call_command") as prepared,
        pytest.raises(SystemCheckError, match="DEBUG is on while live orders may leave"),
    ):
        call_command("prepare_desk")

    assert not prepared.called
