"""Figures over the API: those of the pages, digit for digit."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.api.kit import error
from tests.factories import ENTRY_AT, make_account, make_closed_trade, make_setup, make_tag
from trades.selectors.breakdowns import breakdown
from trades.selectors.calendar import day_results
from trades.selectors.performance import performance_of, session_rows
from trades.selectors.scope import scopes_of
from trades.services.figures import figures_rebuild
from trades.views.figure_units import RETURNS, TRADES

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    """Forty closed trades of two symbols: sixteen won and lost in turn, then the rest won."""
    account = make_account(alice)
    setup = make_setup(alice, "Breakout")
    for number in range(40):
        net = "-200.00" if number < 16 and number % 2 else "310.00"
        make_closed_trade(
            account,
            "AAPL" if number % 4 else "MSFT",
            net,
            setup=setup if number % 5 == 0 else None,
            entry_date=ENTRY_AT + timedelta(days=number),
        )
    figures_rebuild(account)
    return account


@pytest.fixture
def scope(account):
    return scopes_of([account])[0]


def said(figure):
    """A figure of the domain as it is told: to twelve decimals."""
    number = lambda value: None if value is None else round(Decimal(str(value)), 12)  # noqa: E731
    return (number(figure.value), figure.n, figure.reason, number(figure.low), number(figure.high))


def told(body):
    number = lambda text: None if text is None else Decimal(text)  # noqa: E731
    return (number(body["value"]), body["n"], body["reason"], number(body["low"]), number(body["high"]))


def test_every_figure_of_the_pages_is_told_to_twelve_decimals(api, scope):
    body = api.get("/performance/").json()
    figures = performance_of(scope).figures
    assert {key: told(body[key]) for key in (*TRADES, *RETURNS)} == {
        key: said(figures[key]) for key in (*TRADES, *RETURNS)
    }
    assert (body["currency"], body["left_out"]) == ("USD", 0)
    assert body["net_pnl"] == {
        "value": "8320",
        "n": 40,
        "reason": None,
        "low": None,
        "high": None,
        "is_muted": False,
    }
    assert body["win_rate"]["value"] == "0.8"
    assert body["current_win_streak"]["value"] == "24"
    assert body["mean_holding_seconds"]["value"] == "3600"


def test_the_page_shows_the_same(api, alice_client, account):
    page = alice_client.get("/performance/").context
    body = api.get("/performance/").json()
    for card in [*page["trade_cards"], *page["return_cards"]]:
        key = next(key for key in (*TRADES, *RETURNS) if card["url"].split("?")[0].endswith(f"/{key}/"))
        assert told(body[key]) == said(card["figure"]), key


def test_the_day_on_which_the_deepest_drawdown_was_made_up_for_is_told(api, account):
    assert api.get("/performance/").json()["max_drawdown_recovered_on"] == "2025-03-06"
    assert api.get("/performance/?symbol=msft").json()["max_drawdown_recovered_on"] is None


def test_a_figure_without_a_value_says_why(api, alice):
    make_account(alice)
    body = api.get("/performance/").json()
    assert body["win_rate"]["value"] is None
    assert body["win_rate"]["reason"]
    assert body["sharpe"]["reason"]


def test_a_trader_without_an_account_has_no_figures_and_no_currency(api):
    body = api.get("/performance/").json()
    assert (body["currency"], body["net_pnl"]["n"], body["sharpe"]["value"]) == (None, 0, None)
    assert body["max_drawdown_recovered_on"] is None
    assert api.get("/performance/equity/").json()["results"] == []
    assert api.get("/performance/breakdown/?by=tag").json()["results"] == []
    assert api.get("/performance/calendar/?month=2026-11").json()["days"] == []


def test_a_filter_counts_its_trades_only_and_leaves_out_what_is_of_whole_accounts(api, account):
    body = api.get("/performance/?symbol=msft").json()
    assert body["trade_count"]["value"] == "10"
    assert (body["twr"]["value"], body["twr"]["reason"]) == (
        None, "It is a figure of whole accounts: leave the filter out.",
    )  # fmt: skip
    setup = account.owner.setups.get()
    assert api.get(f"/performance/?setup={setup.pk}").json()["trade_count"]["value"] == "8"
    assert api.get("/performance/?direction=short").json()["trade_count"]["value"] in {"0", None}
    first = api.get("/performance/?from=2025-03-04&to=2025-03-05").json()
    assert first["trade_count"]["value"] == "2"


def test_money_of_two_currencies_is_never_added_up(api, alice, account):
    euro = make_account(alice, "Euro", currency="EUR")
    make_closed_trade(euro, net="7.00")
    figures_rebuild(euro)
    assert api.get("/performance/").json()["currency"] == "USD"
    body = api.get("/performance/?currency=eur").json()
    assert (body["currency"], body["net_pnl"]["value"]) == ("EUR", "7")
    assert api.get(f"/performance/?account={euro.pk}").json()["currency"] == "EUR"
    assert error(api.get("/performance/?currency=GBP")) == (400, "no_such_currency", "currency")


def test_equity_is_told_session_by_session(api, scope):
    days = {day.day.isoformat(): day for day in session_rows(scope)}
    first = api.get("/performance/equity/?page_size=200").json()
    assert first["results"][0] == {
        "day": "2024-01-02",
        "realized_pnl": "0.00",
        "cumulative_pnl": "0.00",
        "equity": "100000.00",
        "deposits": "100000.00",
        "withdrawals": "0.00",
        "income": "0.00",
        "drawdown": "0",
    }
    second = api.get(first["next"]).json()
    assert api.get(second["previous"]).json()["results"] == first["results"]
    rows = {row["day"]: row for row in [*first["results"], *second["results"]]}
    assert all(Decimal(row["equity"]) == days[day].equity for day, row in rows.items())
    narrow = api.get("/performance/equity/?from=2025-03-04&to=2025-03-06").json()["results"]
    assert [row["day"] for row in narrow] == ["2025-03-04", "2025-03-05", "2025-03-06"]


def test_filtered_trades_have_a_curve_of_their_own(api, account):
    rows = api.get("/performance/equity/?symbol=MSFT").json()["results"]
    assert (rows[0]["realized_pnl"], rows[0]["equity"], rows[0]["drawdown"]) == ("310.00", None, None)
    assert rows[-1]["cumulative_pnl"] == "3100.00"


def test_a_breakdown_tells_the_rows_of_the_page(api, account, scope):
    body = api.get("/performance/breakdown/?by=symbol").json()
    parts = breakdown(scope, "symbol", order="-n").rows
    assert [(row["key"], row["label"]) for row in body["results"]] == [("AAPL", "AAPL"), ("MSFT", "MSFT")]
    for row, part in zip(body["results"], parts, strict=True):
        assert all(told(row[key]) == said(figure) for key, figure in part.figures.items() if key in row)
        assert row["mean_holding_seconds"] == 3600
    by_setup = api.get("/performance/breakdown/?by=setup").json()["results"]
    assert [row["label"] for row in by_setup] == ["Without a setup", "Breakout"]


@pytest.mark.parametrize(
    "by", ["setup", "tag", "symbol", "direction", "weekday", "hour", "holding", "month", "account"]
)
def test_every_breakdown_counts_every_trade(api, account, by):
    rows = api.get(f"/performance/breakdown/?by={by}&page_size=200").json()["results"]
    assert sum(int(row["trade_count"]["value"]) for row in rows) == 40
    assert all(row["label"] for row in rows)


def test_a_breakdown_is_ordered_and_paged(api, account):
    first = api.get("/performance/breakdown/?by=weekday&ordering=-net&page_size=2").json()
    second = api.get(first["next"]).json()
    nets = [Decimal(row["net_pnl"]["value"]) for row in [*first["results"], *second["results"]]]
    assert (len(nets), nets) == (4, sorted(nets, reverse=True))
    assert api.get(second["previous"]).json()["results"] == first["results"]


def test_the_calendar_tells_a_month_of_sessions(api, account, scope):
    body = api.get("/performance/calendar/?month=2025-03").json()
    results = day_results(scope, date(2025, 3, 1))
    assert [(row["day"], Decimal(row["net_pnl"]), row["trades"]) for row in body["days"]] == [
        (result.day.isoformat(), result.net, result.n) for result in results
    ]
    assert body["days"][0] == {
        "day": "2025-03-04",
        "net_pnl": "310.00",
        "trades": 1,
        "wins": 1,
        "losses": 0,
        "r": "0.62",
    }
    assert (body["month"], body["currency"], body["total"]["trades"]) == ("2025-03", "USD", len(results))
    assert body["total"]["days_down"] == 8


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("?colour=red", "colour"),
        ("?from=yesterday", "from"),
        ("?direction=up", "direction"),
        ("?setup=one", "setup"),
        ("breakdown/", "by"),
        ("breakdown/?by=mood", "by"),
        ("breakdown/?by=tag&ordering=mood", "ordering"),
        ("breakdown/?by=tag&cursor=x", "cursor"),
        ("calendar/?month=2026-13", "month"),
        ("calendar/?month=March", "month"),
        ("equity/?ordering=day", "ordering"),
    ],
)
def test_a_wrong_question_is_said_at_its_parameter(api, account, query, attr):
    answer = api.get(f"/performance/{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_anothers_accounts_setups_and_tags_do_not_exist(stranger, account, alice, charlie):
    make_account(charlie, "Mine")
    tag = make_tag(alice, "Calm")
    for query in (f"account={account.pk}", f"setup={alice.setups.get().pk}", f"tag={tag.pk}"):
        for path in ("", "equity/", "calendar/"):
            assert error(stranger.get(f"/performance/{path}?{query}")) == (404, "not_found", None)
        assert error(stranger.get(f"/performance/breakdown/?by=tag&{query}")) == (404, "not_found", None)
    assert stranger.get("/performance/").json()["net_pnl"]["n"] == 0


def test_figures_take_as_many_queries_however_many_trades_there_are(api, account, django_assert_max_num_queries):
    api.get("/performance/")
    with django_assert_max_num_queries(12):
        api.get("/performance/")
    with django_assert_max_num_queries(9):
        api.get("/performance/breakdown/?by=symbol")


def test_a_token_to_read_reads_figures(reader, account):
    assert reader.get("/performance/").status_code == 200
