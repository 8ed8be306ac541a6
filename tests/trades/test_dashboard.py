"""The dashboard: where the trader stands and what needs attention, in a number of queries that does not grow."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from time_machine import Traveller

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_cash, make_closed_trade, make_plan
from tests.trades.orders.kit import connected_account
from trades.services.figures import figures_rebuild

pytestmark = pytest.mark.django_db

# A Wednesday, noon in New York.
NOW = datetime(2025, 3, 5, 17, 0, tzinfo=UTC)
TODAY = date(2025, 3, 5)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def closed(account: TradingAccount, net: str, at: datetime = NOW - timedelta(hours=2), **fields: Any) -> None:
    make_closed_trade(account, net=net, entry_date=at, **fields)
    figures_rebuild(account)


def opened(account: TradingAccount, symbol: str = "NVDA", **fields: Any) -> None:
    defaults = {
        "status": "active",
        "quantity": 100,
        "open_quantity": 100,
        "actual_entry": Decimal(100),
        "entry_date": NOW,
        "open_risk": Decimal(500),
        "open_value": Decimal(10_000),
    }
    make_plan(account, symbol, **(defaults | fields))


def page(client: Client, **query: str) -> str:
    answer = client.get("/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    assert client.get("/").status_code == 302


def test_without_an_account_it_says_where_to_start(alice_client: Client) -> None:
    text = page(alice_client)
    assert "Start with an account" in text
    assert 'href="/accounts/new/"' in text


def test_without_a_trade_it_says_what_to_do_first(alice: User, alice_client: Client) -> None:
    make_account(alice)
    text = page(alice_client)
    assert "No trades yet" in text
    assert "Nothing needs attention." in text
    assert "Nothing is open." in text


def test_equity_today_and_week_are_shown(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    closed(account, "300.00")
    closed(account, "-1000.00", at=NOW - timedelta(days=1))
    closed(account, "70.00", at=NOW - timedelta(days=5))
    answer = alice_client.get("/")
    now = answer.context["sections"][0]["now"]
    assert (now.equity, now.today, now.week, now.closed_today) == (Decimal(99_370), Decimal(300), Decimal(-700), 1)
    assert answer.context["sections"][0]["chart"]["data"]["series"][0]["points"][-1] == ["2025-03-05", "99370.00"]


def test_the_line_without_results_starts_before_the_first_result(alice: User, alice_client: Client) -> None:
    account = make_account(alice, opened_on=(NOW - timedelta(days=2)).date())
    closed(account, "300.00", at=NOW - timedelta(days=2))
    chart = alice_client.get("/").context["sections"][0]["chart"]["data"]
    assert {point[1] for point in chart["series"][1]["points"]} == {"100000.00"}


def test_open_trades_show_their_risk_and_the_heat(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    opened(account)
    opened(account, "AMD", open_risk=Decimal(250))
    answer = alice_client.get("/")
    account_now = answer.context["sections"][0]["now"].accounts[0]
    assert account_now.open.risk == Decimal(750)
    assert account_now.heat.percent == Decimal("0.75")
    assert account_now.heat.limit == Decimal("6.00")
    rows = answer.context["open_trades"]
    assert [(row["trade"].symbol, row["open_r"]) for row in rows] == [("NVDA", 1), ("AMD", Decimal("0.5"))]


@pytest.mark.parametrize(
    ("_case", "net", "said"),
    [
        ("near", "-2200.00", "2.25 % of equity lost today; the daily limit is 3 %."),
        ("over", "-3100.00", "3.20 % of equity lost today; the daily limit is 3 %."),
        ("far", "-900.00", None),
    ],
)
def test_a_daily_loss_near_its_limit_is_said(
    alice: User, alice_client: Client, _case: str, net: str, said: str | None
) -> None:
    closed(make_account(alice), net)
    text = page(alice_client)
    assert (said in text) if said else ("lost today; the daily limit" not in text)


def test_what_is_missing_is_counted_and_leads_to_the_list(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    closed(account, "10.00", has_estimated_costs=True)
    make_closed_trade(account, is_incomplete=True, entry_date=NOW - timedelta(days=400))
    opened(account, stop_loss=None, initial_risk=None, open_risk=Decimal(0))
    old = make_plan(account, "TSLA")
    type(old).objects.filter(pk=old.pk).update(created_at=NOW - timedelta(days=20))
    text = page(alice_client)
    since = (TODAY - timedelta(days=14)).isoformat()
    for sentence, query in (
        ("1 open trade without a stop", "status=active"),
        ("1 trade without its opening fills", "incomplete=yes"),
        ("1 plan older than 14 days", "status=planned"),
        ("1 trade closed lately without notes.", f"status=closed&amp;from={since}&amp;reviewed=no"),
        ("1 trade closed lately without a setup.", f"status=closed&amp;from={since}&amp;setup=none"),
        ("1 trade closed lately without a rating.", f"status=closed&amp;from={since}&amp;rating=none"),
        ("1 trade closed lately with estimated costs.", f"status=closed&amp;from={since}&amp;estimated=yes"),
    ):
        assert sentence in text
        assert f"/trades/?{query}" in text


def test_two_currencies_are_shown_apart_and_never_added(alice: User, alice_client: Client, clock: Traveller) -> None:
    make_account(alice, "Dollars")
    clock.shift(1)
    make_account(alice, "Euros", currency="EUR", exchange="XETR", starting_balance=Decimal(50_000))
    answer = alice_client.get("/")
    assert [(s["now"].currency, s["now"].equity) for s in answer.context["sections"]] == [
        ("USD", Decimal(100_000)),
        ("EUR", Decimal(50_000)),
    ]
    assert "never added up" in answer.content.decode()


def test_two_accounts_of_one_currency_stand_together(alice: User, alice_client: Client) -> None:
    one = make_account(alice, "One")
    two = make_account(alice, "Two", starting_balance=Decimal(50_000))
    closed(one, "100.00")
    closed(two, "-40.00")
    both = alice_client.get("/").context["sections"][0]["now"]
    assert (both.equity, both.today) == (Decimal(150_060), Decimal(60))
    alone = alice_client.get("/", {"account": str(two.pk)}).context["sections"][0]["now"]
    assert (alone.equity, alone.today) == (Decimal(49_960), Decimal(-40))


def test_an_archived_account_is_left_out(alice: User, alice_client: Client) -> None:
    make_account(alice, "Old", is_archived=True)
    assert "Start with an account" in page(alice_client)


@pytest.mark.parametrize("key", ["not-a-key", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_account_is_not_found(alice: User, alice_client: Client, key: str) -> None:
    make_account(alice)
    assert alice_client.get("/", {"account": key}).status_code == 404


def test_charlie_does_not_see_the_account_of_alice(alice: User, charlie: User, charlie_client: Client) -> None:
    account = make_account(alice, "Secret account")
    make_account(charlie)
    assert charlie_client.get("/", {"account": str(account.pk)}).status_code == 404
    assert "Secret account" not in page(charlie_client)


@pytest.mark.parametrize("count", [1, 25])
def test_the_number_of_queries_does_not_grow(
    alice: User, alice_client: Client, django_assert_num_queries: Any, count: int
) -> None:
    account = make_account(alice)
    for number in range(count):
        make_closed_trade(account, net=f"{number - 3}.00", entry_date=NOW - timedelta(days=number + 1))
        opened(account, f"SYM{number}")
    figures_rebuild(account)
    page(alice_client)
    with django_assert_num_queries(10):
        page(alice_client)


def test_a_new_account_without_money_has_no_heat_and_says_why(alice: User, alice_client: Client) -> None:
    make_account(alice, starting_balance=Decimal(0), opened_on=timezone.now().date())
    assert "There is no equity to compare" in page(alice_client)


@pytest.mark.parametrize(
    ("_case", "opened_on", "sessions", "first", "base"),
    [
        ("older than the chart", date(2024, 1, 2), 90, "100300.00", "100300.00"),
        ("younger than the chart", date(2025, 3, 3), 3, "100000.00", "100000.00"),
    ],
)
def test_the_chart_sets_equity_beside_what_it_would_be_without_results(
    alice: User, alice_client: Client, _case: str, opened_on: date, sessions: int, first: str, base: str
) -> None:
    account = make_account(alice, opened_on=opened_on)
    if sessions == 90:
        closed(account, "300.00", at=NOW - timedelta(days=300))
    make_cash(account, "deposit", "5000.00", date(2025, 3, 4))
    closed(account, "70.00")
    equity, without = alice_client.get("/").context["sections"][0]["chart"]["data"]["series"]
    assert len(equity["points"]) == len(without["points"]) == sessions
    assert (equity["points"][0][1], without["points"][0][1]) == (first, base)
    assert Decimal(equity["points"][-1][1]) == Decimal(first) + 5_070
    assert Decimal(without["points"][-1][1]) == Decimal(base) + 5_000


MARKET = {"HX-Request": "true", "HX-Target": "dashboard-open"}


def test_what_moves_with_the_market_is_asked_for_alone(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    for number in range(14):
        opened(account, f"SYM{number}")
    answer = alice_client.get("/", headers=MARKET).content.decode()
    assert answer.count("<tr>") == 13
    assert "All 14 open trades" in answer
    assert 'id="dashboard-broker" hx-swap-oob="true"' in answer
    assert "Needs attention" not in answer
    assert "<html" not in answer


@pytest.mark.parametrize("count", [1, 25])
def test_what_moves_with_the_market_costs_the_same_however_much_is_open(
    alice: User, alice_client: Client, django_assert_num_queries: Any, count: int
) -> None:
    account = connected_account(alice)
    for number in range(count):
        opened(account, f"SYM{number}")
    alice_client.get("/", headers=MARKET)
    with django_assert_num_queries(11):
        alice_client.get("/", headers=MARKET)
