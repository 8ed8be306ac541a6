"""The performance pages: every figure with its N and its reason, kept and filtered sums from one definition."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils.html import escape

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_cash, make_closed_trade, make_plan, make_setup, make_tag
from trades.models import Trade
from trades.selectors.figures import streaks, together, totals_by_account, totals_by_key
from trades.selectors.scope import Scope
from trades.services.figures import figures_rebuild
from trenddojo.domain.definitions import DEFINITIONS
from trenddojo.domain.metrics.streaks import StreakSummary

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 6, 4, 17, 0, tzinfo=UTC)
START = datetime(2025, 3, 3, 15, 0, tzinfo=UTC)
NETS = ("1000.00", "-500.00", "2000.00", "-500.00", "-500.00", "1500.00")
PAGES = (
    "/performance/",
    "/performance/equity/",
    "/performance/calendar/",
    "/performance/plan/",
    "/performance/overrides/",
    "/performance/breakdowns/symbol/",
    "/performance/figures/win_rate/",
    "/performance/figures/twr/",
)


@pytest.fixture(autouse=True)
def _clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def account(alice: User) -> TradingAccount:
    """Six trades of 500 risk each, one a day: R of 2, −1, 4, −1, −1, 3."""
    account = make_account(alice, opened_on=date(2025, 3, 3))
    for number, net in enumerate(NETS):
        make_closed_trade(
            account,
            "AAPL" if number % 2 else "MSFT",
            net,
            entry_date=START + timedelta(days=number),
            direction="short" if number == 3 else "long",
        )
    figures_rebuild(account)
    return account


def figures_of(client: Client, **query: str) -> dict[str, Any]:
    answer = client.get("/performance/", query)
    assert answer.status_code == 200
    cards = [*answer.context["trade_cards"], *answer.context.get("return_cards", [])]
    return {card["title"]: card["figure"] for card in cards}


def test_every_figure_is_exact_and_says_its_n(account: TradingAccount, alice_client: Client) -> None:
    found = figures_of(alice_client)
    assert (found["Net P&L"].value, found["Net P&L"].n) == (Decimal("3000.00"), 6)
    assert (found["Win rate"].value, found["Win rate"].n) == (Decimal("0.5"), 6)
    assert (found["Expectancy (R)"].value, found["Expectancy (R)"].n) == (Decimal(1), 6)
    assert round(found["System quality number (SQN)"].value, 4) == Decimal("1.0742")
    assert found["System quality number (SQN)"].is_muted
    assert found["Payoff ratio"].value == Decimal(3)
    assert found["Profit factor"].value == Decimal(3)
    assert found["Longest losing streak"].value == 2
    assert found["Expectancy (R)"].low < 1 < found["Expectancy (R)"].high
    assert found["Win rate"].low < 0.5 < found["Win rate"].high


def test_what_is_undefined_says_why(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    make_closed_trade(account, net="10.00", initial_risk=None)
    figures_rebuild(account)
    found = figures_of(alice_client)
    assert (found["Profit factor"].value, found["Profit factor"].reason) == (None, "No losing trades.")
    assert found["Expectancy (R)"].value is None
    text = alice_client.get("/performance/").content.decode()
    assert found["Expectancy (R)"].reason in text


def test_deposits_are_named_and_never_look_like_profit(account: TradingAccount, alice_client: Client) -> None:
    make_cash(account, "deposit", "50000.00", date(2025, 5, 1))
    answer = alice_client.get("/performance/")
    sources = answer.context["sources"]
    assert sources == {
        "start": Decimal(100_000),
        "deposits": Decimal(50_000),
        "withdrawals": Decimal(0),
        "income": Decimal(0),
        "realised": Decimal(3_000),
        "equity": Decimal(153_000),
    }
    found = figures_of(alice_client)
    assert found["Time-weighted return"].value == pytest.approx(0.03, abs=1e-9)
    assert found["Money-weighted return (XIRR)"].value is not None
    titles = [card["title"] for card in answer.context["return_cards"]]
    assert titles[:2] == ["Time-weighted return", "Money-weighted return (XIRR)"]


@pytest.mark.parametrize(
    ("_case", "query"),
    [
        ("direction", {"direction": "long"}),
        ("symbol", {"symbol": "AAPL"}),
        ("outcome", {"outcome": "loss"}),
        ("days", {"from": "2025-03-04", "to": "2025-03-06"}),
        ("text", {"q": "aapl"}),
        ("nothing left", {"symbol": "NONE"}),
    ],
)
def test_a_filter_gives_the_same_sums_as_an_account_of_just_these_trades(
    account: TradingAccount, alice: User, alice_client: Client, _case: str, query: dict[str, str]
) -> None:
    filtered = figures_of(alice_client, **query)
    from trades.filters import TradeFilter

    kept = list(TradeFilter(query, owner=alice).qs.values_list("pk", flat=True))
    Trade.objects.exclude(pk__in=kept).delete()
    figures_rebuild(account)
    alone = figures_of(alice_client)
    for title, figure in filtered.items():
        assert figure == alone[title], title


def test_kept_and_computed_streaks_agree(account: TradingAccount) -> None:
    kept_scope = Scope("USD", (account,))
    filtered = Scope("USD", (account,), Trade.objects.filter(account=account))
    totals = together(totals_by_key(kept_scope, ["all"])["all"]).totals
    assert streaks(kept_scope, totals) == streaks(filtered, totals)
    assert streaks(kept_scope, totals) == StreakSummary.of(Decimal(net) for net in NETS)


def test_streaks_do_not_trust_runs_that_count_other_trades(account: TradingAccount) -> None:
    scope = Scope("USD", (account,))
    totals = together(totals_by_key(scope, ["all"])["all"]).totals
    account.streak_days.all().delete()
    assert streaks(scope, totals) == StreakSummary.of(Decimal(net) for net in NETS)


def test_totals_by_account_names_accounts_with_trades_only(account: TradingAccount, alice: User) -> None:
    other = make_account(alice, "Other")
    found = totals_by_account(Scope("USD", (account, other)))
    assert {key: part.totals.n for key, part in found.items()} == {str(account.pk): 6}


def test_incomplete_trades_are_counted_as_left_out(account: TradingAccount, alice_client: Client) -> None:
    make_closed_trade(account, is_incomplete=True)
    text = alice_client.get("/performance/").content.decode()
    assert "1 trade without opening fills is left out of all figures" in text


def test_a_filter_hides_returns_and_says_why(account: TradingAccount, alice_client: Client) -> None:
    answer = alice_client.get("/performance/", {"direction": "long"})
    assert "return_cards" not in answer.context
    assert "Returns over time belong to whole accounts" in answer.content.decode()


def test_a_bad_filter_is_said_and_filters_nothing(account: TradingAccount, alice_client: Client) -> None:
    answer = alice_client.get("/performance/", {"r_min": "much"})
    text = answer.content.decode()
    assert "A part of the filter was left out:" in text
    assert "The figure must be a number" in text
    assert answer.context["closed"] == 6


def test_two_currencies_are_never_added(account: TradingAccount, alice: User, alice_client: Client) -> None:
    euros = make_account(alice, "Euros", currency="EUR")
    TradingAccount.objects.filter(pk=euros.pk).update(created_at=account.created_at + timedelta(days=1))
    make_closed_trade(euros, net="77.00")
    figures_rebuild(euros)
    assert figures_of(alice_client)["Net P&L"].value == Decimal(3_000)
    assert figures_of(alice_client, currency="EUR")["Net P&L"].value == Decimal(77)
    text = alice_client.get("/performance/").content.decode()
    assert "never added up across currencies" in text
    assert "Show EUR" in text


def test_two_accounts_of_one_currency_add_up(account: TradingAccount, alice: User, alice_client: Client) -> None:
    other = make_account(alice, "Other")
    make_closed_trade(other, net="100.00", entry_date=START + timedelta(days=20))
    figures_rebuild(other)
    found = figures_of(alice_client)
    assert found["Net P&L"].value == Decimal(3_100)
    assert found["Longest winning streak"].value == 2
    assert figures_of(alice_client, account=str(other.pk))["Net P&L"].value == Decimal(100)


def test_curves_come_as_data_for_the_charts(account: TradingAccount, alice_client: Client) -> None:
    make_cash(account, "deposit", "1000.00", date(2025, 3, 10))
    equity = alice_client.get("/performance/equity/", {"chart": "equity"}).json()
    assert equity["series"][0]["points"][-1] == ["2025-06-04", "104000.00"]
    assert equity["series"][1]["points"][-1] == ["2025-06-04", "101000.00"]
    drawdown = alice_client.get("/performance/equity/", {"chart": "drawdown"}).json()
    assert min(Decimal(value) for _day, value in drawdown["series"][0]["points"]) == Decimal("-0.98")
    result = alice_client.get("/performance/equity/", {"chart": "result", "symbol": "AAPL"}).json()
    assert [value for _day, value in result["series"][0]["points"]] == ["-500.00", "-1000.00", "500.00"]


def test_the_table_of_a_filter_adds_its_results_up(account: TradingAccount, alice_client: Client) -> None:
    rows = alice_client.get("/performance/equity/", {"symbol": "AAPL"}).context["rows"]
    assert [row["total"] for row in rows] == [Decimal(500), Decimal(-1000), Decimal(-500)]


def test_the_rows_of_the_curves_are_paged(account: TradingAccount, alice_client: Client) -> None:
    first = alice_client.get("/performance/equity/")
    assert first.context["rows"][0].equity == Decimal(103_000)
    assert first.context["pages"] == 2
    assert 'rel="next"' in first.content.decode()
    last = alice_client.get("/performance/equity/", {"page": "99"})
    assert last.context["page"] == 2
    assert last.context["rows"][-1].day == date(2025, 3, 3)


@pytest.mark.parametrize("key", sorted({"win_rate", "expectancy_r", "average_win", "average_loss", "sqn", "net_pnl"}))
def test_a_figure_opens_to_its_definition_and_the_trades_behind_it(
    account: TradingAccount, alice_client: Client, key: str
) -> None:
    answer = alice_client.get(f"/performance/figures/{key}/")
    text = answer.content.decode()
    assert escape(DEFINITIONS[key].title) in text
    assert answer.context["figure"].n == len(answer.context["trades"])
    assert "/trades/?status=closed&amp;incomplete=no" in text


def test_a_figure_over_time_opens_to_its_sessions(account: TradingAccount, alice_client: Client) -> None:
    answer = alice_client.get("/performance/figures/sharpe/")
    assert answer.context["kind"] == "sessions"
    assert answer.context["sessions"][0].day == date(2025, 6, 4)
    assert len(answer.context["sessions"]) == 25


@pytest.mark.parametrize("path", ["/performance/figures/luck/", "/performance/breakdowns/mood/"])
def test_an_unknown_figure_or_breakdown_is_not_found(account: TradingAccount, alice_client: Client, path: str) -> None:
    assert alice_client.get(path).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_without_any_account(alice_client: Client, path: str) -> None:
    answer = alice_client.get(path)
    assert answer.status_code == 200
    assert "Start with an account" in answer.content.decode()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("query", [{}, {"direction": "short"}])
def test_every_page_opens_without_any_trade(
    alice: User, alice_client: Client, path: str, query: dict[str, str]
) -> None:
    make_account(alice)
    assert alice_client.get(path, query).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_charlie_sees_nothing_of_alice(
    account: TradingAccount, charlie: User, charlie_client: Client, path: str
) -> None:
    make_account(charlie, "Mine")
    text = charlie_client.get(path, {"account": str(account.pk)}).content.decode()
    assert "3,000.00" not in text
    assert "AAPL" not in text


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_asked_to_sign_in(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert "login" in answer.headers["Location"]


@pytest.mark.parametrize("path", [*PAGES, "/performance/?direction=long"])
def test_the_number_of_queries_does_not_grow_with_the_trades(
    alice: User, alice_client: Client, django_assert_num_queries: Any, path: str
) -> None:
    account = make_account(alice, opened_on=date(2025, 3, 3))
    counts = []
    for total in (2, 30):
        for number in range(total):
            trade = make_closed_trade(
                account, f"S{number}", f"{number * 7 - 50}.00", entry_date=START + timedelta(days=number)
            )
            trade.tags.add(make_tag(alice, f"tag {total} {number}"))
            trade.setup = make_setup(alice, f"setup {total} {number}")
            trade.save()
        figures_rebuild(account)
        alice_client.get(path)
        with django_assert_num_queries(20, exact=False) as captured:
            alice_client.get(path)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_an_open_trade_counts_in_no_figure(account: TradingAccount, alice_client: Client) -> None:
    make_plan(account, "OPEN", status="active", quantity=1, open_quantity=1)
    figures_rebuild(account)
    assert figures_of(alice_client)["Trades"].value == 6
