"""A recorded week at the stand-in exchange: brackets planned and sent in a real browser, taken to the exchange by the
workers' tasks, filled at the recorded quotes and ended by stop, target or the trader. Every figure the pages show is what
a pencil makes of the CSV."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from playwright.sync_api import Locator, Page, expect

from accounts.calendars import session_for
from accounts.models import TradingAccount, User
from brokers.services.connections import NewAccount, connection_create
from tests.brokers.simulator_server import RunningSimulator, simulator_process
from tests.browser.replayed_week_kit import (
    MINUTE,
    NEW_YORK,
    RECORDED,
    Bracket,
    Curve,
    Outcome,
    Sums,
    averaged,
    fees,
    outcome,
    quotes,
    shown,
    signed,
    standing,
    utc,
)
from tests.desk_at_work import queues_empty, work
from trades.models import Order, Trade
from trades.tasks import excursions_sweep_task, quotes_refresh_task

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.skipif(not RECORDED.is_dir(), reason="needs the recorded market data beside this checkout"),
]

Visit = Callable[[Page, str], None]

START, END = utc(4, "13:00"), utc(11, "19:46")
CASH = Decimal(100_000)
SECONDS_A_TURN = timedelta(seconds=5)
SPY_LONG = Bracket("SPY", "long", "168.30", "166.90", "169.60", 150, utc(4, "14:30"))
BAC = Bracket("BAC", "long", "13.85", "13.60", "14.10", 2000, utc(4, "14:30"))
# Sent on a Sunday: it waits here for Monday's open and its first quote.
AIG = Bracket("AIG", "long", "49.10", "47.00", "51.00", 450, utc(7, "13:31"), closed_at=utc(10, "18:00"))
# The bid shows a hundred: the rest is filled a minute later, at another price.
IBM = Bracket("IBM", "short", "183.10", "185.60", "180.00", 150, utc(7, "14:32"))
SPY_SHORT = Bracket("SPY", "short", "165.60", "166.80", "163.00", 160, utc(9, "14:30"))
SPY_OPEN = Bracket("SPY", "long", "167.90", "166.50", "172.00", 150, utc(10, "14:30"))
BRACKETS = (SPY_LONG, BAC, AIG, IBM, SPY_SHORT, SPY_OPEN)


class Week:
    """The exchange's clock, the desk's beside it, and the workers' turns."""

    def __init__(self, exchange: RunningSimulator, clock: Any) -> None:
        self.exchange = exchange
        self.clock = clock
        self.at = START

    def go_on(self, until: datetime, *, step: timedelta = timedelta(minutes=130)) -> None:
        """Let the market run; the workers look after the desk now and then, and at the end."""
        while self.at < until:
            self._turn(min(self.at + step, until))
            work()
            # By then the brokers were heard of again: entries that waited for it leave.
            self.clock.shift(SECONDS_A_TURN)
            work()

    def quote(self, at: datetime) -> None:
        """A last minute, of which the desk hears the quotes only: prices it shows are those of that minute's end.
        What was closed is measured from the bars by then."""
        self._turn(at)
        quotes_refresh_task()
        excursions_sweep_task()

    def settle(self) -> None:
        """The market stands still while the workers have a few turns."""
        for _ in range(3):
            self.clock.shift(SECONDS_A_TURN)
            work()

    def _turn(self, at: datetime) -> None:
        self.at = at
        self.exchange.control.set_clock(at)
        self.clock.move_to(at + timedelta(seconds=1))
        # What is kept for a few seconds is kept for seconds of the machine, not of the desk's clock.
        cache.clear()


@pytest.fixture
def week(db: None, settings: Any, live_server: Any) -> Iterator[Week]:
    # The first question about a session loads the calendars, which takes seconds; it is asked in the present.
    session_for("XNYS", START)
    words = ("--replay", str(RECORDED), "--from", START.isoformat(), "--speed", "0", "--rate-limit", "100000")
    with (
        simulator_process(*words, cash=CASH) as (exchange, _),
        time_machine.travel(START, tick=True) as clock,
    ):
        settings.SIMULATOR_URL = exchange.url
        # The nights of the week pass in a moment, and nobody goes home.
        settings.SESSION_IDLE_MINUTES = 14 * 24 * 60
        queues_empty()
        yield Week(exchange, clock)


@pytest.fixture
def account(week: Week, alice: User) -> TradingAccount:
    keys = {"api_key": week.exchange.key_id, "secret_key": week.exchange.secret_key}
    connection = connection_create(
        user=alice, broker="simulator", label="Replay", is_paper=True, credentials=keys, account=NewAccount("Replay")
    )
    assert connection.account is not None
    return connection.account


