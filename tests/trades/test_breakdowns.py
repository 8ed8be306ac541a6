"""Breakdowns, plan versus outcome and overrides: which trades make the result, and what breaking a limit cost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_closed_trade, make_setup, make_tag
from trades.models import ChecklistAnswer, LimitOverride
from trades.selectors.breakdowns import holding_label
from trades.services.figures import figures_rebuild

pytestmark = pytest.mark.django_db

START = datetime(2025, 3, 3, 15, 0, tzinfo=UTC)


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


def rows(client: Client, by: str, **query: str) -> list[tuple[str, int, Decimal]]:
    answer = client.get(f"/performance/breakdowns/{by}/", query)
    assert answer.status_code == 200
    return [(row["label"], row["totals"].n, row["totals"].sum_net) for row in answer.context["rows"]]


def test_by_setup_tag_and_symbol_the_most_traded_come_first(
    account: TradingAccount, alice: User, alice_client: Client
) -> None:
    setup, tag = make_setup(alice, "Breakout"), make_tag(alice, "Calm")
    for number, net in enumerate(("100.00", "-40.00", "30.00")):
        trade = make_closed_trade(
            account,
            "AAPL" if number else "MSFT",
            net,
            setup=setup if number < 2 else None,
            entry_date=START + timedelta(days=number),
        )
        if number == 0:
            trade.tags.add(tag)
    figures_rebuild(account)
    assert rows(alice_client, "setup") == [("Breakout", 2, Decimal(60)), ("Without a setup", 1, Decimal(30))]
    assert rows(alice_client, "tag") == [("Without a tag", 2, Decimal(-10)), ("Calm", 1, Decimal(100))]
    assert rows(alice_client, "symbol") == [("AAPL", 2, Decimal(-10)), ("MSFT", 1, Decimal(100))]
    assert rows(alice_client, "symbol", sort="-net")[0][0] == "MSFT"
    assert rows(alice_client, "symbol", sort="net")[0][0] == "AAPL"
    assert rows(alice_client, "symbol", sort="nonsense")[0][0] == "AAPL"


@pytest.mark.parametrize(
    ("by", "label", "link"),
    [
        ("direction", "Long", "direction=long"),
        ("weekday", "Monday", "weekday=0"),
        ("hour", "10:00 to 10:59", "hour=10"),
        ("holding", "30 minutes to 2 hours", "holding=2"),
        ("month", "2025-03", "from=2025-03-01&amp;to=2025-03-31"),
        ("account", "Main", "account="),
        ("symbol", "AAPL", "symbol=AAPL"),
        ("setup", "Without a setup", "setup=none"),
        ("tag", "Without a tag", "tag=none"),
    ],
)
def test_each_row_leads_to_its_trades(
    account: TradingAccount, alice_client: Client, by: str, label: str, link: str
) -> None:
    make_closed_trade(account, entry_date=START)
    figures_rebuild(account)
    answer = alice_client.get(f"/performance/breakdowns/{by}/")
    assert [row["label"] for row in answer.context["rows"]] == [label]
    text = answer.content.decode()
    assert f"/trades/?status=closed&amp;incomplete=no&amp;{link}" in text or f"{link}" in text
    listed = alice_client.get(answer.context["rows"][0]["url"])
    assert listed.status_code == 200
    assert "AAPL" in listed.content.decode()


def test_many_symbols_are_paged_in_the_database(
    account: TradingAccount, alice_client: Client, django_assert_num_queries: Any
) -> None:
    for number in range(55):
        make_closed_trade(account, f"S{number:02d}", entry_date=START + timedelta(hours=number))
    figures_rebuild(account)
    first = alice_client.get("/performance/breakdowns/symbol/")
    assert len(first.context["rows"]) == 50
    assert first.context["previous_url"] == ""
    second = alice_client.get(f"/performance/breakdowns/symbol/{first.context['next_url']}")
    assert [row["label"] for row in second.context["rows"]] == ["S50", "S51", "S52", "S53", "S54"]
    assert second.context["next_url"] == ""
    back = alice_client.get(f"/performance/breakdowns/symbol/{second.context['previous_url']}")
    assert back.context["rows"] == first.context["rows"]
    assert back.context["previous_url"] == ""


@pytest.mark.parametrize("cursor", ["2", "x.y", "-n.WzAsMCwiMSIsIloiXQ", "net.WzAsMCwiMSIsIloiXQ"])
def test_a_cursor_that_leads_nowhere_shows_the_first_page(
    account: TradingAccount, alice_client: Client, cursor: str
) -> None:
    make_closed_trade(account, "AAPL")
    figures_rebuild(account)
    assert [row[0] for row in rows(alice_client, "symbol", cursor=cursor)] == ["AAPL"]


def test_accounts_are_sorted_like_everything_else(alice: User, account: TradingAccount, alice_client: Client) -> None:
    other = make_account(alice, "Another")
    for number, (where, net) in enumerate(((account, "-20.00"), (account, "5.00"), (other, "30.00"))):
        make_closed_trade(where, net=net, entry_date=START + timedelta(days=number))
    figures_rebuild(account)
    figures_rebuild(other)
    assert [row[0] for row in rows(alice_client, "account")] == ["Main", "Another"]
    assert [row[0] for row in rows(alice_client, "account", sort="-net")] == ["Another", "Main"]
    assert [row[0] for row in rows(alice_client, "account", sort="net")] == ["Main", "Another"]


def test_a_filtered_breakdown_counts_the_filtered_trades(account: TradingAccount, alice_client: Client) -> None:
    make_closed_trade(account, "AAPL", "10.00")
    make_closed_trade(account, "AAPL", "-5.00", direction="short", entry_date=START)
    figures_rebuild(account)
    assert rows(alice_client, "symbol", direction="short") == [("AAPL", 1, Decimal(-5))]
    assert rows(alice_client, "account", direction="short") == [("Main", 1, Decimal(-5))]


def test_a_deleted_setup_is_said_so(account: TradingAccount, alice: User, alice_client: Client) -> None:
    setup = make_setup(alice)
    make_closed_trade(account, setup=setup)
    figures_rebuild(account)
    setup.delete()
    assert [row[0] for row in rows(alice_client, "setup")] == ["Deleted"]


def test_holding_times_read_as_words() -> None:
    assert [holding_label(str(number)) for number in range(7)] == [
        "under 5 minutes",
        "5 minutes to 30 minutes",
        "30 minutes to 2 hours",
        "2 hours to 1 day",
        "1 day to 7 days",
        "7 days to 30 days",
        "30 days or longer",
    ]


def test_plans_are_compared_with_what_they_came_to(account: TradingAccount, alice_client: Client) -> None:
    at_target = make_closed_trade(account, net="1000.00", entry_date=START)
    make_closed_trade(account, net="-500.00", entry_date=START + timedelta(days=1))
    make_closed_trade(account, net="100.00", entry_date=START + timedelta(days=2), planned_r=None, target_price=None)
    ChecklistAnswer.objects.create(trade=at_target, text="Trend", is_met=True)
    figures_rebuild(account)
    context = alice_client.get("/performance/plan/").context
    plan = context["with_plan"]
    assert (plan["planned"].value, plan["planned"].n) == (Decimal(2), 2)
    assert (plan["figures"]["expectancy_r"].value, plan["totals"].r_n) == (Decimal("0.5"), 2)
    found = [
        {row["label"]: (row["totals"].n, row["totals"].sum_net) for row in table["rows"]} for table in context["tables"]
    ]
    assert found == [
        {"2 to 3 R": (2, Decimal(500)), "no target or stop": (1, Decimal(100))},
        {
            "at the target or better": (1, Decimal(1000)),
            "between stop and target": (1, Decimal(100)),
            "at the initial stop or worse": (1, Decimal(-500)),
        },
        {"every criterion met": (1, Decimal(1000)), "no checklist": (2, Decimal(-400))},
    ]


def test_overrides_cost_what_others_made_more(account: TradingAccount, alice: User, alice_client: Client) -> None:
    make_closed_trade(account, net="200.00", entry_date=START)
    make_closed_trade(account, net="100.00", entry_date=START + timedelta(days=1))
    broken = make_closed_trade(account, net="-50.00", is_override=True, entry_date=START + timedelta(days=2))
    for code in ("max_position", "max_open_risk"):
        LimitOverride.objects.create(
            trade=broken,
            actor=alice,
            code=code,
            sentence=f"{code} was broken.",
            limit=30,
            actual=45,
            reason="I was sure.",
        )
    figures_rebuild(account)
    answer = alice_client.get("/performance/overrides/")
    assert answer.context["cost"] == Decimal(200)
    assert [(row.label, row.n, row.net) for row in answer.context["codes"]] == [
        ("Max open risk", 1, Decimal(-50)),
        ("Max position", 1, Decimal(-50)),
    ]
    text = answer.content.decode()
    assert "I was sure." in text
    assert "less than as many others at their mean" in text


def test_all_overrides_are_walked_page_by_page(account: TradingAccount, alice: User, alice_client: Client) -> None:
    broken = make_closed_trade(account, is_override=True, entry_date=START)
    for number in range(26):
        LimitOverride.objects.create(
            trade=broken,
            actor=alice,
            code="max_position",
            sentence="Broken.",
            limit=30,
            actual=45,
            reason=f"No. {number}!",
        )
    figures_rebuild(account)
    first = alice_client.get("/performance/overrides/")
    assert [row.reason for row in first.context["latest"]] == [f"No. {number}!" for number in range(25, 0, -1)]
    assert first.context["previous_url"] == ""
    assert f'href="{first.context["next_url"].replace("&", "&amp;")}"' in first.content.decode()
    last = alice_client.get("/performance/overrides/" + first.context["next_url"])
    assert [row.reason for row in last.context["latest"]] == ["No. 0!"]
    assert last.context["next_url"] == ""
    again = alice_client.get("/performance/overrides/" + last.context["previous_url"])
    assert again.context["latest"] == first.context["latest"]


def test_without_overrides_there_is_nothing_to_cost(account: TradingAccount, alice_client: Client) -> None:
    make_closed_trade(account)
    figures_rebuild(account)
    answer = alice_client.get("/performance/overrides/")
    assert answer.context["cost"] is None
    assert "No limit was overridden" in answer.content.decode()
