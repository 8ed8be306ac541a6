"""One number everywhere: an awkward desk says the same on the dashboard, the list, every performance page and the export."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Sum
from django.test import Client

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_cash, make_setup, make_tag
from trades.models import Fill, Trade
from trades.selectors.breakdowns import BREAKDOWNS, breakdown
from trades.selectors.calendar import day_results
from trades.selectors.dashboard import desk_now
from trades.selectors.equity import account_equity, changes, equity_days
from trades.selectors.figures import totals_by_key
from trades.selectors.journal import journal_month
from trades.selectors.risk_state import risk_state
from trades.selectors.scope import Scope
from trades.services.figures import figures_rebuild
from trades.services.fills import FillInput, fill_create
from trades.services.plan_input import PlanInput, Target
from trades.services.plans import plan_create
from trades.services.quick import QuickInput, quick_entry
from trades.services.recompute import account_recompute
from trades.services.stops import stop_move
from trades.services.tags import trades_tag

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 20, 20, 30, tzinfo=UTC)
ZERO = Decimal(0)


def d(text: str) -> Decimal:
    return Decimal(text)


def at(day: int, hour: int = 15, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


class Desk:
    """Two accounts in two currencies with everything that makes sums hard."""

    def __init__(self, owner: User) -> None:
        self.owner = owner
        self.main = make_account(
            owner, "Main", opened_on=date(2026, 2, 16), starting_balance=d("50000.00"), break_even_band=d("5.00")
        )
        self.euro = make_account(
            owner, "Euro", currency="EUR", exchange="XETR", opened_on=date(2026, 3, 2), starting_balance=ZERO
        )
        self.setup = make_setup(owner, "Gap", ("In trend",))
        make_tag(owner, "news")
        self._money()
        self._finished()
        self._open()
        self._in_euro()

    def _money(self) -> None:
        # A Saturday, a Sunday, Presidents' Day, and after the last trade.
        make_cash(self.main, "deposit", "10000.00", date(2026, 2, 21))
        make_cash(self.main, "withdrawal", "2500.50", date(2026, 3, 8))
        make_cash(self.main, "dividend", "12.34", date(2026, 2, 16))
        make_cash(self.main, "charge", "7.77", date(2026, 3, 19))
        make_cash(self.main, "deposit", "300.00", date(2026, 3, 20))
        make_cash(self.euro, "deposit", "20000.00", date(2026, 3, 7))

    def plan(self, account: TradingAccount, symbol: str, **changes: Any) -> Trade:
        given: dict[str, Any] = {
            "account_id": account.pk,
            "symbol": symbol,
            "asset_class": "stock",
            "direction": "long",
            "entry": d("100"),
            "stop": d("95"),
            "targets": (Target(d("115")),),
            "quantity": d("50"),
            "override_reason": "awkward",
        }
        return plan_create(owner=self.owner, plan=PlanInput(**given | changes), creation_key=uuid4(), now=NOW)

    def fill(self, trade: Trade, side: str, quantity: str, price: str, when: datetime, **more: Any) -> None:
        given = FillInput(side, d(quantity), d(price), when, **{"commission": d("1.005"), "fees": d("0.013")} | more)
        fill_create(owner=self.owner, trade_id=trade.pk, given=given, creation_key=uuid4(), now=NOW)

    def quick(self, account: TradingAccount, symbol: str, **changes: Any) -> Trade:
        given: dict[str, Any] = {
            "account_id": account.pk,
            "symbol": symbol,
            "asset_class": "stock",
            "direction": "long",
            "quantity": d("10"),
            "entry_at": at(9),
            "entry_price": d("20"),
            "exit_at": at(9, 18),
            "exit_price": d("20.30"),
            "costs": d("0.37"),
        }
        return quick_entry(owner=self.owner, given=QuickInput(**given | changes), creation_key=uuid4(), now=NOW)

    def _finished(self) -> None:
        scaled = self.plan(self.main, "AAPL", setup_id=self.setup.pk)
        self.fill(scaled, "buy", "30", "100.10", at(3))
        self.fill(scaled, "buy", "37", "101.37", at(4))
        self.fill(scaled, "sell", "11", "104.99", at(5))
        self.fill(scaled, "sell", "23", "99.01", at(10))
        self.fill(scaled, "sell", "33", "107.77", at(12))
        short = self.plan(self.main, "TSLA", direction="short", entry=d("200"), stop=d("210"), targets=())
        self.fill(short, "sell", "20", "200.50", at(4))
        self.fill(short, "buy", "7", "190.25", at(6))
        self.fill(short, "buy", "13", "213.05", at(11))
        option = self.plan(self.main, "MSFT", asset_class="option", entry=d("2.50"), stop=d("1.25"), targets=())
        self.fill(option, "buy", "3", "2.55", at(9))
        self.fill(option, "sell", "1", "3.10", at(10))
        self.fill(option, "sell", "2", "0", at(13), kind="expiry", commission=ZERO, fees=ZERO)
        self.quick(self.main, "EVEN")
        self.quick(self.main, "NOSTOP", exit_price=d("17.11"), exit_at=at(14, 15))
        moved = self.plan(self.main, "MOVE", quantity=d("40"))
        self.fill(moved, "buy", "40", "51.03", at(5), kind="transfer_in", commission=ZERO, fees=ZERO)
        self.fill(moved, "sell", "10", "55.55", at(6))
        self.fill(moved, "sell", "30", "55", at(9), kind="transfer_out", commission=ZERO, fees=ZERO)
        lost = self.plan(self.main, "LOST", quantity=d("5"))
        self.fill(lost, "buy", "5", "0", at(5), kind="transfer_in", commission=ZERO, fees=ZERO)
        self.fill(lost, "sell", "5", "90", at(6))
        trades_tag(owner=self.owner, trades=Trade.objects.filter(symbol__in=["AAPL", "TSLA"]), kind="tag", add=["news"])

    def _open(self) -> None:
        running = self.plan(self.main, "NVDA", setup_id=self.setup.pk)
        self.fill(running, "buy", "50", "100.02", at(10))
        self.fill(running, "sell", "20", "111.11", at(12))
        self.fill(running, "sell", "5", "98.76", at(20, 14, 30))
        running.refresh_from_db()
        stop_move(
            owner=self.owner,
            trade_id=running.pk,
            price=d("104"),
            moved_at=at(13),
            note="",
            version=running.version,
            now=NOW,
        )
        self.plan(self.main, "WAIT", quantity=d("10"))

    def _in_euro(self) -> None:
        trade = self.plan(self.euro, "SAP", quantity=d("12"))
        self.fill(trade, "buy", "12", "100", at(9, 10))
        self.fill(trade, "sell", "5", "103.33", at(10, 10))
        self.fill(trade, "sell", "7", "96.66", at(11, 10))


@pytest.fixture
def desk(alice: User) -> Desk:
    return Desk(alice)


def realised(account: TradingAccount) -> Decimal:
    """From the fills alone: what the exits of complete trades realised."""
    fills = Fill.objects.filter(account=account, is_exit=True, trade__is_incomplete=False)
    return fills.aggregate(total=Sum("realised_net"))["total"] or ZERO


def closed(account: TradingAccount) -> list[Trade]:
    return list(Trade.objects.filter(account=account, status="closed", is_incomplete=False))


def net_of(account: TradingAccount) -> Decimal:
    return sum((trade.net_pnl for trade in closed(account)), ZERO)


def scopes(desk: Desk) -> Iterator[tuple[TradingAccount, Scope]]:
    for account in (desk.main, desk.euro):
        yield account, Scope(account.currency, (account,))
        yield account, Scope(account.currency, (account,), Trade.objects.filter(owner=desk.owner))


def test_the_desk_is_as_awkward_as_it_says(desk: Desk) -> None:
    by_symbol = {trade.symbol: trade for trade in Trade.objects.filter(account=desk.main)}
    assert {name: trade.status for name, trade in by_symbol.items()} == {
        **dict.fromkeys(("AAPL", "TSLA", "MSFT", "EVEN", "NOSTOP", "MOVE", "LOST"), "closed"),
        "NVDA": "active",
        "WAIT": "planned",
    }
    assert by_symbol["LOST"].is_incomplete
    assert by_symbol["EVEN"].outcome == "break_even"
    assert by_symbol["NOSTOP"].r_multiple is None
    assert by_symbol["NVDA"].open_risk == 0
    assert len(closed(desk.main)) == 6


def test_gross_less_costs_is_net_for_every_trade_and_its_exits_add_up(desk: Desk) -> None:
    for trade in Trade.objects.all():
        exits = trade.fills.filter(is_exit=True)
        assert trade.gross_pnl - trade.costs == trade.net_pnl
        for column, total in (
            ("realised_gross", trade.gross_pnl),
            ("realised_costs", trade.costs),
            ("realised_net", trade.net_pnl),
        ):
            assert (exits.aggregate(total=Sum(column))["total"] or ZERO) == total, (trade.symbol, column)


def test_equity_is_one_number(desk: Desk) -> None:
    paid = {desk.main: d("50000.00") + 10000 - d("2500.50") + d("12.34") - d("7.77") + 300, desk.euro: d("20000.00")}
    now = {each.accounts[0].account.pk: each for each in desk_now([desk.main, desk.euro], now=NOW)}
    for account, put_in in paid.items():
        expected = put_in + realised(account)
        days = equity_days([account], changes([account]), until=NOW.date())
        assert account_equity(account) == expected
        assert days[-1].equity == expected
        assert now[account.pk].equity == expected
        assert now[account.pk].days[-1].equity == expected
        assert risk_state(account, now=NOW).account.equity == expected
        assert sum(day.realised for day in days) == realised(account)
        assert [day.day for day in days] == sorted({day.day for day in days})


def test_today_and_heat_are_those_of_the_plan_page(desk: Desk) -> None:
    (here,) = desk_now([desk.main], now=NOW)
    state = risk_state(desk.main, now=NOW)
    today = Fill.objects.filter(account=desk.main, session=date(2026, 3, 20), is_exit=True)
    assert here.today == today.aggregate(total=Sum("realised_net"))["total"] < 0
    assert state.account.loss_today == -here.today
    assert state.account.loss_this_week == max(-here.week, ZERO)
    assert here.open_risk == state.open_risk == 0
    (account,) = here.accounts
    assert account.daily_loss.percent == state.account.loss_today * 100 / state.account.equity


def test_every_breakdown_adds_up_to_the_whole_kept_or_filtered(desk: Desk) -> None:
    for account, scope in scopes(desk):
        trades = closed(account)
        (whole,) = totals_by_key(scope, ["all"])["all"]
        assert (whole.totals.n, whole.totals.sum_net) == (len(trades), net_of(account))
        assert whole.totals.wins + whole.totals.losses + whole.totals.break_evens == len(trades)
        assert whole.totals.r_n == sum(trade.r_multiple is not None for trade in trades)
        for by in BREAKDOWNS:
            rows = breakdown(scope, by, order=BREAKDOWNS[by]).rows
            assert sum(row.totals.n for row in rows) == len(trades), by
            assert sum(row.totals.sum_net for row in rows) == net_of(account), by
            assert sum(row.totals.r_sum for row in rows) == whole.totals.r_sum, by


def test_calendar_journal_and_sessions_agree_day_by_day(desk: Desk) -> None:
    journal: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for line in journal_month(desk.owner, date(2026, 3, 1)):
        for currency, net in line.net.items():
            journal[currency][line.day] = net
    for account, scope in scopes(desk):
        days = {result.day: result.net for result in day_results(scope, date(2026, 3, 1))}
        assert sum(days.values()) == realised(account)
        assert days == journal[account.currency]
        sessions = equity_days([account], changes([account]), until=NOW.date())
        assert {day.day: day.realised for day in sessions if day.realised} == {k: v for k, v in days.items() if v}
        assert sum(result.n for result in day_results(scope, date(2026, 3, 1))) == len(closed(account))


def test_the_export_says_what_the_figures_say(desk: Desk, alice_client: Client) -> None:
    text = b"".join(alice_client.get("/trades/export/")).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    for account in (desk.main, desk.euro):
        mine = [row for row in rows if row["account"] == account.name and row["status"] == "closed"]
        complete = [row for row in mine if row["opening fills missing"] == "no"]
        assert sum(Decimal(row["net"]) for row in complete) == net_of(account)
        assert sum(Decimal(row["gross"]) - Decimal(row["costs"]) for row in complete) == net_of(account)
    waiting = next(row for row in rows if row["symbol"] == "WAIT")
    assert (waiting["net"], waiting["r"]) == ("", "")


def test_the_list_sums_what_the_performance_page_sums(desk: Desk, alice_client: Client) -> None:
    nets = {"USD": net_of(desk.main), "EUR": net_of(desk.euro)}
    plain = alice_client.get("/trades/").context["summary"]
    assert (plain["words"], plain["net"]) == ("7 closed trades", nets)
    filtered = alice_client.get("/trades/?status=closed&incomplete=no").context["summary"]
    assert (filtered["words"], filtered["net"]) == ("7 trades", nets)
    # The trade without its opening fills is listed, and no sum counts it.
    loose = alice_client.get("/trades/?status=closed").context["summary"]
    assert loose["net"] == nets
    assert loose["words"] == "8 trades, 1 without opening fills left out of the sum"
    for currency, net in nets.items():
        cards = alice_client.get(f"/performance/?currency={currency}").context["trade_cards"]
        assert next(card["figure"].value for card in cards if card["title"] == "Net P&L") == net


@pytest.mark.parametrize("again", [figures_rebuild, account_recompute])
def test_computing_everything_anew_changes_nothing(desk: Desk, again: Callable[[TradingAccount], Any]) -> None:
    untold = {"version", "updated_at", "search"}
    columns = [field.attname for field in Trade._meta.concrete_fields if field.name not in untold]

    def told() -> Any:
        totals = totals_by_key(Scope("USD", (desk.main,)), ["all", "setup", "tag", "month", "exit", "r", "planned"])
        return list(Trade.objects.order_by("pk").values(*columns)), totals, account_equity(desk.main)

    before = told()
    again(desk.main)
    assert told() == before