@pytest.fixture
def desk(page: Page, account: TradingAccount, alice: User, sign_in: Callable[[Page, User], None]) -> Page:
    sign_in(page, alice)
    return page


def test_a_week_of_brackets_is_shown_as_the_tape_has_it(
    desk: Page, week: Week, account: TradingAccount, visit: Visit
) -> None:
    trades = _trade_the_week(desk, week, account, visit)
    outcomes = [outcome(bracket, until=END) for bracket in BRACKETS]
    assert [each.ended_by for each in outcomes] == ["stop", "target", "close", "target", "stop", ""]
    for trade, each in zip(trades, outcomes, strict=True):
        visit(desk, f"/trades/{trade}/")
        _shows_the_trade(desk, each)
        _shows_the_fills(desk, each)
    closed = tuple(each for each in outcomes if each.is_closed)
    _shows_the_dashboard(desk, visit, outcomes)
    curve = Curve(CASH, tuple((day, equity) for day, *_, equity in _days_of(outcomes)))
    _shows_the_figures(desk, visit, account, Sums(closed), curve)
    _shows_the_equity(desk, visit, account, outcomes)
    _shows_the_position(desk, visit, outcomes[-1])


def _trade_the_week(page: Page, week: Week, account: TradingAccount, visit: Visit) -> list[str]:
    """Live through the week; the trades' ids in the order of BRACKETS."""
    week.go_on(utc(4, "14:30"))
    spy, bac = (_send(page, visit, account, bracket) for bracket in (SPY_LONG, BAC))
    week.go_on(utc(6, "18:00"), step=timedelta(hours=12))
    aig = _send(page, visit, account, AIG)
    assert Order.objects.get(trade=aig, parent=None).status == "queued"
    week.go_on(utc(7, "13:25"), step=timedelta(hours=24))
    week.go_on(utc(7, "13:31"))
    week.go_on(utc(7, "14:32"))
    ibm = _send(page, visit, account, IBM)
    week.settle()
    visit(page, "/orders/")
    row = page.locator(f"#order-{Order.objects.get(trade=ibm, parent=None).pk}")
    expect(row).to_contain_text("Partially filled")
    expect(row).to_contain_text("100 / 150")
    _days(week, 7, 8)
    week.go_on(utc(9, "14:30"))
    short = _send(page, visit, account, SPY_SHORT)
    _days(week, 9)
    week.go_on(utc(10, "14:30"))
    last = _send(page, visit, account, SPY_OPEN)
    week.go_on(utc(10, "18:00"))
    visit(page, f"/trades/{aig}/")
    page.get_by_role("link", name="Close").first.click()
    page.get_by_role("button", name="Close the position").click()
    page.wait_for_load_state("load")
    week.settle()
    _days(week, 10)
    week.go_on(END - MINUTE)
    week.quote(END)
    return [spy, bac, aig, ibm, short, last]


def _days(week: Week, *days: int) -> None:
    """To the end of each day, and over the night to the next open."""
    for day in days:
        week.go_on(utc(day, "20:05"))
        week.go_on(utc(day + 1, "13:25"), step=timedelta(hours=24))


def _send(page: Page, visit: Visit, account: TradingAccount, bracket: Bracket) -> str:
    """Plan the trade in the browser and send the plan with the ticket; the workers bring it to the exchange."""
    visit(page, f"/trades/plan/?account={account.pk}")
    page.locator(f"input[name=direction][value={bracket.direction}]").check()
    typed = {"symbol": bracket.symbol, "entry": bracket.limit, "stop": bracket.stop, "target_1": bracket.target}
    for name, text in {**typed, "quantity": str(bracket.quantity)}.items():
        page.fill(f"#id_{name}", text)
    page.get_by_role("button", name="Plan the trade").click()
    page.get_by_role("link", name="Send to broker").click()
    page.get_by_role("button", name="Look at the order").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send this order?")
    page.get_by_role("button", name="Send the order").click()
    expect(page.get_by_text(f"You placed the order for {bracket.symbol}.")).to_be_visible()
    work()
    trade = Trade.objects.filter(account=account).latest("occurred_at")
    assert (trade.symbol, trade.status) in {(bracket.symbol, "pending"), (bracket.symbol, "active")}
    return str(trade.pk)


# --- what the pages show ----------------------------------------------------------------------------------------------


def _words(where: Locator) -> str:
    """The text as it is read, without the glyph beside a gain or a loss."""
    text = where.evaluate(
        "e => { const c = e.cloneNode(true); c.querySelectorAll('.glyph, .visually-hidden').forEach(g => g.remove());"
        " return c.textContent }"
    )
    return " ".join(text.split())


