"""An order's whole story: on its page, as a file and over the API, the same everywhere."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Notification, TradingAccount, User
from brokers.mock.book import Outcome
from tests.api.kit import api_for
from tests.factories import make_fill
from tests.trades.orders.kit import book, connected_account, held, make_event, make_leg, make_order, make_quote
from trades.execution.doubts import doubts_resolve
from trades.execution.intents import OrderInput, order_create
from trades.execution.shapes import request_of
from trades.execution.submit import order_submit
from trades.models import Order
from trades.selectors.order_story import order_story

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


def placed(account: TradingAccount) -> Order:
    """An order sent into silence, asked for, and found by its second question."""
    from brokers.models import AccountSnapshot

    AccountSnapshot.objects.create(
        connection=account.connection, at=timezone.now(), equity=100_000, cash=100_000, buying_power=200_000
    )
    make_quote(bid="99.99", ask="100.01")
    given = OrderInput(
        account_id=account.pk, symbol="AAPL", side="buy", type="limit", quantity=Decimal(10), limit_price=Decimal("90.5"),
        time_in_force="gtc", extended_hours=False,
    )  # fmt: skip
    order = order_create(owner=account.owner, given=given, creation_key=uuid4(), now=timezone.now())
    Order.objects.filter(pk=order.pk).update(status="new", send_after=None)
    book(account).script("submit", Outcome.TIMEOUT_BEFORE)
    order_submit(order.pk)
    doubts_resolve(order.pk, now=timezone.now())
    book(account).add(request_of(order, []))
    doubts_resolve(order.pk, now=timezone.now() + timedelta(minutes=1))
    order.refresh_from_db()
    assert order.status == "accepted"
    return order


def test_everything_is_told_in_the_order_it_happened(alice: User, account: TradingAccount) -> None:
    order = placed(account)
    story = order_story(alice, order.pk)
    steps = [(one.kind, one.what, one.answer) for one in story.entries if one.kind != "notification"]
    assert steps == [
        ("step", "intend", ""),
        ("step", "claim", ""),
        ("step", "doubt", ""),
        ("call", "look", "unknown"),
        ("call", "look", "shown"),
        ("step", "accept", ""),
    ]
    assert "nobody knows whether the order arrived" in next(
        one.sentence for one in story.entries if one.kind == "notification" and one.what == "order_in_doubt"
    )
    assert {limit["code"] for limit in story.intent.figures["limits"]} >= {"max_position", "insufficient_buying_power"}
    assert [limit for limit in story.intent.figures["limits"] if limit["code"] == "max_position"] == [
        {"code": "max_position", "limit": "30", "actual": "0.905"}
    ]


def test_the_page_tells_it(alice_client: Client, account: TradingAccount) -> None:
    order = placed(account)
    text = alice_client.get(f"/orders/{order.pk}/").content.decode()
    for words in (
        *("When it was placed", "Size of the position", "30 %", "0.905 %", "Buying power"),
        *("Asked the broker for it: it does not know it", "Asked the broker for it: it shows the order"),
        *("You were told", "story.json", "story.csv", "Ask the broker now"),
    ):
        assert words in text


def test_legs_and_replacements_belong_to_one_story(alice: User, account: TradingAccount) -> None:
    first = make_order(account, order_class="bracket", status="replaced")
    second = make_order(account, order_class="bracket", replaces=first, status="filled")
    leg = make_leg(second, "stop_loss", "180")
    moved = make_leg(second, "stop_loss", "182", replaces=leg)
    stranger = make_order(account)
    for number, order in enumerate((first, second, leg, moved, stranger)):
        make_event(order, "accept", "accepted", at=timezone.now() - timedelta(minutes=9 - number))
    trade = held(account)
    fill = make_fill(trade, "buy", "100", "187.123456789", order=second, executed_at=timezone.now())
    for order in (first, second, leg, moved):
        story = order_story(alice, order.pk)
        assert [one.order_id for one in story.entries] == [first.pk, second.pk, leg.pk, moved.pk, second.pk]
    assert story.entries[-1].figures["price"] == "187.123456789"
    assert story.entries[-1].number == str(fill.pk)


@pytest.mark.parametrize("count", [1, 30])
def test_a_story_takes_as_many_queries_however_long_it_is(
    alice: User, account: TradingAccount, django_assert_num_queries: Any, count: int
) -> None:
    order = make_order(account)
    for _ in range(count):
        make_event(order, "partial", "partially_filled")
        order = make_order(account, replaces=order)
    with django_assert_num_queries(6):
        order_story(alice, order.pk)


def test_the_file_says_what_the_api_says(alice: User, alice_client: Client, account: TradingAccount) -> None:
    order = placed(account)
    answer = alice_client.get(f"/orders/{order.pk}/story.json")
    assert answer["Content-Disposition"] == f'attachment; filename="order-AAPL-{order.pk}.json"'
    over_api = api_for(alice).get(f"/orders/{order.pk}/story/")
    assert over_api.status_code == 200, over_api.content
    file, told = json.loads(answer.content), over_api.json()
    assert file.pop("read_at") <= told.pop("read_at")
    assert file == told
    assert (file["trader"], file["orders"][0]["limit_price"], file["orders"][0]["status"]) == (
        "alice",
        "90.5",
        "accepted",
    )
    assert all(entry["at"].endswith("Z") for entry in file["entries"])


def test_the_table_has_a_line_an_entry_and_runs_nothing(
    alice: User, alice_client: Client, account: TradingAccount
) -> None:
    order = placed(account)
    make_event(order, "reject", "rejected", detail={"sentence": "=HYPERLINK(1)", "code": "odd"})
    answer = alice_client.get(f"/orders/{order.pk}/story.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert len(rows) == len(order_story(alice, order.pk).entries)
    assert rows[0]["what"] == "intend"
    assert json.loads(rows[0]["figures"])["value"] == "905"
    assert [row["sentence"] for row in rows if row["code"] == "odd"] == ["'=HYPERLINK(1)"]


def test_no_key_is_in_it(alice_client: Client, account: TradingAccount) -> None:
    order = placed(account)
    for form in ("json", "csv"):
        text = alice_client.get(f"/orders/{order.pk}/story.{form}").content.decode()
        assert account.connection.credentials not in text
        assert "credentials" not in text


def test_anothers_story_does_not_exist(charlie: User, charlie_client: Client, account: TradingAccount) -> None:
    order = make_order(account)
    assert api_for(charlie).get(f"/orders/{order.pk}/story/").status_code == 404
    assert charlie_client.get(f"/orders/{order.pk}/story.json").status_code == 404


def test_an_order_nothing_is_known_of_has_an_empty_story(alice_client: Client, account: TradingAccount) -> None:
    order = make_order(account)
    assert Notification.objects.count() == 0
    assert json.loads(alice_client.get(f"/orders/{order.pk}/story.json").content)["entries"] == []
    assert "Nothing is recorded yet." in alice_client.get(f"/orders/{order.pk}/").content.decode()
