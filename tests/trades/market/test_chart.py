"""The chart of a trade: its bars with entries, exits, stop and targets, a table of the same, or what to do for one."""

import pytest

from accounts.models import User
from tests.factories import make_connection
from tests.trades.desk_kit import NOW, at, d, make_account, make_fill, make_plan
from tests.trades.market.kit import LATER, closed, make_series, utc
from trades.models import Trade
from trades.services.excursions import excursions_sweep
from trades.services.stops import stop_move

pytestmark = pytest.mark.django_db
BARS = [("99", "101"), ("97.5", "100"), ("98", "104.25"), ("101", "103"), ("100", "103")]


@pytest.fixture
def account(alice):
    return make_account(alice)


def stamp(*parts: int) -> int:
    return int(at(*parts).timestamp())


def page(client, trade: Trade) -> str:
    return client.get(f"/trades/{trade.pk}/").content.decode().replace("&#x27;", "'")


def drawn(client, trade: Trade) -> dict:
    return client.get(f"/trades/{trade.pk}/bars/").json()


@pytest.fixture
def trade(account) -> Trade:
    """Bought in two parts, the stop moved twice, sold in the fourth bar."""
    trade = closed(account, ("buy", 150, "100", at(3)), ("buy", 50, "99.5", at(3, 15, 1)))
    for price, minute in (("97", 1), ("99", 2)):
        stop_move(
            owner=account.owner, trade_id=trade.pk, price=d(price), moved_at=at(3, 15, minute), note="",
            version=Trade.objects.get(pk=trade.pk).version, now=NOW,
        )  # fmt: skip
    make_fill(trade, "sell", 200, "102", at(3, 15, 3))
    return Trade.objects.get(pk=trade.pk)


def test_the_chart_holds_bars_fills_stop_targets_and_the_plan(account, alice_client, trade) -> None:
    make_series(account, "AAPL", at(3), BARS)
    found = drawn(alice_client, trade)
    price, stop, target, planned = found["series"]
    assert [price["name"], stop["name"], target["name"], planned["name"]] == [
        "Price", "Stop", "Target", "Planned entry",
    ]  # fmt: skip
    assert len(price["points"]) == 5
    assert price["points"][2] == [stamp(3, 15, 2), "104.25", "98", "104.25", "98"]
    assert stop["steps"] is True
    assert stop["points"] == [
        [stamp(3, 15, 0), "95"], [stamp(3, 15, 1), "97"], [stamp(3, 15, 2), "99"], [stamp(3, 15, 3), "99"],
    ]  # fmt: skip
    assert target["points"] == [[stamp(3, 15, 0), "115"], [stamp(3, 15, 3), "115"]]
    assert planned["points"] == [[stamp(3, 15, 0), "100"], [stamp(3, 15, 3), "100"]]
    assert found["markers"] == [
        {"time": stamp(3, 15, 0), "side": "buy", "text": "In 150"},
        {"time": stamp(3, 15, 1), "side": "buy", "text": "In 50"},
        {"time": stamp(3, 15, 3), "side": "sell", "text": "Out 200"},
    ]
    assert found["note"] == "Bars of 1 minute from your own file."
    assert found["zone"] == "America/New_York"


def test_times_are_those_of_the_reader(account, alice_client, trade) -> None:
    User.objects.filter(pk=account.owner_id).update(timezone="Europe/Berlin")
    make_series(account, "AAPL", at(3), BARS)
    assert drawn(alice_client, trade)["zone"] == "Europe/Berlin"
    table = page(alice_client, trade)
    table = table[table.index('id="trade-chart"') :]
    assert '<th scope="row">2026-03-03 16:01</th>' in table