def _facts(page: Page) -> dict[str, str]:
    pairs = page.locator("dl.desk-facts > div")
    return {_words(pair.locator("dt")): _words(pair.locator("dd")) for pair in pairs.all()}


def _table(where: Locator) -> list[list[str]]:
    return [[_words(cell) for cell in row.locator("th, td").all()] for row in where.locator("tbody tr").all()]


def _card(page: Page, title: str) -> str:
    heading = page.get_by_role("heading", name=title, exact=True).first
    return _words(page.locator(".desk-figure").filter(has=heading).first.locator(".desk-figure-value"))


def _shows_the_trade(page: Page, each: Outcome) -> None:
    facts, bracket = _facts(page), each.bracket
    compared = {row[0]: row[1:] for row in _table(page.locator("section", has=page.locator("#comparison-title")))}
    closed = each.is_closed
    assert compared == {
        "Entry (average)": [bracket.limit, averaged(each.entry)],
        "Quantity": [shown(Decimal(bracket.quantity), 0)] * 2,
        "Stop (in force)": [bracket.stop, bracket.stop],
        "Exit (first target, average)": [bracket.target, averaged(each.exit) if closed else "—"],
        "Initial risk (1R)": [shown(each.risk, unit="USD")] * 2,
        "R": [
            signed(abs(Decimal(bracket.target) - Decimal(bracket.limit)) * bracket.quantity / each.risk, unit="R"),
            signed(each.r, unit="R") if closed else "—",
        ],
    }
    ending = "" if closed else ", realised"
    result = each.result if closed else Decimal(0)
    assert facts[f"Net P&L{ending}"] == facts[f"Gross P&L{ending}"] == signed(result, unit="USD")
    assert facts[f"Costs{ending}"] == "0.00 USD"
    assert facts["Entry filled at"] == f"{averaged(each.entry)} USD"
    assert "Synced" in facts["Broker"]
    if closed:
        assert facts["R"] == signed(each.r, unit="R")
        _shows_the_excursions(facts, each)
    else:
        last = standing(bracket.symbol, END)
        middle = (last.bid + last.ask) / 2
        gain = (middle - each.entry) * each.open_quantity
        assert facts["Unrealised now"] == f"{signed(gain, unit='USD')} · {signed(gain / each.risk, unit='R')}"
        assert facts["Open risk"].startswith(shown(_open_risk(each), unit="USD"))


def _shows_the_excursions(facts: dict[str, str], each: Outcome) -> None:
    worst, best = each.excursions
    told = {
        name: f"{signed(value, unit='USD')} · {signed(value / each.risk, unit='R')}"
        for name, value in (("MAE", worst), ("MFE", best))
    }
    assert {name: facts[name].split(" R ")[0] + " R" for name in told} == told
    assert facts["Exit efficiency"] == shown((each.result - worst) / (best - worst) * 100, 1, unit="%")
    assert facts["Measured in bars of"] == "1 minute"


def _open_risk(each: Outcome) -> Decimal:
    return (each.entry - Decimal(each.bracket.stop)) * each.open_quantity * each.bracket.sign


def _shows_the_fills(page: Page, each: Outcome) -> None:
    rows = _table(page.locator("section", has=page.locator("#fills-title")))
    assert [row[:5] for row in rows] == [
        [
            f"{one.at.astimezone(NEW_YORK):%Y-%m-%d %H:%M}",
            one.side.capitalize(),
            shown(Decimal(one.quantity), 0),
            shown(one.price),
            "0.00 USD",
        ]
        for one in each.executions
    ]


def _shows_the_dashboard(page: Page, visit: Visit, outcomes: list[Outcome]) -> None:
    closed = [each for each in outcomes if each.is_closed]
    result, charged = sum(each.result for each in closed), sum(fees(outcomes).values())
    still_open = outcomes[-1]
    visit(page, "/")
    assert _card(page, "Equity") == shown(CASH + result - charged, unit="USD")
    assert _card(page, "Today") == "0.00 USD"
    assert _card(page, "This week") == signed(result, unit="USD")
    assert _card(page, "At risk in open trades") == shown(_open_risk(still_open), unit="USD")
    assert _card(page, "Win rate") == "60.0 %"
    assert _card(page, "Expectancy") == signed(Sums(tuple(closed)).expectancy_r, unit="R")


