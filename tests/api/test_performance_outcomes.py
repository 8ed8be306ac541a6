"""What plans came to and what overridden limits cost, over the API: the figures of the pages."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.api.kit import error
from tests.factories import make_account, make_closed_trade, make_plan, make_setup, make_tag
from trades.models import ChecklistAnswer, LimitOverride
from trades.services.figures import figures_rebuild

pytestmark = pytest.mark.django_db

START = datetime(2025, 3, 3, 15, 0, tzinfo=UTC)
PATHS = ("plan", "overrides")
# The token, the accounts, and the setups and tags a filter may name.
ASKING = 4


def overridden(trade, code, reason="I was sure."):
    return LimitOverride.objects.create(
        trade=trade, actor=trade.owner, code=code, sentence=f"{code} was broken.", limit=30, actual=45, reason=reason
    )


@pytest.fixture
def account(alice):
    """At the target, at the stop, in between without a plan; the last broke two limits."""
    account = make_account(alice)
    setup = make_setup(alice, "Breakout")
    at_target = make_closed_trade(account, net="1000.00", entry_date=START, setup=setup)
    make_closed_trade(account, net="-500.00", entry_date=START + timedelta(days=1))
    loose = make_closed_trade(
        account,
        "MSFT",
        "100.00",
        entry_date=START + timedelta(days=2),
        planned_r=None,
        target_price=None,
        is_override=True,
    )
    ChecklistAnswer.objects.create(trade=at_target, text="Trend", is_met=True)
    overridden(loose, "max_position")
    overridden(loose, "max_open_risk")
    figures_rebuild(account)
    return account


def rows(part):
    return [(row["key"], row["label"], row["trade_count"]["value"], row["net_pnl"]["value"]) for row in part]


def test_plans_are_compared_with_what_they_came_to(api, account):
    body = api.get("/performance/plan/").json()
    assert rows(body["by_planned_r"]) == [
        ("2", "2 to 3 R", "2", "500"),
        ("none", "no target or stop", "1", "100"),
    ]
    assert rows(body["by_exit"]) == [
        ("target", "at the target or better", "1", "1000"),
        ("between", "between stop and target", "1", "100"),
        ("stop", "at the initial stop or worse", "1", "-500"),
    ]
    assert rows(body["by_checklist"]) == [
        ("met", "every criterion met", "1", "1000"),
        ("none", "no checklist", "2", "-400"),
    ]
    plan = body["with_plan"]
    assert (plan["mean_planned_r"]["value"], plan["mean_planned_r"]["n"]) == ("2", 2)
    assert (plan["expectancy_r"]["value"], plan["win_rate"]["value"]) == ("0.5", "0.5")
    assert (plan["mean_holding_seconds"], body["currency"]) == (3600, "USD")


def test_overrides_cost_what_others_made_more(api, account):
    body = api.get("/performance/overrides/").json()
    # The two others made 250 on average, the one that broke limits 100.
    assert (body["cost"], body["currency"]) == ("150.00", "USD")
    assert (body["overridden"]["trade_count"]["value"], body["others"]["trade_count"]["value"]) == ("1", "2")
    assert body["limits"] == [
        {"code": "open_risk", "label": "Max open risk", "n": 1, "net_pnl": "100.00"},
        {"code": "max_position", "label": "Max position", "n": 1, "net_pnl": "100.00"},
    ]
    newest = LimitOverride.objects.latest("created_at")
    assert body["latest"][0] == {
        "id": str(newest.pk),
        "trade": str(newest.trade_id),
        "symbol": "MSFT",
        "status": "closed",
        "code": "open_risk",
        "detail": "max_open_risk was broken.",
        "reason": "I was sure.",
        "net_pnl": "100.00",
        "created_at": newest.created_at.isoformat().replace("+00:00", "Z"),
    }
    assert [row["code"] for row in body["latest"]] == ["open_risk", "max_position"]


def test_an_override_of_a_trade_that_is_not_closed_is_told_without_a_result(api, account):
    overridden(make_plan(account, "NVDA", is_override=True), "max_position", "Earnings tonight.")
    body = api.get("/performance/overrides/").json()
    newest = body["latest"][0]
    assert (newest["symbol"], newest["status"], newest["net_pnl"], newest["reason"]) == (
        "NVDA",
        "planned",
        None,
        "Earnings tonight.",
    )
    assert [row["n"] for row in body["limits"]] == [1, 1]


def test_all_overrides_are_walked_page_by_page_either_way(api, account):
    trade = account.trades.filter(is_override=True).get()
    for number in range(28):
        overridden(trade, "max_position", f"Number {number}.")
    everything = [str(pk) for pk in LimitOverride.objects.order_by("-created_at", "-pk").values_list("pk", flat=True)]
    body, walked, addresses = api.get("/performance/overrides/?page_size=12").json(), [], []
    while True:
        walked += [row["id"] for row in body["latest"]]
        addresses.append(body["next"])
        if body["next"] is None:
            break
        body = api.client.get(body["next"]).json()
    assert (walked, len(addresses)) == (everything, 3)
    assert body["cost"] == "150.00"
    before = api.client.get(body["previous"]).json()
    assert [row["id"] for row in before["latest"]] == everything[12:24]
    oldest = api.get("/performance/overrides/?ordering=created_at&page_size=1").json()["latest"]
    assert [row["id"] for row in oldest] == everything[-1:]


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("cursor=x", "bad_cursor", "cursor"),
        ("page_size=0", "bad_page_size", "page_size"),
        ("ordering=code", "bad_ordering", "ordering"),
    ],
)
def test_a_page_of_overrides_that_there_cannot_be_is_refused(api, account, query, code, name):
    assert error(api.get(f"/performance/overrides/?{query}")) == (400, code, name)


def test_the_pages_show_the_same(api, alice_client, account):
    page = alice_client.get("/performance/plan/").context
    body = api.get("/performance/plan/").json()
    for table, name in zip(page["tables"], ("by_planned_r", "by_exit", "by_checklist"), strict=True):
        assert [row["label"] for row in table["rows"]] == [row["label"] for row in body[name]]
        assert [row["totals"].n for row in table["rows"]] == [int(row["trade_count"]["value"]) for row in body[name]]
    page = alice_client.get("/performance/overrides/").context
    body = api.get("/performance/overrides/").json()
    assert (f"{page['cost']:.2f}", [str(row.pk) for row in page["latest"]]) == (
        body["cost"],
        [row["id"] for row in body["latest"]],
    )


def test_a_filter_counts_its_trades_only(api, account):
    setup = account.owner.setups.get()
    body = api.get(f"/performance/plan/?setup={setup.pk}").json()
    assert rows(body["by_exit"]) == [("target", "at the target or better", "1", "1000")]
    body = api.get("/performance/overrides/?symbol=AAPL").json()
    assert (body["cost"], body["limits"], body["latest"]) == (None, [], [])
    assert body["others"]["trade_count"]["value"] == "2"


def test_money_of_two_currencies_is_never_added_up(api, alice, account):
    euro = make_account(alice, "Euro", currency="EUR")
    make_closed_trade(euro, net="7.00")
    figures_rebuild(euro)
    for path in PATHS:
        assert api.get(f"/performance/{path}/").json()["currency"] == "USD"
        assert error(api.get(f"/performance/{path}/?currency=GBP")) == (400, "no_such_currency", "currency")
    body = api.get("/performance/overrides/?currency=EUR").json()
    assert (body["currency"], body["others"]["net_pnl"]["value"], body["latest"]) == ("EUR", "7", [])


def test_without_an_account_there_is_nothing_to_compare_and_no_currency(api):
    plan = api.get("/performance/plan/").json()
    assert (plan["currency"], plan["by_planned_r"], plan["by_exit"], plan["by_checklist"]) == (None, [], [], [])
    assert plan["with_plan"]["mean_planned_r"]["reason"] == "No trade here had a target and a stop."
    overrides = api.get("/performance/overrides/").json()
    assert (overrides["currency"], overrides["cost"], overrides["limits"], overrides["latest"]) == (None, None, [], [])


@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_question_is_said_at_its_parameter(api, account, path):
    for name, value in (("colour", "red"), ("from", "yesterday"), ("direction", "up"), ("by", "tag")):
        answer = api.get(f"/performance/{path}/?{name}={value}")
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, name)


@pytest.mark.parametrize("path", PATHS)
def test_anothers_accounts_setups_and_tags_do_not_exist(stranger, account, alice, charlie, path):
    make_account(charlie, "Mine")
    tag = make_tag(alice, "Calm")
    for query in (f"account={account.pk}", f"setup={alice.setups.get().pk}", f"tag={tag.pk}"):
        assert error(stranger.get(f"/performance/{path}/?{query}")) == (404, "not_found", None)
    assert "AAPL" not in stranger.get(f"/performance/{path}/").content.decode()


@pytest.mark.parametrize(("path", "queries"), [("plan", ASKING + 1), ("overrides", ASKING + 3)])
@pytest.mark.parametrize("query", ["", "?from=2025-01-01"])
def test_they_ask_as_often_however_many_trades_there_are(api, account, path, queries, query, django_assert_num_queries):
    api.get("/performance/")
    with django_assert_num_queries(queries):
        api.get(f"/performance/{path}/{query}")
    for number in range(5):
        overridden(
            make_closed_trade(account, is_override=True, entry_date=START + timedelta(days=5 + number)), "max_position"
        )
    figures_rebuild(account)
    with django_assert_num_queries(queries):
        api.get(f"/performance/{path}/{query}")


@pytest.mark.parametrize("path", PATHS)
def test_a_token_to_read_reads_them(reader, account, path):
    assert reader.get(f"/performance/{path}/").status_code == 200
