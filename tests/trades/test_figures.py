"""Whatever a trader does, the kept sums are those of the trades: to the cent, by every dimension, for every session."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_closed_trade, make_setup, make_tag
from tests.trades.figures_kit import assert_kept, kept_streaks
from trades.models import AccountDay, FigureTotal, Fill, StreakDay, Trade
from trades.selectors.figures import streaks
from trades.selectors.scope import Scope
from trades.services.figures import figures_following, figures_rebuild
from trades.services.fills import FillInput, fill_create, fill_delete, fill_edit
from trades.services.quick import QuickInput, quick_entry
from trades.services.status import trade_delete
from trades.services.tags import trades_tag
from trenddojo.domain.errors import DomainError
from trenddojo.domain.metrics.streaks import StreakSummary
from trenddojo.domain.metrics.trades import TradeTotals

pytestmark = pytest.mark.django_db

NOW = datetime(2025, 12, 1, tzinfo=UTC)
START = datetime(2025, 3, 3, 14, 30, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
CENT = Decimal("0.01")


# --- Whatever happens -------------------------------------------------------------------------------------------------

PRICES = st.decimals(min_value=Decimal(90), max_value=Decimal(110), places=2)
QUICK = st.tuples(
    st.just("quick"),
    st.integers(0, 1),
    st.sampled_from(["AAPL", "MSFT"]),
    st.sampled_from(["long", "short"]),
    st.integers(1, 50),
    PRICES,
    PRICES,
    st.booleans(),
    st.integers(0, 6),
    st.sampled_from([3, 29, 200, 3000]),
    st.integers(0, 2),
)
CHANGES = st.one_of(
    st.tuples(st.just("reprice"), st.integers(0, 20), PRICES),
    st.tuples(st.just("reopen"), st.integers(0, 20)),
    st.tuples(st.just("scale_out"), st.integers(0, 20), PRICES),
    st.tuples(st.just("delete"), st.integers(0, 20)),
    st.tuples(st.just("tag"), st.integers(0, 20), st.sampled_from(["Calm", "Late"])),
    st.tuples(st.just("untag"), st.integers(0, 20), st.sampled_from(["Calm", "Late"])),
)


class Desk:
    """A trader with two accounts, one of them with a break-even band, and the operations of the property test."""

    def __init__(self, owner: User) -> None:
        self.owner = owner
        self.accounts = [make_account(owner, "One"), make_account(owner, "Two", break_even_band=Decimal(20))]
        self.setups = [None, make_setup(owner, "Breakout"), make_setup(owner, "Pullback")]

    def trade(self, number: int) -> Trade | None:
        trades = list(Trade.objects.filter(owner=self.owner).order_by("created_at"))
        return trades[number % len(trades)] if trades else None

    def quick(self, *drawn: Any) -> None:
        account, symbol, direction, quantity, entry, exit_price, has_stop, day, minutes, setup = drawn
        entry_at = START + timedelta(days=day)
        stop = entry - 2 if direction == "long" else entry + 2
        chosen = self.setups[setup]
        given_trade = QuickInput(
            account_id=self.accounts[account].pk,
            symbol=symbol,
            asset_class="stock",
            direction=direction,
            quantity=Decimal(quantity),
            entry_at=entry_at,
            entry_price=entry,
            exit_at=entry_at + timedelta(minutes=minutes),
            exit_price=exit_price,
            stop=stop if has_stop else None,
            costs=Decimal("1.37"),
            setup_id=chosen.pk if chosen else None,
        )
        quick_entry(owner=self.owner, given=given_trade, creation_key=uuid.uuid4(), now=NOW)

    def reprice(self, number: int, price: Decimal) -> None:
        self._with_last_fill(number, lambda trade, fill: self._edit(trade, fill, price))

    def _edit(self, trade: Trade, fill: Fill, price: Decimal) -> None:
        changed = FillInput(
            fill.side, fill.quantity, price, fill.executed_at, commission=fill.commission, fees=fill.fees
        )
        fill_edit(owner=self.owner, fill_id=fill.pk, given=changed, version=trade.version, now=NOW)

    def reopen(self, number: int) -> None:
        self._with_last_fill(
            number,
            lambda trade, fill: fill_delete(owner=self.owner, fill_id=fill.pk, version=trade.version),
        )

    def _with_last_fill(self, number: int, act: Callable[[Trade, Fill], Any]) -> None:
        trade = self.trade(number)
        fill = trade.fills.order_by("executed_at").last() if trade else None
        if trade and fill:
            act(trade, fill)

    def scale_out(self, number: int, price: Decimal) -> None:
        trade = self.trade(number)
        if trade is None or trade.open_quantity < 2:
            return
        part = FillInput(
            "sell" if trade.direction == "long" else "buy",
            (trade.open_quantity / 2).to_integral_value(ROUND_FLOOR),
            price,
            trade.entry_date + timedelta(days=1),
            commission=Decimal("0.5"),
            fees=Decimal(0),
        )
        fill_create(owner=self.owner, trade_id=trade.pk, given=part, creation_key=uuid.uuid4(), now=NOW)

    def delete(self, number: int) -> None:
        trade = self.trade(number)
        if trade:
            trade_delete(owner=self.owner, trade_id=trade.pk, version=trade.version)

    def tag(self, number: int, name: str) -> None:
        self._tag(number, add=[name])

    def untag(self, number: int, name: str) -> None:
        self._tag(number, remove=[name])

    def _tag(self, number: int, **names: list[str]) -> None:
        trade = self.trade(number)
        if trade:
            trades_tag(owner=self.owner, trades=Trade.objects.filter(pk=trade.pk), kind="tag", **names)


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.one_of(QUICK, QUICK, CHANGES), min_size=1, max_size=8))
def test_after_any_sequence_of_changes_the_kept_sums_are_those_of_the_trades(alice: User, steps: list[Any]) -> None:
    with transaction.atomic():
        desk = Desk(alice)
        for name, *arguments in steps:
            try:
                with transaction.atomic():
                    getattr(desk, name)(*arguments)
            except DomainError:
                pass  # What the services refuse changes nothing.
            assert_kept(alice)
        transaction.set_rollback(True)


# --- By name ----------------------------------------------------------------------------------------------------------


def test_a_new_trade_counts_once_in_every_dimension(alice: User) -> None:
    account = make_account(alice)
    setup, tag = make_setup(alice), make_tag(alice, "Calm")
    with transaction.atomic(), figures_following(account) as following:
        trade = make_closed_trade(account, net="250.00", setup=setup)
        trade.tags.add(tag)
        following.add([trade.pk])
    kept = dict(FigureTotal.objects.values_list("dimension", "key"))
    assert kept == {
        "all": "",
        "setup": str(setup.pk),
        "tag": str(tag.pk),
        "symbol": "AAPL",
        "direction": "long",
        "weekday": "1",
        "hour": "10",
        "holding": "2",
        "month": "2025-03",
        "override": "no",
        "planned": "2",
        "exit": "between",
        "checklist": "none",
        "r": "10",
    }
    assert set(FigureTotal.objects.values_list("n", "sum_net", "r_sum")) == {(1, Decimal("250.00"), Decimal("0.5"))}
    assert_kept(alice)


def test_a_deleted_trade_leaves_no_trace(alice: User) -> None:
    account = make_account(alice)
    trade = make_closed_trade(account, net="-123.45")
    figures_rebuild(account)
    with transaction.atomic(), figures_following(account, [trade.pk]):
        trade.delete()
    assert not FigureTotal.objects.exists()
    assert not AccountDay.objects.exists()
    assert not StreakDay.objects.exists()


def test_an_exception_inside_takes_everything_back(alice: User) -> None:
    account = make_account(alice)
    trade = make_closed_trade(account)
    figures_rebuild(account)
    before = list(FigureTotal.objects.order_by("id").values())
    with pytest.raises(RuntimeError), transaction.atomic(), figures_following(account, [trade.pk]):
        raise RuntimeError
    assert list(FigureTotal.objects.order_by("id").values()) == before


def test_figures_refuse_to_follow_outside_a_transaction(transactional_db: None) -> None:
    owner = User.objects.create_user("dora", "dora@example.com")
    account = make_account(owner)
    with pytest.raises(transaction.TransactionManagementError), figures_following(account):
        pytest.fail("the change was let in")


def test_incomplete_trades_are_left_out(alice: User) -> None:
    account = make_account(alice)
    make_closed_trade(account, is_incomplete=True)
    figures_rebuild(account)
    assert not FigureTotal.objects.exists()
    assert not AccountDay.objects.exists()


@pytest.mark.parametrize(("count", "statements"), [(1, 5), (20, 5), (21, 4), (60, 4)])
def test_the_number_of_statements_does_not_grow_with_the_trades(
    alice: User, django_assert_num_queries: Callable[..., Any], count: int, statements: int
) -> None:
    account = make_account(alice)
    trades = [make_closed_trade(account, net=f"{n}.00") for n in range(count)]
    figures_rebuild(account)
    setup = make_setup(alice)
    ids = [trade.pk for trade in trades]
    with transaction.atomic(), django_assert_num_queries(statements), figures_following(account, ids):
        Trade.objects.filter(account=account).update(setup=setup)
    assert_kept(alice)


def test_outcomes_in_the_outermost_buckets_keep_exact_sums(alice: User) -> None:
    account = make_account(alice)
    make_closed_trade(account, net="50000.00", initial_risk=Decimal(100))
    make_closed_trade(account, net="-5000.00", initial_risk=Decimal(100))
    figures_rebuild(account)
    buckets = FigureTotal.objects.filter(dimension="r").values_list("key", "r_sum")
    assert dict(buckets) == {"400": Decimal(500), "-200": Decimal(-50)}


def test_of_trades_closed_in_the_same_instant_the_one_opened_first_counts_first(alice: User) -> None:
    account = make_account(alice)
    closed = {"exit_date": START + timedelta(hours=2)}
    make_closed_trade(account, net="100.00", pk=uuid.UUID(int=1), entry_date=START + timedelta(hours=1), **closed)
    make_closed_trade(account, net="-50.00", pk=uuid.UUID(int=2), entry_date=START, **closed)
    make_closed_trade(account, net="100.00", entry_date=START + timedelta(hours=3))
    figures_rebuild(account)
    assert kept_streaks(alice, account).wins.longest == 2
    everything = Scope("USD", (account,), Trade.objects.all())
    assert streaks(everything, TradeTotals()).wins.longest == 2


def test_streaks_over_all_accounts_mend_after_an_account_was_deleted(alice: User) -> None:
    one, two = make_account(alice, "One"), make_account(alice, "Two")
    for account in (one, two):
        make_closed_trade(account, net="100.00")
        figures_rebuild(account)
    assert kept_streaks(alice, None).wins.longest == 2
    two.delete()
    assert StreakDay.objects.get(account=None).runs["wins"]["longest"] == 2
    with transaction.atomic(), figures_following(one) as following:
        following.add([make_closed_trade(one, net="-1.00", exit_date=START + timedelta(days=9)).pk])
    whole = StreakSummary()
    for runs in StreakDay.objects.filter(account=None).order_by("day").values_list("runs", flat=True):
        assert runs["n"] == 1
        whole += StreakSummary(runs["n"])
    assert whole.n == 2


def test_rebuild_command_adds_up_all_accounts_again(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    account = make_account(alice)
    make_closed_trade(account)
    call_command("rebuild_figures")
    assert FigureTotal.objects.get(dimension="all").n == 1
    assert capsys.readouterr().out == "The figures of 1 accounts were added up again.\n"
    FigureTotal.objects.all().update(n=99)
    call_command("rebuild_figures", str(account.pk))
    assert_kept(alice)


def test_rebuild_command_names_an_unknown_account(db: None) -> None:
    unknown = uuid.uuid4()
    with pytest.raises(Exception, match=f"There is no account {unknown}."):
        call_command("rebuild_figures", str(unknown))


@pytest.mark.slow
def test_two_accounts_of_one_trader_at_once_lose_no_run(transactional_db: None) -> None:
    """Both transactions write the runs over all accounts of the same session; the second waits and sees the first."""
    from threading import Barrier, Thread

    owner = User.objects.create_user("dora", "dora@example.com")
    accounts = [make_account(owner, "One"), make_account(owner, "Two")]
    barrier = Barrier(2)

    def record(account: TradingAccount) -> None:
        try:
            with transaction.atomic(), figures_following(account) as following:
                following.add([make_closed_trade(account, net="10.00").pk])
                barrier.wait(timeout=10)
        finally:
            connection.close()

    threads = [Thread(target=record, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert kept_streaks(owner, None).n == 2
    assert_kept(owner)
