"""Accounts over the API: opened, read, changed, halted and resumed."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import TradingAccount
from brokers.models import AccountSnapshot, BrokerConnection
from tests.api.kit import error
from tests.factories import make_account, make_cash, make_closed_trade, make_connection, make_plan
from trades.models import AccountDay
from trades.selectors.account_money import accounts_money, accounts_with_connections
from trades.selectors.risk_state import risk_state

pytestmark = pytest.mark.django_db

RISK = {
    "risk_per_trade_percent": "1.00",
    "max_position_percent": "30.00",
    "max_open_risk_percent": "6.00",
    "max_daily_loss_percent": "3.00",
    "max_weekly_loss_percent": "6.00",
    "max_open_positions": 10,
    "max_orders_per_minute": 20,
    "price_collar_percent": "5.00",
    "max_quote_age_seconds": 60,
    "allows_overrides": True,
}


def snapshot(connection: BrokerConnection, at: datetime, equity: str, cash: str, power: str) -> None:
    AccountSnapshot.objects.create(
        connection=connection, at=at, equity=Decimal(equity), cash=Decimal(cash), buying_power=Decimal(power)
    )


def test_an_account_is_opened_and_read(api, alice):
    made = api.post("/accounts/", {"name": "Swing", "starting_balance": "25000", "opened_on": "2026-01-02"})
    assert made.status_code == 201
    account = made.json()
    assert account == {
        "id": account["id"],
        "name": "Swing",
        "broker": "manual",
        "account_type": "live",
        "currency": "USD",
        "connection": None,
        "starting_balance": "25000.00",
        "equity": "25000.00",
        "cash": "25000.00",
        "buying_power": "25000.00",
        "as_of": account["as_of"],
        "is_halted": False,
        "halt_reason": "",
        "is_archived": False,
        "opened_on": "2026-01-02",
        "exchange": "XNYS",
        "cost_method": "fifo",
        "break_even_band": "0.00",
        "allows_fractions": False,
        "risk": RISK,
        "created_at": account["created_at"],
    }
    again = api.get(f"/accounts/{account['id']}/")
    assert again.json() == account | {"as_of": again.json()["as_of"]}
    assert again["ETag"] == made["ETag"]
    assert TradingAccount.objects.get(owner=alice).name == "Swing"


def test_an_account_is_opened_today_with_limits_of_its_own(api, alice):
    risk = {"risk_per_trade_percent": "0.5", "max_weekly_loss_percent": None, "max_open_positions": 3}
    body = {"name": "Swing", "currency": "EUR", "exchange": "XETR", "starting_balance": 1000.50, "risk": risk}
    account = api.post("/accounts/", body).json()
    assert account["opened_on"] == timezone.now().date().isoformat()
    assert (account["currency"], account["starting_balance"]) == ("EUR", "1000.50")
    wanted = {"risk_per_trade_percent": "0.50", "max_weekly_loss_percent": None, "max_open_positions": 3}
    assert account["risk"] == RISK | wanted


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, (400, "required", "name")),
        ({"name": " "}, (400, "blank", "name")),
        ({"name": "x" * 81}, (400, "max_length", "name")),
        ({"name": "a", "balance": "1"}, (400, "unknown_field", "balance")),
        ({"name": "a", "currency": "XXX"}, (400, "invalid_choice", "currency")),
        ({"name": "a", "exchange": "NOWHERE"}, (400, "invalid_choice", "exchange")),
        ({"name": "a", "broker": "somebody"}, (400, "invalid_choice", "broker")),
        ({"name": "a", "starting_balance": "-1"}, (400, "min_value", "starting_balance")),
        ({"name": "a", "starting_balance": "1.001"}, (400, "max_decimal_places", "starting_balance")),
        ({"name": "a", "currency": "JPY", "starting_balance": "1.5"}, (400, "too_many_decimals", "starting_balance")),
        ({"name": "a", "opened_on": "2999-01-01"}, (400, "invalid", "opened_on")),
        ({"name": "a", "opened_on": "2199-01-01"}, (400, "bad_day", "opened_on")),
        ({"name": "a", "risk": {"risk_per_trade_percent": "0"}}, (400, "min_value", "risk.risk_per_trade_percent")),
        ({"name": "a", "risk": {"max_open_positions": 0}}, (400, "min_value", "risk.max_open_positions")),
        ({"name": "a", "risk": {"max_weekly_loss_percent": ""}}, (400, "invalid", "risk.max_weekly_loss_percent")),
        ({"name": "a", "risk": {"limit": "1"}}, (400, "unknown_field", "risk.limit")),
        ({"name": "a", "risk": []}, (400, "invalid", "risk")),
        ({"name": "main"}, (400, "name_taken", "name")),
    ],
)
def test_a_wrong_account_is_said_at_its_field_and_not_opened(api, alice, body, said):
    make_account(alice, "Main")
    assert error(api.post("/accounts/", body)) == said
    assert list(alice.trading_accounts.values_list("name", flat=True)) == ["Main"]


def test_the_same_request_opens_one_account(api, alice):
    headers = {"Idempotency-Key": "open-1"}
    first = api.post("/accounts/", {"name": "Swing"}, headers=headers)
    again = api.post("/accounts/", {"name": "Swing"}, headers=headers)
    assert (first.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true"
    assert alice.trading_accounts.count() == 1


def test_only_what_is_named_is_changed(api, alice):
    account = make_account(alice, policy={"max_open_positions": 7})
    changed = api.patch(f"/accounts/{account.pk}/", {"name": "Swing", "risk": {"max_daily_loss_percent": None}})
    assert changed.status_code == 200
    assert changed.json()["risk"] == RISK | {"max_daily_loss_percent": None, "max_open_positions": 7}
    account.refresh_from_db()
    assert (account.name, account.starting_balance) == ("Swing", Decimal("100000.00"))
    assert api.patch(f"/accounts/{account.pk}/", {"is_archived": True}).json()["is_archived"] is True
    assert api.patch(f"/accounts/{account.pk}/", {"is_archived": False}).json()["is_archived"] is False
    assert api.patch(f"/accounts/{account.pk}/", {}).json()["name"] == "Swing"


def test_a_change_that_is_refused_in_part_changes_nothing(api, alice):
    account = make_account(alice)
    make_account(alice, "Other")
    body = {"name": "Other", "risk": {"max_open_positions": 2}}
    assert error(api.patch(f"/accounts/{account.pk}/", body)) == (400, "name_taken", "name")
    make_cash(account, "deposit", "1.00", date(2025, 1, 2))
    assert error(api.patch(f"/accounts/{account.pk}/", {"currency": "EUR"})) == (400, "currency_fixed", "currency")
    account.refresh_from_db()
    assert (account.name, account.risk_policy.max_open_positions, account.currency) == ("Main", 10, "USD")


def test_who_read_an_older_account_or_policy_changes_nothing(api, alice):
    account = make_account(alice)
    etag = api.get(f"/accounts/{account.pk}/")["ETag"]
    first = api.patch(f"/accounts/{account.pk}/", {"risk": {"max_open_positions": 2}}, headers={"If-Match": etag})
    assert first.status_code == 200
    late = api.patch(f"/accounts/{account.pk}/", {"name": "Late"}, headers={"If-Match": etag})
    assert error(late) == (412, "stale", None)
    account.refresh_from_db()
    assert account.name == "Main"


def test_money_that_moved_is_in_no_writers_way_and_is_shown_to_a_reader(api, alice):
    account = make_account(alice)
    etag = api.get(f"/accounts/{account.pk}/")["ETag"]
    assert api.get(f"/accounts/{account.pk}/", headers={"If-None-Match": etag}).status_code == 304
    make_cash(account, "deposit", "50.00", date(2025, 1, 2))
    read = api.get(f"/accounts/{account.pk}/", headers={"If-None-Match": etag})
    assert (read.status_code, read.json()["equity"]) == (200, "100050.00")
    assert api.patch(f"/accounts/{account.pk}/", {"name": "New"}, headers={"If-Match": etag}).status_code == 200


def test_a_journal_account_is_worth_what_the_risk_checks_say(api, alice):
    account = make_account(alice)
    make_cash(account, "deposit", "1000.00", date(2025, 1, 2))
    make_cash(account, "charge", "10.00", date(2025, 1, 3))
    make_closed_trade(account, net="500.00")
    AccountDay.objects.create(account=account, day=date(2025, 3, 4), realised_net=Decimal("500.00"), n=1)
    held = {"status": "active", "quantity": Decimal(100), "open_quantity": Decimal(100)}
    make_plan(account, "MSFT", **held, open_value=Decimal(20_000))
    make_plan(
        account, "TSLA", **held, direction="short", open_value=Decimal(5_000), stop_loss=Decimal(105),
        initial_stop=Decimal(105), target_price=Decimal(90),
    )  # fmt: skip
    make_plan(account, "NVDA")
    shown = api.get(f"/accounts/{account.pk}/").json()
    assert (shown["equity"], shown["cash"]) == ("101490.00", "86490.00")
    assert shown["buying_power"] == "66490.00"
    state = risk_state(account, now=timezone.now()).account
    (money,) = accounts_money(accounts_with_connections(alice), now=timezone.now())
    assert (money.equity, money.buying_power) == (state.equity, state.buying_power)


def test_a_connected_account_is_worth_what_its_broker_last_said(api, alice):
    account = make_account(alice, broker="simulator", account_type="paper")
    connection = make_connection(account)
    snapshot(connection, datetime(2026, 3, 4, 14, 0, tzinfo=UTC), "1", "2", "3")
    snapshot(connection, datetime(2026, 3, 5, 14, 0, tzinfo=UTC), "25100.5", "5000", "50000")
    shown = api.get(f"/accounts/{account.pk}/").json()
    figures = [shown[name] for name in ("equity", "cash", "buying_power", "as_of", "connection")]
    assert figures == ["25100.50", "5000.00", "50000.00", "2026-03-05T14:00:00Z", str(connection.pk)]
    refused = api.patch(f"/accounts/{account.pk}/", {"broker": "manual"})
    assert error(refused) == (400, "connected", "broker")


def test_an_account_is_halted_and_resumed(api, alice):
    account = make_account(alice)
    halted = api.post(f"/accounts/{account.pk}/halt/", {"reason": "Enough for today"})
    assert halted.status_code == 200
    assert (halted.json()["is_halted"], halted.json()["halt_reason"]) == (True, "Enough for today")
    assert api.post(f"/accounts/{account.pk}/halt/").json()["halt_reason"] == "Enough for today"
    resumed = api.post(f"/accounts/{account.pk}/resume/")
    assert (resumed.status_code, resumed.json()["is_halted"], resumed.json()["halt_reason"]) == (200, False, "")
    assert error(api.post(f"/accounts/{account.pk}/resume/", {"why": "x"})) == (400, "unknown_field", "why")


def test_an_account_follows_a_connection_from_its_first_day(api, alice):
    connection = make_connection(make_account(alice), "mock", keys={})
    BrokerConnection.objects.filter(pk=connection.pk).update(account=None)
    headers = {"Idempotency-Key": "open-2"}
    wrong = api.post("/accounts/", {"name": "Mock", "currency": "EUR", "connection": str(connection.pk)})
    assert error(wrong) == (400, "other_currency", "connection")
    contrary = api.post("/accounts/", {"name": "Mock", "broker": "alpaca", "connection": str(connection.pk)})
    assert error(contrary) == (400, "connected", "broker")
    assert not alice.trading_accounts.filter(name="Mock").exists()
    body = {"name": "Mock", "connection": str(connection.pk), "starting_balance": "500"}
    made = api.post("/accounts/", body, headers=headers)
    assert made.status_code == 201
    opened = made.json()
    assert (opened["broker"], opened["account_type"], opened["connection"]) == ("mock", "paper", str(connection.pk))
    connection.refresh_from_db()
    assert str(connection.account_id) == opened["id"]
    other = make_account(alice, "Other")
    taken = api.patch(f"/accounts/{other.pk}/", {"connection": str(connection.pk)})
    assert error(taken) == (409, "linked_already", None)
    free = make_connection(make_account(alice, "Else"), "mock", keys={}, label="Second")
    BrokerConnection.objects.filter(pk=free.pk).update(account=None)
    strange = make_account(alice, "Strange", broker="alpaca")
    refused = api.patch(f"/accounts/{strange.pk}/", {"connection": str(free.pk)})
    assert error(refused) == (400, "not_linkable", "connection")
    assert api.patch(f"/accounts/{other.pk}/", {"connection": str(free.pk)}).json()["connection"] == str(free.pk)
    alone = api.patch(f"/accounts/{other.pk}/", {"connection": str(connection.pk), "name": "Both"})
    assert error(alone) == (400, "alone", "connection")


def test_anothers_account_does_not_exist(stranger, alice, charlie):
    account = make_account(alice)
    connection = make_connection(account, "mock", keys={})
    mine = make_account(charlie, "Mine")
    for answer in (
        stranger.get(f"/accounts/{account.pk}/"),
        stranger.patch(f"/accounts/{account.pk}/", {"name": "mine"}),
        stranger.post(f"/accounts/{account.pk}/halt/"),
        stranger.post(f"/accounts/{account.pk}/resume/"),
        stranger.post("/accounts/", {"name": "New", "connection": str(connection.pk)}),
        stranger.patch(f"/accounts/{mine.pk}/", {"connection": str(connection.pk)}),
    ):
        assert error(answer) == (404, "not_found", None)
    assert [row["name"] for row in stranger.get("/accounts/").json()["results"]] == ["Mine"]
    account.refresh_from_db()
    assert (account.name, account.is_halted) == ("Main", False)


def test_a_token_to_read_opens_changes_and_halts_nothing(reader, alice):
    account = make_account(alice)
    for answer in (
        reader.post("/accounts/", {"name": "b"}),
        reader.patch(f"/accounts/{account.pk}/", {"name": "b"}),
        reader.post(f"/accounts/{account.pk}/halt/"),
    ):
        assert error(answer) == (403, "missing_scope", None)
    assert reader.get(f"/accounts/{account.pk}/").status_code == 200


def test_accounts_are_filtered_ordered_and_paged(api, alice):
    for name in ("C", "A", "B"):
        make_account(alice, name)
    make_account(alice, "D", currency="EUR", is_archived=True, halted_at=timezone.now())

    def names(query: str) -> list[str]:
        return [row["name"] for row in api.get(f"/accounts/?{query}").json()["results"]]

    assert names("") == ["C", "A", "B", "D"]
    assert names("ordering=name&page_size=3") == ["A", "B", "C"]
    assert names("ordering=-created_at") == ["D", "B", "A", "C"]
    assert names("currency=EUR") == names("is_archived=true") == names("is_halted=true") == ["D"]
    assert names("is_archived=false&is_halted=false&broker=manual&account_type=live") == ["C", "A", "B"]
    assert error(api.get("/accounts/?is_halted=yes")) == (400, "invalid", "is_halted")
    assert error(api.get("/accounts/?name=A")) == (400, "unknown_field", "name")


def test_a_list_asks_as_often_for_one_account_as_for_many(api, alice, django_assert_max_num_queries):
    snapshot(make_connection(make_account(alice, "0", broker="mock"), "mock"), timezone.now(), "1", "1", "1")
    api.get("/accounts/")
    with django_assert_max_num_queries(4) as one:
        assert len(api.get("/accounts/").json()["results"]) == 1
    for number in range(1, 6):
        connection = make_connection(make_account(alice, str(number), broker="mock"), "mock")
        snapshot(connection, timezone.now(), "1", "1", "1")
    with django_assert_max_num_queries(len(one)):
        assert len(api.get("/accounts/").json()["results"]) == 6
