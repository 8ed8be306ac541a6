"""The journal: of a trade, of a day, and the list of days."""

import html
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import TradingAccount, User
from tests.factories import ENTRY_AT, make_account, make_closed_trade, make_fill, make_plan, make_setup, make_tag
from trades.models import ChecklistAnswer, FigureTotal, JournalDay, Tag, Trade
from trades.services.figures import figures_rebuild

pytestmark = pytest.mark.django_db
DAY = date(2025, 3, 4)


@pytest.fixture
def account(alice: User) -> Any:
    return make_account(alice)


@pytest.fixture
def trade(account: TradingAccount) -> Any:
    return make_closed_trade(account, setup=make_setup(account.owner, criteria=("Trend up", "Volume")))


def write(client: Client, trade: Trade, **fields: Any) -> Any:
    defaults = {"version": 1, "thesis": "", "notes_during": "", "notes_after": "", "rating": ""}
    return client.post(f"/trades/{trade.pk}/journal/", defaults | fields)


def test_notes_rating_words_and_checklist_are_kept_and_the_figures_follow(
    alice_client: Client, alice: User, account: TradingAccount, trade: Trade
) -> None:
    figures_rebuild(account)
    make_tag(alice, "calm", "emotion")
    criteria = list(trade.setup.criteria.all())
    answer = write(
        alice_client,
        trade,
        thesis="Gap\r\nup",
        notes_during="held",
        notes_after="sold early",
        rating="4",
        tag_typed="gap, Gap ,earnings",
        mistake_typed="sold early",
        emotion_chosen=["calm"],
        checklist=[f"criterion-{criteria[0].pk}"],
    )
    assert answer.status_code == 302
    assert answer.url == f"/trades/{trade.pk}/"
    trade.refresh_from_db()
    assert (trade.thesis, trade.notes_during, trade.notes_after) == ("Gap\nup", "held", "sold early")
    assert (trade.rating, trade.version) == (4, 2)
    assert {(tag.kind, tag.name) for tag in trade.tags.all()} == {
        ("tag", "gap"),
        ("tag", "earnings"),
        ("mistake", "sold early"),
        ("emotion", "calm"),
    }
    assert list(trade.checklist.values_list("text", "is_met", "criterion_id")) == [
        ("Trend up", True, criteria[0].pk),
        ("Volume", False, criteria[1].pk),
    ]
    kept = FigureTotal.objects.filter(account=account)
    assert {row.key: row.n for row in kept.filter(dimension="tag")} == {str(tag.pk): 1 for tag in trade.tags.all()}
    assert {row.key: row.n for row in kept.filter(dimension="checklist")} == {"missed": 1}


def test_ticking_a_criterion_later_moves_the_figures(
    alice_client: Client, account: TradingAccount, trade: Trade
) -> None:
    figures_rebuild(account)
    answer = ChecklistAnswer.objects.create(
        trade=trade, text="Trend up", is_met=False, criterion=trade.setup.criteria.first()
    )
    trade.setup.criteria.exclude(pk=answer.criterion_id).delete()
    figures_rebuild(account)
    write(alice_client, trade, checklist=[f"answer-{answer.pk}"])
    answer.refresh_from_db()
    assert answer.is_met
    assert {row.key: row.n for row in FigureTotal.objects.filter(dimension="checklist")} == {"met": 1}


def test_the_form_sent_twice_is_kept_once(alice_client: Client, trade: Trade) -> None:
    for _time in range(2):
        assert write(alice_client, trade, notes_after="learned", tag_typed="gap").status_code == 302
    trade.refresh_from_db()
    assert trade.version == 2
    assert list(trade.tags.values_list("name", flat=True)) == ["gap"]


def test_the_second_of_two_tabs_is_told_keeps_its_text_and_may_save_again(alice_client: Client, trade: Trade) -> None:
    write(alice_client, trade, notes_after="from the first tab", tag_typed="first")
    answer = write(alice_client, trade, notes_after="from the second tab")
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "changed elsewhere since you opened this page" in page
    assert "from the second tab</textarea>" in page
    assert "<p>from the first tab</p>" in page
    assert 'name="version" value="2"' in page
    trade.refresh_from_db()
    assert trade.notes_after == "from the first tab"
    assert write(alice_client, trade, notes_after="from the second tab", version=2).status_code == 302
    trade.refresh_from_db()
    assert (trade.notes_after, trade.tags.count()) == ("from the second tab", 0)


