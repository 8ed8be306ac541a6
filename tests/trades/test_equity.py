"""Equity session by session: what was paid in never looks like profit, and currencies are never added up."""

from datetime import date
from decimal import Decimal

import pytest

from accounts.models import User
from tests.factories import make_account, make_cash, make_closed_trade
from trades.models import AccountDay
from trades.selectors.equity import account_equity, changes, equity_by_account, equity_days
from trades.services.figures import figures_rebuild
from trenddojo.domain.metrics.series import series_figures

pytestmark = pytest.mark.django_db

OPENED_ON = date(2025, 3, 3)


def test_equity_is_start_and_flows_and_income_and_results(alice: User) -> None:
    account = make_account(alice, starting_balance=Decimal(10_000), opened_on=OPENED_ON)
    make_cash(account, "deposit", "500.00", date(2025, 3, 5))
    make_cash(account, "withdrawal", "200.00", date(2025, 3, 6))
    make_cash(account, "dividend", "7.50", date(2025, 3, 6))
    make_cash(account, "interest", "1.25", date(2025, 3, 6))
    make_cash(account, "charge", "3.00", date(2025, 3, 6))
    make_closed_trade(account, net="250.00")
    figures_rebuild(account)
    assert account_equity(account) == Decimal("10555.75")
    assert account_equity(account, on=date(2025, 3, 2)) == 0
    assert account_equity(account, on=date(2025, 3, 3)) == Decimal(10_000)
    assert account_equity(account, on=date(2025, 3, 4)) == Decimal(10_250)
    assert account_equity(account, on=date(2025, 3, 5)) == Decimal(10_750)


def test_quiet_sessions_have_their_row_and_holidays_none(alice: User) -> None:
    account = make_account(alice, starting_balance=Decimal(1_000), opened_on=date(2025, 4, 16))
    days = equity_days([account], changes([account]), until=date(2025, 4, 22))
    # Good Friday, 18 April 2025, is no session.
    assert [day.day.day for day in days] == [16, 17, 21, 22]
    assert {day.equity for day in days} == {Decimal(1_000)}


def test_a_deposit_between_sessions_counts_in_the_next_one(alice: User) -> None:
    account = make_account(alice, starting_balance=Decimal(1_000), opened_on=OPENED_ON)
    make_cash(account, "deposit", "100.00", date(2025, 3, 8))
    days = {day.day: day for day in equity_days([account], changes([account]), until=date(2025, 3, 11))}
    assert days[date(2025, 3, 10)].deposits == Decimal(100)
    assert days[date(2025, 3, 7)].equity == Decimal(1_000)
    assert days[date(2025, 3, 10)].equity == Decimal(1_100)


def test_a_deposit_after_the_last_session_has_a_row_of_its_own(alice: User) -> None:
    account = make_account(alice, starting_balance=Decimal(1_000), opened_on=OPENED_ON)
    make_cash(account, "deposit", "100.00", date(2025, 3, 8))
    days = equity_days([account], changes([account]), until=date(2025, 3, 8))
    assert (days[-1].day, days[-1].equity) == (date(2025, 3, 8), Decimal(1_100))


def test_an_account_opened_at_the_weekend_starts_with_its_first_session(alice: User) -> None:
    account = make_account(alice, starting_balance=Decimal(1_000), opened_on=date(2025, 3, 1))
    days = equity_days([account], changes([account]), until=date(2025, 3, 4))
    assert [(day.day, day.deposits) for day in days] == [(OPENED_ON, 1_000), (date(2025, 3, 4), 0)]


def test_results_before_the_opening_day_have_money_to_stand_on(alice: User) -> None:
    account = make_account(alice, starting_balance=Decimal(1_000), opened_on=date(2025, 3, 10))
    make_closed_trade(account, net="100.00")
    figures_rebuild(account)
    days = equity_days([account], changes([account]), until=date(2025, 3, 11))
    assert days[0].day == date(2025, 3, 4)
    assert series_figures([day.row for day in days])["twr"].value == pytest.approx(0.1, abs=1e-12)


def test_deposits_change_no_time_weighted_return(alice: User) -> None:
    account = make_account(alice, starting_balance=Decimal(1_000), opened_on=OPENED_ON)
    make_cash(account, "deposit", "9000.00", date(2025, 3, 5))
    make_closed_trade(account, net="100.00")
    figures_rebuild(account)
    days = equity_days([account], changes([account]), until=date(2025, 3, 31))
    found = series_figures([day.row for day in days])
    assert found["twr"].value == pytest.approx(0.1, abs=1e-12)
    assert days[-1].equity == Decimal(10_100)


def test_changes_before_a_day_count_on_it(alice: User) -> None:
    account = make_account(alice, starting_balance=Decimal(1_000), opened_on=OPENED_ON)
    make_cash(account, "deposit", "500.00", date(2025, 3, 4))
    make_closed_trade(account, net="100.00")
    figures_rebuild(account)
    recent = changes([account], since=date(2025, 3, 20))
    days = equity_days([account], recent, until=date(2025, 3, 21))
    assert [(day.day.day, day.equity) for day in days] == [(20, 1_600), (21, 1_600)]
    assert equity_by_account(recent) == equity_by_account(changes([account])) == {account.pk: Decimal(1_600)}


def test_accounts_of_one_currency_add_up_session_by_session(alice: User) -> None:
    stocks = make_account(alice, "Stocks", starting_balance=Decimal(1_000), opened_on=OPENED_ON)
    coins = make_account(alice, "Coins", starting_balance=Decimal(500), opened_on=date(2025, 3, 8), exchange="24/7")
    days = equity_days([stocks, coins], changes([stocks, coins]), until=date(2025, 3, 10))
    found = {day.day.day: day.equity for day in days}
    assert found[7] == 1_000
    assert found[8] == found[9] == found[10] == 1_500


def test_without_any_account_there_are_no_days() -> None:
    assert equity_days([], [], until=OPENED_ON) == []


def test_one_query_reads_any_number_of_sessions(alice: User, django_assert_num_queries: object) -> None:
    account = make_account(alice)
    AccountDay.objects.bulk_create(
        AccountDay(account=account, day=date(2025, 3, day), realised_net=Decimal(day)) for day in range(3, 8)
    )
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert len(changes([account])) == 6
