"""What the filter of trades finds, alone and together, and what it does with what it cannot use."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from django.utils import timezone

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_closed_trade, make_plan, make_setup, make_tag
from trades.filters import TradeFilter

pytestmark = pytest.mark.django_db


def found(owner: User, query: str) -> list[str]:
    return sorted(TradeFilter(QueryDict(query), owner=owner).qs.values_list("symbol", flat=True))


@pytest.fixture
def account(alice: User) -> Any:
    return make_account(alice)


@pytest.fixture
def trades(alice: User, account: TradingAccount) -> Any:
    """AAPL won 500 in an hour, MSFT lost 200 overnight, TSLA is planned, GME broke even short."""
    breakout = make_setup(alice)
    fomo = make_tag(alice, "FOMO", "mistake")
    calm = make_tag(alice, "calm", "emotion")
    aapl = make_closed_trade(account, "AAPL", "500.00", setup=breakout, rating=5, thesis="Gap and go above 100")
    aapl.tags.add(calm)
    msft = make_closed_trade(
        account,
        "MSFT",
        "-200.00",
        rating=2,
        is_override=True,
        has_estimated_costs=True,
        exit_date=datetime(2025, 3, 6, 15, tzinfo=UTC),
        notes_after="chased it, paid for it",
        entry_weekday=2,
        entry_hour=15,
    )
    msft.tags.add(fomo, calm)
    tsla = make_plan(account, "TSLA", asset_class="etf")
    gme = make_closed_trade(account, "GME", "0.00", direction="short", initial_risk=None, is_incomplete=True)
    return {"aapl": aapl, "msft": msft, "tsla": tsla, "gme": gme, "setup": breakout, "fomo": fomo, "calm": calm}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["AAPL", "GME", "MSFT", "TSLA"]),
        ("status=closed", ["AAPL", "GME", "MSFT"]),
        ("status=planned&status=closed", ["AAPL", "GME", "MSFT", "TSLA"]),
        ("direction=short", ["GME"]),
        ("symbol=aapl, tsla", ["AAPL", "TSLA"]),
        ("symbol=,", ["AAPL", "GME", "MSFT", "TSLA"]),
        ("asset_class=etf", ["TSLA"]),
        ("setup=none", ["GME", "MSFT", "TSLA"]),
        ("tag=none", ["GME", "TSLA"]),
        ("outcome=win", ["AAPL"]),
        ("outcome=break_even", ["GME"]),
        ("rating=5", ["AAPL"]),
        ("rating=none", ["GME", "TSLA"]),
        ("override=yes", ["MSFT"]),
        ("override=no", ["AAPL", "GME", "TSLA"]),
        ("estimated=yes", ["MSFT"]),
        ("incomplete=yes", ["GME"]),
        ("has_r=no", ["GME", "TSLA"]),
        ("reviewed=yes", ["MSFT"]),
        ("weekday=2", ["MSFT"]),
        ("hour=15", ["MSFT"]),
        ("hour=10", ["AAPL", "GME"]),
        ("holding=2", ["AAPL", "GME"]),
        ("holding=4", ["MSFT"]),
        ("r_min=0", ["AAPL"]),
        ("r_max=-0.4", ["MSFT"]),
        ("r_min=-0.4&r_max=1", ["AAPL", "MSFT"]),
        ("net_max=0", ["GME", "MSFT"]),
        ("net_min=500", ["AAPL"]),
        ("from=2025-03-05", ["MSFT"]),
        ("to=2025-03-04", ["AAPL", "GME", "TSLA"]),
        ("from=2025-03-04&to=2025-03-05", ["AAPL", "GME", "TSLA"]),
        ("outcome=win&direction=short", []),
    ],
)
def test_each_choice_keeps_exactly_its_trades(alice: User, trades: Any, query: str, expected: list[str]) -> None:
    assert found(alice, query) == expected


def test_setup_and_tags_are_chosen_by_their_key_and_several_tags_must_all_be_there(alice: User, trades: Any) -> None:
    assert found(alice, f"setup={trades['setup'].pk}") == ["AAPL"]
    assert found(alice, f"tag={trades['calm'].pk}") == ["AAPL", "MSFT"]
    assert found(alice, f"tag={trades['calm'].pk}&tag={trades['fomo'].pk}") == ["MSFT"]


def test_one_account_can_be_chosen(alice: User, account: TradingAccount, trades: Any) -> None:
    other = make_account(alice, "Second")
    make_closed_trade(other, "NVDA")
    assert found(alice, f"account={other.pk}") == ["NVDA"]
    chosen = TradeFilter(QueryDict(f"account={other.pk}"), owner=alice)
    assert chosen.selected_account == other
    assert chosen.is_plain


def test_another_users_trades_setups_tags_and_accounts_do_not_exist(
    alice: User, charlie: User, account: TradingAccount, trades: Any
) -> None:
    assert found(charlie, "") == []
    for query, field in (
        (f"account={account.pk}", "account"),
        (f"setup={trades['setup'].pk}", "setup"),
        (f"tag={trades['calm'].pk}", "tag"),
    ):
        theirs = TradeFilter(QueryDict(query), owner=charlie)
        assert list(theirs.qs) == []
        assert "choose one of the list" in theirs.form.errors[field][0]


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ("from=yesterday", "from", "Enter a day as year-month-day, for example 2026-03-05."),
        ("from=1969-12-31", "from", "Enter a day from 1970-01-01 on."),
        ("to=9999-12-31", "to", "Enter a day before the year 2200."),
        ("r_min=NaN", "r_min", "The figure must be an ordinary number, such as 12.50."),
        ("net_min=1e5", "net_min", "Write the figure out in full, without an exponent."),
        ("net_max=" + "9" * 30, "net_max", "The figure is too large: use at most 16 digits before the decimal point."),
        ("status=lost", "status", "There is no such status: choose one of the list."),
        ("weekday=8", "weekday", "There is no such weekday: choose one of the list."),
        ("hour=x", "hour", "There is no such hour: choose one of the list."),
        ("q=%00", "q", "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field_and_filters_nothing(
    alice: User, trades: Any, query: str, field: str, sentence: str
) -> None:
    tried = TradeFilter(QueryDict(query), owner=alice)
    assert tried.qs.count() == 4
    assert list(tried.form.errors) == [field]
    assert tried.form.errors[field] == [sentence]


def test_days_of_what_is_not_closed_are_the_traders_own(alice: User, account: TradingAccount) -> None:
    """23:30 in New York on 4 March is 5 March in UTC."""
    make_plan(account, "LATE", occurred_at=datetime(2025, 3, 5, 4, 30, tzinfo=UTC))
    with timezone.override("America/New_York"):
        assert found(alice, "from=2025-03-04&to=2025-03-04") == ["LATE"]
    with timezone.override("UTC"):
        assert found(alice, "from=2025-03-04&to=2025-03-04") == []


def test_a_swing_trade_counts_in_the_month_it_closed(alice: User, account: TradingAccount) -> None:
    entered = datetime(2025, 1, 10, 15, tzinfo=UTC)
    make_closed_trade(account, "SWING", entry_date=entered, exit_date=entered + timedelta(days=40))
    assert found(alice, "from=2025-02-01&to=2025-02-28") == ["SWING"]
    assert found(alice, "from=2025-01-01&to=2025-01-31") == []


def test_the_filter_is_told_in_words(alice: User, trades: Any) -> None:
    chosen = TradeFilter(QueryDict("status=closed&outcome=win&r_min=1.5&override=no&status=active"), owner=alice)
    assert [(chip.name, chip.label, chip.text) for chip in chosen.chips()] == [
        ("status", "Status", "Closed, Active"),
        ("outcome", "Outcome", "Win"),
        ("override", "Limit overridden", "No"),
        ("r_min", "R from", "1.5"),
    ]
    assert chosen.values["r_min"] == Decimal("1.5")
    assert not chosen.is_plain