def test_a_trade_tagged_from_the_list_meanwhile_keeps_that_tag(alice_client: Client, alice: User, trade: Trade) -> None:
    stays, goes = make_tag(alice, "stays"), make_tag(alice, "goes")
    trade.tags.set([stays, goes])
    page = alice_client.get(f"/trades/{trade.pk}/journal/").content.decode()
    before = html.unescape(re.search(r'name="words_before" value="([^"]*)"', page)[1])
    assert json.loads(before) == {"tag": ["goes", "stays"], "mistake": [], "emotion": []}
    alice_client.post(
        "/trades/bulk/",
        {"action": "add", "kind": "tag", "words": "meanwhile", "scope": "chosen", "trade": [trade.pk], "query": ""},
    )
    answer = write(alice_client, trade, words_before=before, tag_chosen=["stays"], tag_typed="typed", rating="5")
    assert answer.status_code == 302
    assert set(trade.tags.values_list("name", flat=True)) == {"stays", "meanwhile", "typed"}


@pytest.mark.parametrize("before", ["x", "[]", '{"joke": []}', '{"tag": 1}', '{"tag": [1]}', "1e999"])
def test_a_form_that_was_tampered_with_changes_nothing(alice_client: Client, trade: Trade, before: str) -> None:
    answer = write(alice_client, trade, words_before=before, notes_after="typed and kept")
    assert answer.status_code == 422
    assert "A part of the form was lost" in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"rating": "6"}, "Choose a rating from 1 to 5, or none."),
        ({"thesis": "x" * 20_001}, "Use 20000 characters at most: this has 20001."),
        ({"tag_typed": "y" * 51}, "50 are the most"),
        ({"emotion_typed": ",".join(map(str, range(31)))}, "30 at once are the most"),
        ({"checklist": ["answer-99"]}, "The checklist changed"),
        ({"version": "x"}, "Enter a whole number"),
        ({"notes_during": "\0"}, "Null characters are not allowed"),
    ],
)
def test_what_cannot_be_kept_is_said_and_nothing_changes(
    alice_client: Client, trade: Trade, fields: Any, sentence: str
) -> None:
    answer = write(alice_client, trade, **({"notes_after": "typed and kept"} | fields))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    assert "typed and kept</textarea>" in page
    trade.refresh_from_db()
    assert (trade.version, trade.notes_after, Tag.objects.count()) == (1, "", 0)


def test_another_users_trade_has_no_journal(
    charlie_client: Client, charlie: User, account: TradingAccount, trade: Trade
) -> None:
    assert charlie_client.get(f"/trades/{trade.pk}/journal/").status_code == 404
    assert write(charlie_client, trade, notes_after="mine now").status_code == 404
    trade.refresh_from_db()
    assert trade.notes_after == ""


def test_the_panel_shows_notes_as_markdown_and_words_by_kind(
    alice_client: Client, alice: User, account: TradingAccount
) -> None:
    trade = make_plan(account, thesis="**Strong** open <script>", rating=3)
    trade.tags.add(make_tag(alice, "FOMO", "mistake"))
    page = alice_client.get(f"/trades/{trade.pk}/").content.decode()
    assert "<p><strong>Strong</strong> open &lt;script&gt;</p>" in page
    assert "FOMO" in page
    assert "3 of 5" in page


def day(client: Client, on: str = "2025-03-04", **fields: Any) -> Any:
    return client.post(f"/journal/{on}/", {"version": 0, "plan": "", "review": "", "rating": ""} | fields)


def test_a_day_is_planned_and_reviewed(alice_client: Client, alice: User) -> None:
    assert day(alice_client, plan="Wait for ten", rating="5", emotion_typed="calm").status_code == 302
    page = JournalDay.objects.get(owner=alice, day=DAY)
    assert (page.plan, page.review, page.rating, page.version) == ("Wait for ten", "", 5, 2)
    assert [(tag.kind, tag.name) for tag in page.tags.all()] == [("emotion", "calm")]
    assert b"<p>Wait for ten</p>" in alice_client.get("/journal/2025-03-04/").content


def test_a_day_sent_twice_is_kept_once_and_two_tabs_are_told(alice_client: Client, alice: User) -> None:
    day(alice_client, plan="First")
    assert day(alice_client, plan="First").status_code == 302
    page = JournalDay.objects.get(owner=alice)
    assert page.version == 2
    answer = day(alice_client, plan="Second")
    assert answer.status_code == 409
    assert b"This day was changed elsewhere" in answer.content
    assert b"Second</textarea>" in answer.content
    page.refresh_from_db()
    assert page.plan == "First"
    assert day(alice_client, plan="Second", version=2).status_code == 302


