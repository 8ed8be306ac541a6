"""Tags, mistakes and emotions: named, renamed, merged, deleted; the figures follow."""

import re
import uuid
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_closed_trade, make_tag
from trades.models import AuditEntry, FigureTotal, JournalDay, Tag, Trade
from trades.selectors.history import trade_history
from trades.services.figures import figures_rebuild
from trades.services.tags import TagError, tag_delete, tag_names, tags_named, trades_tag

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> Any:
    return make_account(alice)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        (" , ;\n", []),
        ("gap", ["gap"]),
        ("gap, Earnings  play ;late", ["gap", "Earnings play", "late"]),
        ("Gap, gap, GAP", ["Gap"]),
        ("#gap", ["gap"]),
        ("e\u0301tude, \u00e9tude", ["\u00e9tude"]),
        ("a\tb\u0000c", ["a b c"]),
        ("x" * 50, ["x" * 50]),
    ],
)
def test_words_are_read_from_a_line(text: str, names: list[str]) -> None:
    assert tag_names(text) == names


def test_a_word_too_long_or_too_many_words_are_refused() -> None:
    with pytest.raises(TagError, match="has 51 characters: 50 are the most"):
        tag_names("y" * 51)
    with pytest.raises(TagError, match="These are 31 words"):
        tag_names(",".join(map(str, range(31))))


def test_case_makes_no_second_tag_and_owners_do_not_share(alice: User, charlie: User) -> None:
    first = tags_named(owner=alice, kind="tag", names=["Gap"])
    assert tags_named(owner=alice, kind="tag", names=["gap", "GAP"]) == first
    assert tags_named(owner=alice, kind="mistake", names=["gap"]) != first
    assert tags_named(owner=charlie, kind="tag", names=["gap"]) != first
    assert tags_named(owner=alice, kind="tag", names=[]) == []
    assert Tag.objects.count() == 3


def test_a_tag_is_made_on_its_page_once(alice_client: Client, alice: User) -> None:
    assert alice_client.post("/tags/new/", {"kind": "mistake", "name": " FOMO "}).status_code == 302
    answer = alice_client.post("/tags/new/", {"kind": "mistake", "name": "fomo"})
    assert answer.status_code == 422
    assert "You already have the mistake “fomo”" in answer.content.decode()
    assert list(Tag.objects.values_list("owner", "kind", "name")) == [(alice.pk, "mistake", "FOMO")]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": ",,"}, "Enter a name with at least one letter or digit."),
        ({"name": "x" * 51}, "50 are the most"),
        ({"kind": "joke"}, "Select a valid choice"),
    ],
)
def test_a_name_that_cannot_be_is_said(alice_client: Client, fields: Any, sentence: str) -> None:
    answer = alice_client.post("/tags/new/", {"kind": "tag", "name": "gap"} | fields)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Tag.objects.exists()


def test_a_new_name_shows_everywhere_and_moves_no_figure(
    alice_client: Client, alice: User, account: TradingAccount
) -> None:
    tag = make_tag(alice, "gap")
    make_closed_trade(account).tags.add(tag)
    figures_rebuild(account)
    before = list(FigureTotal.objects.order_by("pk").values())
    assert alice_client.post(f"/tags/{tag.pk}/", {"name": "Gap up"}).status_code == 302
    assert "Gap up" in alice_client.get("/trades/").content.decode()
    assert list(FigureTotal.objects.order_by("pk").values()) == before
    make_tag(alice, "other")
    assert alice_client.post(f"/tags/{tag.pk}/", {"name": "OTHER"}).status_code == 422
    tag.refresh_from_db()
    assert tag.name == "Gap up"


def test_merging_puts_the_other_everywhere_once(alice_client: Client, alice: User, account: TradingAccount) -> None:
    old, new = make_tag(alice, "gapup"), make_tag(alice, "gap")
    one, both = make_closed_trade(account, "AAPL", "10.00"), make_closed_trade(account, "MSFT", "5.00")
    one.tags.add(old)
    both.tags.add(old, new)
    page = JournalDay.objects.create(owner=alice, day=date(2025, 3, 4))
    page.tags.add(old)
    figures_rebuild(account)
    assert alice_client.post(f"/tags/{old.pk}/merge/", {"into": str(new.pk)}).status_code == 302
    assert list(Tag.objects.all()) == [new]
    assert list(one.tags.all()) == list(both.tags.all()) == list(page.tags.all()) == [new]
    (kept,) = FigureTotal.objects.filter(dimension="tag")
    assert (kept.key, kept.n, kept.sum_net) == (str(new.pk), 2, Decimal("15.00"))


