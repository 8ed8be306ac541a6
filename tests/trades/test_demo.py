"""The demo trader has a believable year, the same every time."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count, Q

from accounts.models import TradingAccount, User
from trades.demo.writing import demo_write
from trades.models import FigureTotal, Fill, Trade
from trades.selectors.equity import account_equity

pytestmark = pytest.mark.django_db

UNTIL = date(2026, 6, 30)


@pytest.fixture
def year(alice: User) -> list[Trade]:
    return demo_write(alice, until=UNTIL)


def _shape(user: User) -> list[tuple[Any, ...]]:
    trades = Trade.objects.filter(owner=user).order_by("occurred_at", "symbol")
    return list(
        trades.exclude(status="planned").values_list("symbol", "direction", "quantity", "net_pnl", "entry_date")
    )


def test_a_year_has_winners_losers_shorts_scale_ins_partial_exits_and_open_trades(year: list[Trade]) -> None:
    trades = Trade.objects.annotate(
        entries=Count("fills", filter=Q(fills__is_exit=False)), exits=Count("fills", filter=Q(fills__is_exit=True))
    )
    assert 200 <= len(year) <= 400
    for wanted in (
        Q(outcome="win"), Q(outcome="loss"), Q(direction="short"), Q(entries__gt=1), Q(exits__gt=1), Q(status="active"),
        Q(status="planned"), Q(rating__isnull=False), Q(tags__kind="mistake"), Q(mae__isnull=False, mfe__isnull=False),
    ):  # fmt: skip
        assert trades.filter(wanted).exists(), wanted
    assert trades.filter(status="active").count() >= 3
    assert trades.filter(status="closed").values("setup").distinct().count() == 4
    assert set(TradingAccount.objects.values_list("currency", flat=True)) == {"USD", "EUR"}


def test_it_makes_some_money_but_no_fortune(year: list[Trade]) -> None:
    total = FigureTotal.objects.get(dimension="all", account__currency="USD")
    assert Decimal("0.35") < Decimal(total.wins) / (total.wins + total.losses) < Decimal("0.6")
    assert 0 < total.sum_net < 60_000


def test_what_is_open_and_planned_leaves_room_for_another_plan(year: list[Trade]) -> None:
    account = TradingAccount.objects.get(currency="USD")
    taken = sum(trade.open_value for trade in year)
    waiting = Trade.objects.filter(account=account, status="planned")
    taken += sum(plan.entry_price * plan.planned_quantity for plan in waiting)
    assert taken < account_equity(account) * Decimal("0.8")


def test_no_fill_lies_after_the_last_day(year: list[Trade]) -> None:
    assert not Fill.objects.filter(executed_at__date__gt=UNTIL).exists()


def test_the_same_day_tells_the_same_story(alice: User, charlie: User) -> None:
    demo_write(alice, until=UNTIL)
    demo_write(charlie, until=UNTIL)
    assert _shape(alice) == _shape(charlie)


def test_the_command_makes_the_demo_trader_once(db: None, settings: Any) -> None:
    settings.DEMO_PASSWORD = "a password of one machine"
    call_command("create_demo")
    count = Trade.objects.count()
    call_command("create_demo")
    demo = User.objects.get(username="demo")
    assert demo.check_password("a password of one machine")
    assert not demo.is_staff
    assert Trade.objects.count() == count > 200


def test_without_a_password_there_is_no_demo_trader(db: None, settings: Any) -> None:
    settings.DEMO_PASSWORD = ""
    call_command("create_demo")
    assert not User.objects.exists()