def test_the_page_says_in_words_and_figures_what_the_chart_shows(account, alice_client, trade) -> None:
    make_series(account, "AAPL", at(3), BARS)
    excursions_sweep(now=LATER)
    text = page(alice_client, trade)
    assert "AAPL long: entry at 99.875, exit at 102.00, the stop moved 2 times." in text
    chart = text[text.index('id="trade-chart"') :]
    for cells in (
        ("Entry, buy", "150", "100"),
        ("Stop moved", "", "97"),
        ("Target", "", "115"),
        ("Exit, sell", "200", "102"),
    ):
        assert '<td class="end num">' + '</td><td class="end num">'.join(cells) in chart
    # 200 at 99.875; the lowest low 97.50, the highest high before the exit's bar 104.25.
    assert "Exit efficiency" in text
    trade.refresh_from_db()
    assert (trade.mae, trade.mfe) == (d("-475.00"), d("875.00"))
    assert text[text.index("Exit efficiency") :].split('<span class="num">')[1].startswith("66.7")


def test_days_are_drawn_as_days(account, alice_client) -> None:
    trade = closed(account, ("buy", 200, "100", at(2)), ("sell", 200, "102", at(4)))
    series = make_series(account, "AAPL", utc(2026, 3, 2, 5), [("99", "103")])
    series.bars.create(start=utc(2026, 3, 3, 5), open=100, high=104, low=98, close=103, volume=1)
    series.bars.create(start=utc(2026, 3, 4, 5), open=102, high=104, low=101, close=103, volume=1)
    type(series).objects.filter(pk=series.pk).update(timeframe="1Day")
    found = drawn(alice_client, trade)
    assert [point[0] for point in found["series"][0]["points"]] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert [marker["time"] for marker in found["markers"]] == ["2026-03-02", "2026-03-04"]
    excursions_sweep(now=LATER)
    trade.refresh_from_db()
    # Only the day between was wholly inside.
    assert (trade.mae, trade.mfe, trade.excursion_bar) == (d("-400.00"), d("800.00"), "1Day")


def test_without_a_feed_the_page_says_what_to_do(account, alice_client, trade) -> None:
    text = page(alice_client, trade)
    assert 'id="trade-chart"' not in text
    assert "This account has no feed of price bars: connect a broker, or import bars of this symbol." in text
    assert 'href="/bars/import/?symbol=AAPL"' in text
    assert drawn(alice_client, trade)["empty"].startswith("This account has no feed of price bars")


def test_a_feed_that_was_not_asked_yet_is_waited_for(account, alice_client, trade) -> None:
    make_connection(account)
    assert "Its bars are being fetched: it is measured within minutes of the close." in page(alice_client, trade)
    Trade.objects.filter(pk=trade.pk).update(measured_version=trade.version)
    assert "The broker's feed has no bars of this time: import bars of this symbol." in page(alice_client, trade)


def test_prices_that_do_not_fit_are_shown_with_a_warning_and_not_measured(account, alice_client, trade) -> None:
    make_series(account, "AAPL", at(3), [("14", "15")] * 5)
    excursions_sweep(now=LATER)
    assert "The fills lie far from these prices" in drawn(alice_client, trade)["note"]
    assert "No whole bar lies between its fills, or the bars' prices lie far from them." in page(alice_client, trade)


def test_an_open_trade_of_a_silent_feed_draws_what_is_known(account, alice_client, settings) -> None:
    settings.SIMULATOR_URL = "http://127.0.0.1:9"
    make_connection(account)
    trade = make_plan(account)
    make_fill(trade, "buy", 200, "100", at(3))
    assert 'id="trade-chart"' in page(alice_client, trade)
    assert drawn(alice_client, trade) == {"series": [], "empty": "There are no bars of this time yet."}


def test_a_plan_has_no_chart(account, alice_client) -> None:
    trade = make_plan(account)
    text = page(alice_client, trade)
    assert "trade-chart" not in text
    assert "no feed of price bars" not in text


def test_a_chart_costs_the_same_whatever_it_holds(account, alice_client, trade, django_assert_max_num_queries) -> None:
    make_series(account, "AAPL", at(3), BARS * 40)
    alice_client.get(f"/trades/{trade.pk}/bars/")
    with django_assert_max_num_queries(15):
        alice_client.get(f"/trades/{trade.pk}/bars/")


def test_another_traders_bars_draw_nothing(account, charlie, alice_client, charlie_client, trade) -> None:
    make_series(make_account(charlie), "AAPL", at(3), BARS)
    assert drawn(alice_client, trade)["series"] == []
    assert charlie_client.get(f"/trades/{trade.pk}/bars/").status_code == 404
