"""Where the time of a list over the API goes, as the benchmark tells it."""

import pytest
from django.test import Client

from benchmarks.api import LIST, MAKE, ONE, ApiTiming, LoadTiming, _getting, _shares
from benchmarks.pages import Timing
from benchmarks.report import SIZES, _api_goals
from tests.api.kit import token_for
from tests.factories import make_account, make_closed_trade


@pytest.mark.django_db
def test_making_values_and_writing_them_are_told_apart(alice, settings):
    settings.API_TOKEN_PER_MINUTE = settings.API_USER_PER_MINUTE = 1_000_000
    make_closed_trade(make_account(alice))
    client = Client(headers={"Authorization": f"Bearer {token_for(alice)}"})
    shares = _shares(_getting(client, "/api/v1/trades/?page_size=50"))
    assert list(shares) == ["database", "serializers", "JSON", "everything else"]
    assert all(0 < share < 1 for share in shares.values())
    assert sum(shares.values()) == pytest.approx(1)


def timed(seconds: dict[str, float]) -> list[Timing]:
    return [Timing(name, size, seconds=[each]) for name, each in seconds.items() for size in SIZES]


def test_every_call_is_held_against_its_page():
    measured = ApiTiming(
        calls=timed({LIST: 0.5, ONE: 1.25, MAKE: 1.5}),
        pages=timed({LIST: 1, ONE: 1, MAKE: 1}),
        rows=[],
        shares={"database": 0.5, "serializers": 0.25, "JSON": 0.125, "everything else": 0.125},
        load=LoadTiming(1, 1, 1, 1, 0),
    )
    _queries, reading, making, writing, _failures = _api_goals(measured)
    assert (reading.found, reading.is_met) == ("list of 50 trades 0.50, one trade 1.25", False)
    assert (making.found, making.is_met) == ("1.50", True)
    assert (writing.found, writing.is_met) == ("12%, and 25% in serializers; largest: database", True)