def test_deleting_takes_the_tag_off_and_moves_the_figures(
    alice_client: Client, alice: User, account: TradingAccount
) -> None:
    tag = make_tag(alice, "gap")
    trade = make_closed_trade(account, "AAPL", "10.00")
    trade.tags.add(tag)
    figures_rebuild(account)
    assert (
        "It is taken off 1 trade; the trades themselves stay."
        in alice_client.get(f"/tags/{tag.pk}/delete/").content.decode()
    )
    assert alice_client.post(f"/tags/{tag.pk}/delete/").status_code == 302
    assert not Tag.objects.exists()
    (kept,) = FigureTotal.objects.filter(dimension="tag")
    assert (kept.key, kept.n) == ("", 1)
    assert not trade.tags.exists()


def test_the_page_lists_the_three_kinds_with_their_closed_trades(
    alice_client: Client, alice: User, account: TradingAccount
) -> None:
    assert "No tags yet" in alice_client.get("/tags/").content.decode()
    tag = make_tag(alice, "gap")
    make_tag(alice, "FOMO", "mistake")
    make_closed_trade(account, "AAPL", "250.00").tags.add(tag)
    figures_rebuild(account)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", alice_client.get("/tags/").content.decode()))
    assert "gap 1 : show the trades with gap +0.50 R ▲" in page
    assert "FOMO 0 : show the trades with FOMO —" in page
    assert "None yet." in page
    with CaptureQueriesContext(connection) as few:
        alice_client.get("/tags/")
    for number in range(5):
        make_tag(alice, f"t{number}")
    with CaptureQueriesContext(connection) as many:
        alice_client.get("/tags/")
    assert len(many) == len(few)


def test_somebody_elses_tag_does_not_exist(charlie_client: Client, charlie: User, alice: User) -> None:
    theirs, mine = make_tag(alice, "gap"), make_tag(charlie, "mine")
    for address in (f"/tags/{theirs.pk}/", f"/tags/{theirs.pk}/delete/"):
        assert charlie_client.get(address).status_code == 404
        assert charlie_client.post(address, {"name": "stolen"}).status_code == 404
    assert charlie_client.post(f"/tags/{theirs.pk}/merge/", {"into": str(mine.pk)}).status_code == 404
    assert charlie_client.post(f"/tags/{mine.pk}/merge/", {"into": str(theirs.pk)}).status_code == 422
    assert charlie_client.post(f"/tags/{mine.pk}/merge/", {"into": str(mine.pk)}).status_code == 422
    assert charlie_client.post(f"/tags/{uuid.uuid4()}/merge/", {"into": str(mine.pk)}).status_code == 404
    assert {tag.name for tag in Tag.objects.all()} == {"gap", "mine"}


def test_each_trade_tells_how_its_tags_changed(alice_client: Client, alice: User, account: TradingAccount) -> None:
    one, two = make_closed_trade(account, "AAPL"), make_closed_trade(account, "MSFT")
    gap = make_tag(alice, "gap")
    one.tags.add(gap)
    trades_tag(owner=alice, trades=Trade.objects.all(), kind="tag", add=["gap", "news"], remove=["late"])
    trades_tag(owner=alice, trades=Trade.objects.all(), kind="tag", add=["gap"])
    tag_delete(owner=alice, tag_id=gap.pk)
    told = AuditEntry.objects.filter(action="trade.tagged", actor=alice, account=account).order_by("at")
    changes = [(entry.before["tags"], entry.after["tags"]) for entry in told.filter(trade_id=one.pk)]
    assert changes == [(["gap"], ["gap", "news"]), (["gap", "news"], ["news"])]
    assert told.filter(trade_id=two.pk).count() == 2
    line = trade_history(two)[-1]
    assert (line.what, line.who, line.changes) == ("Tags changed", "alice", [("Tags", "", "gap; news")])
