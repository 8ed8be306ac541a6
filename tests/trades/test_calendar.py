"""The calendar: each exit on its own session, weeks added up, months before and after."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_closed_trade, make_fill, make_plan
from trades.models import Trade
from trades.selectors.calendar import day_results, month_before, month_of, next_month
from trades.selectors.scope import Scope
from trades.services.figures import figures_rebuild

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 3, 28, 17, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def account(alice: User) -> TradingAccount:
    account = make_account(alice)
    for day, net in ((4, "300.00"), (4, "-50.00"), (12, "-120.00"), (31, "80.00")):
        make_closed_trade(account, net=net, entry_date=datetime(2025, 3, day, 15, tzinfo=UTC))
    figures_rebuild(account)
    return account


def test_each_day_shows_its_result_and_its_trades(account: TradingAccount, alice_client: Client) -> None:
    answer = alice_client.get("/performance/calendar/", {"month": "2025-03"})
    days = {day["day"].day: day for week in answer.context["weeks"] for day in week if day}
    assert len(days) == 31
    assert (days[4]["amount"], days[4]["trades"], days[4]["heat"]) == (Decimal(250), 2, "heat-gain-4")
    assert days[12]["heat"] == "heat-loss-2"
    assert "amount" not in days[5]
    assert days[4]["url"] == "/trades/?status=closed&incomplete=no&from=2025-03-04&to=2025-03-04"


def test_weeks_and_the_month_are_added_up(account: TradingAccount, alice_client: Client) -> None:
    context = alice_client.get("/performance/calendar/", {"month": "2025-03"}).context
    assert [(week["number"], week["net"], week["n"]) for week in context["week_rows"]] == [
        (9, 0, 0),
        (10, Decimal(250), 2),
        (11, Decimal(-120), 1),
        (12, 0, 0),
        (13, 0, 0),
        (14, Decimal(80), 1),
    ]
    assert (context["total"]["net"], context["total"]["up"], context["total"]["down"]) == (Decimal(210), 2, 1)


def test_the_months_around_are_linked(account: TradingAccount, alice_client: Client) -> None:
    text = alice_client.get("/performance/calendar/").content.decode()
    assert "March 2025" in text
    assert 'href="?month=2025-02"' in text
    assert 'href="?month=2025-04"' in text


@pytest.mark.parametrize("text", ["", "2025", "2025-13", "1969-12", "2200-01", "abcd-ef", "2025-3", "٢٠٢٥-٠٣x"])
def test_a_month_that_is_none_is_the_present_one(text: str) -> None:
    assert month_of(text, date(2025, 3, 28)) == date(2025, 3, 1)


@pytest.mark.parametrize(("month", "edge"), [("1970-01", "previous_url"), ("2199-12", "next_url")])
def test_the_calendar_ends_somewhere(account: TradingAccount, alice_client: Client, month: str, edge: str) -> None:
    assert alice_client.get("/performance/calendar/", {"month": month}).context[edge] == ""


def test_months_before_and_after() -> None:
    assert month_before(date(2025, 1, 1)) == date(2024, 12, 1)
    assert next_month(date(2025, 1, 1)) == date(2025, 2, 1)
    assert next_month(date(2024, 12, 1)) == date(2025, 1, 1)


def test_a_partial_exit_counts_on_its_session_without_closing_a_trade(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    trade = make_plan(account, status="active", quantity=100, open_quantity=50)
    make_fill(trade, "sell", "50", "104", is_exit=True, realised_gross=Decimal(200), realised_net=Decimal(200))
    figures_rebuild(account)
    context = alice_client.get("/performance/calendar/", {"month": "2025-03"}).context
    assert (context["total"]["net"], context["total"]["n"]) == (Decimal(200), 0)


def test_filtered_days_are_those_of_the_kept_ones(account: TradingAccount) -> None:
    everything = Scope("USD", (account,), Trade.objects.filter(account=account))
    assert day_results(everything, date(2025, 3, 1)) == day_results(Scope("USD", (account,)), date(2025, 3, 1))
    losses = Scope("USD", (account,), Trade.objects.filter(outcome="loss"))
    found = [(row.day.day, row.net, row.n) for row in day_results(losses, date(2025, 3, 1))]
    assert found == [(4, Decimal(-50), 1), (12, Decimal(-120), 1)]


def test_the_day_of_a_partial_exit_shows_its_result(alice: User, alice_client: Client) -> None:
    trade = make_closed_trade(make_account(alice), entry_date=datetime(2025, 3, 4, 15, tzinfo=UTC))
    make_fill(
        trade, "sell", "10", "130", executed_at=datetime(2025, 3, 6, 15, tzinfo=UTC), is_exit=True, realised_net=300
    )
    figures_rebuild(trade.account)
    text = alice_client.get("/performance/calendar/", {"month": "2025-03"}).content.decode()
    assert "+300.00" in text
    assert "partial exit" in text