def _shows_the_figures(page: Page, visit: Visit, account: TradingAccount, sums: Sums, curve: Curve) -> None:
    """Every card of the page, and no other, shows what it should."""
    visit(page, f"/performance/?account={account.pk}")
    titles = [_words(each) for each in page.locator(".desk-figure-title").all()]
    assert {title: _card(page, title) for title in titles} == {
        **{title: written(sums) for title, written in _FIGURES.items()},
        **{title: written(curve) for title, written in _RETURNS.items()},
    }
    _, _, recovered = curve.fallen()
    fall = page.locator(".desk-figure", has=page.get_by_role("heading", name="Maximum drawdown", exact=True))
    expect(fall).to_contain_text(f"recovered on {recovered}" if recovered else "not recovered yet")
    for title in _TOO_FEW:
        card = page.locator(".desk-figure", has=page.get_by_role("heading", name=title, exact=True))
        expect(card).to_contain_text(
            "It needs at least one year." if "a year" in title else "It needs at least 20 trading sessions."
        )


_FIGURES: dict[str, Callable[[Sums], str]] = {
    "Net P&L": lambda sums: signed(sums.net, unit="USD"),
    # The broker takes no commission: before costs it is the same.
    "Gross P&L": lambda sums: signed(sums.net, unit="USD"),
    "Costs": lambda _: "0.00 USD",
    "Trades": lambda sums: str(len(sums.closed)),
    "Win rate": lambda sums: shown(sums.win_rate * 100, 1, unit="%"),
    "Expectancy (money)": lambda sums: signed(sums.expectancy, unit="USD"),
    "Expectancy (R)": lambda sums: signed(sums.expectancy_r, unit="R"),
    "Average win": lambda sums: signed(sums.average_win, unit="USD"),
    "Average loss": lambda sums: signed(sums.average_loss, unit="USD"),
    "Payoff ratio": lambda sums: shown(sums.payoff),
    "Profit factor": lambda sums: shown(sums.profit_factor),
    "System quality number (SQN)": lambda sums: shown(sums.sqn),
    "Kelly fraction": lambda sums: shown(sums.kelly * 100, 1, unit="%"),
    "Break-evens": lambda sums: str(sums.break_evens),
    "Longest winning streak": lambda sums: str(sums.longest(1)),
    "Longest losing streak": lambda sums: str(sums.longest(-1)),
}
# A week has too few sessions for these.
_TOO_FEW = ("Time-weighted return a year", "CAGR", "Volatility", "Sharpe ratio", "Sortino ratio", "Calmar ratio")
_RETURNS: dict[str, Callable[[Curve], str]] = {
    "Time-weighted return": lambda curve: signed(curve.growth * 100, unit="%"),
    "Money-weighted return (XIRR)": lambda curve: signed(curve.yearly * 100, unit="%"),
    "Maximum drawdown": lambda curve: signed(curve.fallen()[0] * 100, unit="%"),
    "Length of the maximum drawdown": lambda curve: str(curve.fallen()[1]),
    **dict.fromkeys(_TOO_FEW, lambda _: "\N{EM DASH}"),
}


def _days_of(outcomes: list[Outcome]) -> list[tuple[date, Decimal, Decimal, Decimal]]:
    """Each session with its result, what the broker charged, and the equity at its end."""
    charged, days = fees(outcomes), sorted({quote.at.date() for quote in quotes("SPY")})
    equity, found = CASH, []
    for day in days:
        result = sum((each.result for each in outcomes if each.is_closed and each.closed_on == day), Decimal(0))
        income = -charged.get(day, Decimal(0))
        equity += result + income
        found.append((day, result, income, equity))
    return found


def _shows_the_equity(page: Page, visit: Visit, account: TradingAccount, outcomes: list[Outcome]) -> None:
    lines = [
        [day.isoformat(), signed(result, unit="USD"), signed(income, unit="USD"), shown(equity, unit="USD")]
        for day, result, income, equity in _days_of(outcomes)
    ]
    visit(page, f"/performance/equity/?account={account.pk}")
    rows = _table(page.locator("table.desk-table"))
    assert [[row[0], row[1], row[4], row[5]] for row in rows] == lines[::-1]


def _shows_the_position(page: Page, visit: Visit, each: Outcome) -> None:
    visit(page, "/positions/")
    rows = _table(page.locator("table.desk-table").first)
    assert len(rows) == 1
    told = " ".join(rows[0])
    last = standing(each.bracket.symbol, END)
    gain = ((last.bid + last.ask) / 2 - each.entry) * each.open_quantity
    for text in ("SPY", "Matched", f"150 at {shown(each.entry)}", signed(gain, unit="USD"), each.bracket.stop):
        assert text in told