def test_each_user_has_a_page_of_the_same_day(alice_client: Client, charlie_client: Client, alice: User) -> None:
    day(alice_client, plan="Secret of alice")
    assert b"Secret of alice" not in charlie_client.get("/journal/2025-03-04/").content
    day(charlie_client, plan="Mine")
    assert JournalDay.objects.get(owner=alice).plan == "Secret of alice"
    assert JournalDay.objects.count() == 2


@pytest.mark.parametrize("on", ["2025-02-30", "1969-12-31", "2200-01-01", "0000-01-01", "2025-3-4", "today"])
def test_a_day_that_does_not_exist_has_no_page(alice_client: Client, on: str) -> None:
    assert alice_client.get(f"/journal/{on}/").status_code == 404


def test_the_days_trades_and_results_stand_beside_the_page(alice_client: Client, account: TradingAccount) -> None:
    make_closed_trade(account, "AAPL", "120.00")
    make_closed_trade(account, "LATER", "1.00", entry_date=ENTRY_AT + timedelta(days=3))
    swing = make_plan(account, "SWING", status="active", quantity=10, open_quantity=10, entry_date=ENTRY_AT)
    make_fill(swing, "buy", "10", "5", executed_at=ENTRY_AT)
    figures_rebuild(account)
    page = alice_client.get("/journal/2025-03-04/").content.decode()
    assert "AAPL" in page
    assert "SWING" in page
    assert "LATER" not in page
    assert "1 closed, 1 won, 0 lost" in page
    assert "+120.00" in page


def test_days_lead_to_their_neighbours(alice_client: Client, account: TradingAccount) -> None:
    make_closed_trade(account, "AAPL", "1.00")
    figures_rebuild(account)
    day(alice_client, on="2025-03-10", plan="x")
    page = alice_client.get("/journal/2025-03-07/").content.decode()
    assert 'href="/journal/2025-03-04/" rel="prev"' in page
    assert 'href="/journal/2025-03-10/" rel="next"' in page


def test_the_list_shows_the_days_of_a_month_with_what_they_came_to(
    alice_client: Client, alice: User, account: TradingAccount
) -> None:
    euro = make_account(alice, "Euro", currency="EUR")
    make_closed_trade(account, "AAPL", "120.00")
    make_closed_trade(euro, "SAP", "-20.00")
    make_closed_trade(account, "MSFT", "7.00", entry_date=ENTRY_AT + timedelta(days=31))
    for one in (account, euro):
        figures_rebuild(one)
    day(alice_client, on="2025-03-05", review="Waited well", rating="3")
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", alice_client.get("/journal/?month=2025-03").content.decode()))
    assert page.index("Wed, 2025-03-05") < page.index("Tue, 2025-03-04")
    assert "Waited well" in page
    assert "−20.00 EUR" in page
    assert "+120.00 USD" in page
    assert "2025-04-04" not in page
    assert "February 2025" in page
    assert "April 2025" in page


@time_machine.travel(datetime(2025, 3, 5, 3, 0, tzinfo=UTC), tick=False)
def test_today_is_the_traders_today(alice_client: Client) -> None:
    """22:00 on 4 March in New York, alice's zone, is 5 March in UTC."""
    page = alice_client.get("/journal/").content.decode()
    assert "/journal/2025-03-04/" in page
    assert "No page yet" in page


@pytest.mark.parametrize("month", ["", "2025-13", "march", "9999-12", "2199-12", "1970-01"])
def test_any_month_asked_for_gives_a_page(alice_client: Client, month: str) -> None:
    assert alice_client.get("/journal/", {"month": month}).status_code == 200


def test_the_number_of_queries_does_not_grow(alice_client: Client, alice: User, account: TradingAccount) -> Any:
    tags = [make_tag(alice, name) for name in ("a", "b")]

    def fill(days: range) -> None:
        for number in days:
            moment = ENTRY_AT.replace(day=number)
            make_closed_trade(account, f"S{number}", "1.00", entry_date=moment).tags.set(tags)
            make_closed_trade(account, f"T{number}", "1.00", entry_date=ENTRY_AT).tags.set(tags)
            JournalDay.objects.create(owner=alice, day=moment.date(), plan="x").tags.set(tags)
        figures_rebuild(account)

    def queries(address: str) -> int:
        alice_client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert alice_client.get(address).status_code == 200
        return len(captured)

    addresses = ("/journal/?month=2025-03", "/journal/2025-03-04/")
    fill(range(4, 6))
    few = [queries(address) for address in addresses]
    fill(range(6, 20))
    assert [queries(address) for address in addresses] == few
    assert max(few) <= 20
