"""What open trades are worth now is said alike on every page, with the price's age, or with the reason for none."""

from datetime import timedelta

import pytest
from django.utils import timezone

from brokers.models import Quote
from tests.trades.orders.kit import connected_account, held, make_quote

pytestmark = pytest.mark.django_db
NO_FEED = "This account has no price feed: connect a broker to see what its open trades are worth now."


def text(client, path: str) -> str:
    return client.get(path).content.decode().replace("&#x27;", "'").replace("\u202f", " ")


def pages(client, trade) -> dict[str, str]:
    found = {"trade": text(client, f"/trades/{trade.pk}/"), "positions": text(client, "/positions/")}
    whole = text(client, "/")
    return {**found, "dashboard": whole[whole.index('id="open-title"') :]}


@pytest.fixture
def trade(alice):
    """100 at 100 with the stop at 95: 1R is 500."""
    return held(connected_account(alice))


def test_every_page_says_the_same_of_an_open_trade(alice_client, trade) -> None:
    make_quote("AAPL", "102.40", "102.60")
    for name, page in pages(alice_client, trade).items():
        assert "+250.00" in page, name
        assert "+0.50" in page, name
        assert 'aria-label="Old:"' not in page, name
        assert NO_FEED not in page, name


def test_an_old_price_is_marked_on_every_page_and_its_age_said(alice_client, trade) -> None:
    quote = make_quote("AAPL", "102.40", "102.60")
    Quote.objects.filter(pk=quote.pk).update(at=timezone.now() - timedelta(minutes=5, seconds=2))
    for name, page in pages(alice_client, trade).items():
        assert 'aria-label="Old:"' in page, name
        assert "5 min" in page, name
    assert "old at most" in text(alice_client, "/")


def test_a_feed_that_told_nothing_yet_is_said_to_be_silent(alice_client, trade) -> None:
    for name, page in pages(alice_client, trade).items():
        assert "The broker's feed has told no price yet." in page, name


def test_an_account_kept_by_hand_says_why_there_is_no_price(alice, alice_client) -> None:
    account = connected_account(alice)
    trade = held(account)
    account.connection.delete()
    make_quote("AAPL", "102.40", "102.60")
    for name, page in pages(alice_client, trade).items():
        assert NO_FEED in page, name
        assert "+250.00" not in page, name


def test_the_dashboards_queries_do_not_grow_with_what_is_open(
    alice, alice_client, django_assert_max_num_queries
) -> None:
    account = connected_account(alice)
    held(account)
    make_quote("AAPL", "102.40", "102.60")
    alice_client.get("/")
    with django_assert_max_num_queries(30) as few:
        alice_client.get("/")
    for symbol in ("MSFT", "IBM", "KO", "NVDA"):
        held(account, symbol)
        make_quote(symbol, "99", "100")
    with django_assert_max_num_queries(len(few)):
        alice_client.get("/")
