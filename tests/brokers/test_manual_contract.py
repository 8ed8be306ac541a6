"""Accounts kept by hand have an adapter that places no orders: the cards are skipped by that capability, and only by it."""

from typing import Any, NoReturn

import pytest

from brokers.base import ConnectionSettings
from brokers.manual.adapter import ManualAdapter
from tests.brokers.contract import Cards, Floor


def _never(*_given: Any, **_named: Any) -> NoReturn:
    raise AssertionError("There is no broker behind this adapter.")


ManualFloor = type("ManualFloor", (Floor,), dict.fromkeys(Floor.__abstractmethods__, _never))


@pytest.fixture
def floor() -> Floor:
    made: Floor = ManualFloor()
    made.adapter = ManualAdapter(ConnectionSettings("c", "manual", is_paper=True, base_url=""))
    return made


class TestManual(Cards):
    pass
