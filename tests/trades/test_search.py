"""Searching symbols and notes: words, prefixes, phrases, exclusion, and whatever else people type."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from tests.factories import make_account, make_plan
from trades.models import Trade
from trades.selectors.trades import matching_text, search_expression

pytestmark = pytest.mark.django_db


@pytest.fixture
def trades(alice: User) -> None:
    account = make_account(alice)
    make_plan(account, "BRK.B", thesis="Gap up after earnings, stop below the gap")
    make_plan(account, "BTC/USD", asset_class="crypto", notes_during="moved the stop too early")
    make_plan(account, "AAPL", notes_after="Earnings gap faded. It's a trap (again) & I knew: \\o/")


def found(text: str) -> list[str]:
    return sorted(Trade.objects.filter(matching_text(text)).values_list("symbol", flat=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gap", ["AAPL", "BRK.B"]),
        ("GAP", ["AAPL", "BRK.B"]),
        ("earn", ["AAPL", "BRK.B"]),
        ("earnings fad", ["AAPL"]),
        ("gap -faded", ["BRK.B"]),
        ("faded or early", ["AAPL", "BTC/USD"]),
        ("faded OR early or", ["AAPL", "BTC/USD"]),
        ('"the stop"', ["BTC/USD"]),
        ('"stop the"', []),
        ('-"the stop" stop', ["BRK.B"]),
        ('"stop below', ["BRK.B"]),
        ("brk", ["BRK.B"]),
        ("BRK.B", ["BRK.B"]),
        ("BTC/U", ["BTC/USD"]),
        ("aap", ["AAPL"]),
        ("it's", ["AAPL"]),
        ("!!! ((", []),
        ("' | ''", []),
        ("or", []),
        ("nothing of the kind", []),
    ],
)
def test_what_is_typed_finds_what_is_meant(trades: Any, text: str, expected: list[str]) -> None:
    assert found(text) == expected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60) | st.text(alphabet="ab '\"\\&|!():*<->-or\t", max_size=40))
def test_no_text_breaks_the_search(trades: Any, text: str) -> None:
    found(text)
    search_expression(text)
