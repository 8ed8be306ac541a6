"""Positions by the broker's word and the journal's, and what resolves each difference."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_fill, make_plan
from tests.trades.orders.kit import connected_account, d, held, make_order, make_position, make_quote, protected
from trades.models import Order, Trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


def read(client: Client, path: str, **query: Any) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def row(text: str, symbol: str) -> str:
    start = text.index(f'-{symbol}">')
    return text[start : text.index("</tr>", start)]


def test_nothing_held_says_so(alice_client: Client, account: TradingAccount) -> None:
    assert "Nothing is held" in read(alice_client, "/positions/")


def test_each_state_offers_what_resolves_it(alice_client: Client, account: TradingAccount) -> None:
    for symbol in ("AAPL", "MSFT", "KO"):
        make_position(account, symbol, "100")
    protected(held(account, "AAPL"))
    naked = held(account, "MSFT")
    make_position(account, "IBM", "30")
    protected(held(account, "IBM", "20"))
    text = read(alice_client, "/positions/")
    assert "Matched" in row(text, "AAPL")
    assert "Place a stop" not in row(text, "AAPL")
    assert f'href="/trades/{naked.pk}/working-stop/"' in row(text, "MSFT")
    assert f'href="/positions/adopt/?account={account.pk}&amp;symbol=KO"' in row(text, "KO")
    assert f'action="/connections/{account.connection.pk}/sync/"' in row(text, "IBM")
    assert "<strong>" in row(text, "IBM")


def test_a_position_shows_what_it_is_worth_now(alice_client: Client, account: TradingAccount) -> None:
    make_position(account)
    protected(held(account))
    make_quote("AAPL", "102.40", "102.60")
    text = row(read(alice_client, "/positions/"), "AAPL")
    assert "102.50" in text
    assert "+250.00" in text
    assert "+0.50" in text
    assert "95.00" in text


def test_what_was_executed_since_the_brokers_word_is_not_held_against_the_journal(
    alice_client: Client, account: TradingAccount
) -> None:
    earlier = timezone.now() - timedelta(minutes=5)
    protected(held(account, "AAPL"))
    make_position(account, "AAPL", "60", as_of=earlier)
    closed = held(account, "KO")
    sold = make_fill(closed, "sell", "100", "101", executed_at=timezone.now())
    ended = {"status": "closed", "open_quantity": 0, "open_value": 0, "outcome": "win"}
    at = sold.executed_at
    Trade.objects.filter(pk=closed.pk).update(**ended, actual_exit=101, exit_date=at, closed_session=at.date())
    make_position(account, "KO", "100", as_of=earlier)

    text = read(alice_client, "/positions/")

    told = row(text, "AAPL")
    assert "Something was executed since the broker last told what it holds" in told
    assert ["Matched" in told, ">60<" in told, "> Close<" in told] == [True, False, True]
    assert f"position-{account.pk}-KO" not in text


def test_any_number_of_positions_takes_the_same_queries(alice_client: Client, account: TradingAccount) -> None:
    asked = []
    for number in (1, 9):
        for place in range(number):
            symbol = f"S{number}{place}"
            make_position(account, symbol)
            protected(held(account, symbol))
        # Once before it counts: what every page keeps for a while is there then.
        read(alice_client, "/positions/")
        with CaptureQueriesContext(connection) as captured:
            read(alice_client, "/positions/")
        asked.append(len(captured))
    assert asked[0] == asked[1] <= 12


def test_anothers_positions_are_not_shown(account: TradingAccount, charlie_client: Client) -> None:
    make_position(account)
    assert "AAPL" not in read(charlie_client, "/positions/")
    for path in ("/positions/", "/positions/close/", "/positions/adopt/"):
        assert charlie_client.get(path, {"account": account.pk, "symbol": "AAPL"}).status_code == 404
        assert charlie_client.post(f"{path}?account={account.pk}&symbol=AAPL").status_code in (404, 405)
    assert not Order.objects.exists()


def test_a_position_is_closed_once(alice_client: Client, account: TradingAccount) -> None:
    make_position(account)
    trade = held(account)
    text = read(alice_client, f"/trades/{trade.pk}/close/")
    assert "Sell 100 AAPL at the market price." in text
    data = {"creation_key": str(uuid4())}
    for _ in range(2):
        answer = alice_client.post(f"/trades/{trade.pk}/close/", data)
        assert answer["Location"] == f"/orders/{Order.objects.get().pk}/"
    order = Order.objects.get()
    assert (order.side, order.type, order.quantity, order.role, order.trade_id) == (
        "sell", "market", 100, "exit", trade.pk,
    )  # fmt: skip


def test_a_part_is_closed_and_more_than_all_is_refused(alice_client: Client, account: TradingAccount) -> None:
    make_position(account)
    trade = held(account)
    path = f"/trades/{trade.pk}/scale-out/"
    text = alice_client.post(path, {"creation_key": str(uuid4()), "quantity": "140"}).content.decode()
    assert "You hold 100: give at most that many." in text
    assert 'value="140"' in text
    alice_client.post(path, {"creation_key": str(uuid4()), "quantity": "40"})
    assert Order.objects.get().quantity == 40


def test_a_stop_is_placed_where_none_works_and_moved_where_one_does(
    alice_client: Client, account: TradingAccount
) -> None:
    make_position(account)
    trade = held(account)
    path = f"/trades/{trade.pk}/working-stop/"
    assert 'name="price" value="95"' in read(alice_client, path)
    alice_client.post(path, {"creation_key": str(uuid4()), "price": "96"})
    placed = Order.objects.get()
    assert (placed.type, placed.stop_price, placed.role, placed.status) == ("stop", 96, "stop_loss", "new")
    Order.objects.filter(pk=placed.pk).update(status="accepted", broker_order_id="broker-stop")
    alice_client.post(path, {"creation_key": str(uuid4()), "price": "97.5"})
    placed.refresh_from_db()
    assert d(placed.pending_change["stop_price"]) == d("97.5")
    assert Order.objects.count() == 1


def test_the_stop_trails(alice_client: Client, account: TradingAccount) -> None:
    make_position(account)
    trade = held(account)
    alice_client.post(f"/trades/{trade.pk}/trail/", {"creation_key": str(uuid4()), "trail_percent": "2.5"})
    order = Order.objects.get()
    assert (order.type, order.trail_percent, order.quantity) == ("trailing_stop", d("2.5"), 100)


def test_a_position_found_at_the_broker_is_adopted_with_its_stop(
    alice: User, alice_client: Client, account: TradingAccount
) -> None:
    make_position(account, "KO", "50", average_price=d("60.50"))
    path = f"/positions/adopt/?account={account.pk}&symbol=KO"
    assert "It becomes an imported trade at the broker's average price." in read(alice_client, path)
    refused = alice_client.post(path, {"creation_key": str(uuid4()), "stop": "61"}).content.decode()
    assert "id_stop_error" in refused
    data = {"creation_key": str(uuid4()), "stop": "58"}
    for _ in range(2):
        answer = alice_client.post(path, data)
    trade = Trade.objects.get(symbol="KO")
    assert answer["Location"] == f"/trades/{trade.pk}/"
    assert (trade.open_quantity, trade.actual_entry, trade.stop_loss, trade.broker_sync_status) == (
        50, d("60.50"), 58, "imported",
    )  # fmt: skip


def test_a_difference_in_size_is_adopted_as_a_transfer(alice_client: Client, account: TradingAccount) -> None:
    trade = held(account, "IBM", "20")
    make_position(account, "IBM", "30")
    path = f"/positions/adopt/?account={account.pk}&symbol=IBM"
    text = read(alice_client, path)
    assert "is booked as a transfer" in text
    assert 'name="stop"' not in text
    alice_client.post(path, {"creation_key": str(uuid4())})
    trade.refresh_from_db()
    assert trade.open_quantity == 30
    assert trade.fills.get(kind="transfer_in").quantity == 10


def test_a_position_without_a_trade_is_closed_by_its_symbol(alice_client: Client, account: TradingAccount) -> None:
    make_position(account, "KO", "-50")
    path = f"/positions/close/?account={account.pk}&symbol=KO"
    assert "All of KO in Main is closed at the market price." in read(alice_client, path)
    alice_client.post(path, {"creation_key": str(uuid4())})
    order = Order.objects.get()
    assert (order.symbol, order.side, order.quantity, order.trade_id) == ("KO", "buy", 50, None)
    assert alice_client.get("/positions/close/").status_code == 404


def test_everything_is_closed_at_once(alice_client: Client, account: TradingAccount) -> None:
    make_position(account, "KO", "50")
    make_position(account, "AAPL", "100")
    held(account)
    entry = make_order(account, "MSFT", limit_price=d(90))
    path = f"/accounts/{account.pk}/close-all/"
    assert "Close every position of Main?" in read(alice_client, path)
    answer = alice_client.post(path, {"creation_key": str(uuid4())}, follow=True)
    assert "You placed 2 orders to close what is held." in answer.content.decode()
    assert sorted(Order.objects.filter(type="market").values_list("symbol", flat=True)) == ["AAPL", "KO"]
    entry.refresh_from_db()
    assert entry.status == "cancelling"


def test_the_trade_page_has_its_orders_its_price_and_its_buttons(alice_client: Client, account: TradingAccount) -> None:
    make_position(account)
    trade = held(account, broker="mock", broker_order_id="b-17", broker_sync_status="synced")
    protected(trade)
    make_quote("AAPL", "102.40", "102.60")
    text = read(alice_client, f"/trades/{trade.pk}/")
    for words in ("Orders of this trade", "Unrealised now", "+250.00", "b-17", "Synced", "Scale out", "Trail"):
        assert words in text
    plan = make_plan(account, "MSFT")
    assert f'href="/orders/new/?trade={plan.pk}"' in read(alice_client, f"/trades/{plan.pk}/")


def test_a_trade_kept_by_hand_has_no_broker_buttons(alice: User, alice_client: Client) -> None:
    trade = held(make_account(alice, "By hand"))
    text = read(alice_client, f"/trades/{trade.pk}/")
    assert "live.js" not in text
    assert "/working-stop/" not in text
    assert f'href="/trades/{trade.pk}/stop/"' in text
    answer = alice_client.get(f"/trades/{trade.pk}/working-stop/", follow=True)
    assert "By hand places no orders: record here what you did elsewhere." in answer.content.decode()


def test_a_position_without_a_broker_is_said_to_be_kept_by_hand_unless_its_stop_is_missing(
    alice: User, alice_client: Client
) -> None:
    account = make_account(alice, "By hand")
    held(account, "AAPL")
    bare = held(account, "MSFT")
    type(bare).objects.filter(pk=bare.pk).update(stop_loss=None)
    text = read(alice_client, "/positions/")
    assert "By hand</span>" in row(text, "AAPL")
    assert "Unprotected" in row(text, "MSFT")
    assert "1 by hand, 1 unprotected" in text
    assert "The broker and the journal agree" not in text


def test_a_trade_that_is_over_has_no_position_to_act_on(alice_client: Client, account: TradingAccount) -> None:
    plan = make_plan(account)
    answer = alice_client.get(f"/trades/{plan.pk}/close/", follow=True)
    assert "AAPL is not open: there is no position to act on." in answer.content.decode()


def test_the_dashboard_counts_what_needs_a_look(alice_client: Client, account: TradingAccount) -> None:
    make_position(account)
    held(account)
    make_order(account, "MSFT", status="in_doubt", doubted_at=timezone.now())
    text = read(alice_client, "/")
    panel = text[text.index('id="broker-title"') : text.index('id="attention-title"')]
    assert "1 in doubt" in panel
    assert "1 position<" in panel
    assert "Needs your eyes" in panel


def test_a_desk_without_a_broker_has_no_broker_panel(alice: User, alice_client: Client) -> None:
    make_account(alice)
    assert "At the broker" not in read(alice_client, "/")


def test_the_account_page_leads_to_its_connection_and_its_switches(
    alice: User, alice_client: Client, account: TradingAccount
) -> None:
    text = read(alice_client, f"/accounts/{account.pk}/")
    assert f'href="/connections/{account.connection.pk}/"' in text
    assert f'href="/accounts/{account.pk}/halt/"' in text
    by_hand = make_account(alice, "By hand")
    assert "Connect a broker" in read(alice_client, f"/accounts/{by_hand.pk}/")
