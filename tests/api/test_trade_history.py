"""A trade's history over the API: what its page tells, for programs, page by page."""

import uuid
from datetime import UTC, datetime

import pytest

from tests.api.kit import error
from tests.factories import make_account, make_plan, make_setup
from trades.models import AuditEntry
from trades.selectors.history import trade_history
from trades.services.audit import audit_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def trade(alice):
    return make_plan(make_account(alice))


def noted(trade, action="trade.edited", before=None, after=None, actor=None):
    return audit_record(
        account=trade.account,
        actor=actor,
        action=action,
        subject=trade,
        before=before or {},
        after=after or {},
        trade_id=trade.pk,
    )


def history(api, trade, query=""):
    return api.get(f"/trades/{trade.pk}/history/{query}").json()


def test_an_entry_says_who_did_what_when_and_what_it_was_before(api, alice, trade):
    entry = noted(
        trade,
        "stop.moved",
        {"stop_loss": "1182.50", "moved_at": "2026-03-05T15:30:00+01:00"},
        {"stop_loss": "1184.00", "moved_at": "2026-03-06T09:30:00-05:00", "note": "Below the low."},
        alice,
    )
    assert history(api, trade) == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(entry.pk),
                "at": entry.at.isoformat().replace("+00:00", "Z"),
                "who": "alice",
                "action": "stop.moved",
                "what": "Stop moved",
                "changes": [
                    {"field": "stop_loss", "name": "Stop", "before": "1182.5", "after": "1184"},
                    {
                        "field": "moved_at",
                        "name": "In force since",
                        "before": "2026-03-05T14:30:00Z",
                        "after": "2026-03-06T14:30:00Z",
                    },
                    {"field": "note", "name": "Note", "before": None, "after": "Below the low."},
                ],
            }
        ],
    }


def test_what_is_done_over_the_api_stands_in_it(api, alice, trade):
    assert api.patch(f"/trades/{trade.pk}/", {"notes": "Wait for volume."}).status_code == 200
    (line,) = history(api, trade)["results"]
    assert (line["who"], line["action"]) == ("alice", "journal.edited")
    assert line["changes"] == [
        {"field": "notes_after", "name": "Notes after", "before": None, "after": "Wait for volume."}
    ]


def test_the_page_tells_the_same_lines(api, alice, trade):
    setup = make_setup(alice, "Breakout")
    noted(trade, "plan.edited", {"setup_id": None}, {"setup_id": str(setup.pk), "thesis": "Why " * 100}, alice)
    noted(trade, "fill.booked", None, {"quantity": "10", "price": "99.5"})
    noted(trade, "trade.tagged", {"tags": []}, {"tags": ["calm", "late"]})
    lines = trade_history(trade)
    told = history(api, trade)["results"]
    assert [(row["who"], row["what"]) for row in told] == [(line.who, line.what) for line in lines]
    assert [
        [(change["name"], change["before"] or "", change["after"]) for change in row["changes"]] for row in told
    ] == [line.changes for line in lines]
    assert [row["who"] for row in told] == ["somebody who left", "the broker", "alice"]
    assert told[0]["changes"] == [{"field": "tags", "name": "Tags", "before": None, "after": "calm; late"}]


def test_entries_that_are_added_meanwhile_shift_nothing(api, trade):
    entries = [noted(trade, after={"rating": number}) for number in range(1, 6)]
    first = history(api, trade, "?page_size=2")
    noted(trade, after={"rating": 3})
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    ids = [row["id"] for page in (first, second, third) for row in page["results"]]
    assert (ids, third["next"]) == ([str(entry.pk) for entry in reversed(entries)], None)
    assert api.get(third["previous"]).json()["results"] == second["results"]
    oldest = history(api, trade, "?ordering=at&page_size=1")["results"]
    assert oldest[0]["id"] == str(entries[0].pk)


def test_entries_of_one_instant_are_each_told_once(api, trade):
    entries = [noted(trade, after={"rating": number}) for number in range(1, 5)]
    AuditEntry.objects.update(at=datetime(2026, 3, 5, 14, 30, tzinfo=UTC))
    found, address = [], f"/trades/{trade.pk}/history/?page_size=1"
    while address:
        page = api.get(address).json()
        found += [row["id"] for row in page["results"]]
        address = page["next"]
    assert sorted(found) == sorted(str(entry.pk) for entry in entries)


def test_a_trade_nobody_changed_has_an_empty_history(api, trade):
    assert history(api, trade) == {"next": None, "previous": None, "results": []}


def test_anothers_trade_has_no_history(stranger, api, trade):
    noted(trade)
    for answer in (stranger.get(f"/trades/{trade.pk}/history/"), api.get(f"/trades/{uuid.uuid4()}/history/")):
        assert error(answer) == (404, "not_found", None)


@pytest.mark.parametrize(
    ("query", "code", "attr"),
    [("?action=x", "unknown_field", "action"), ("?ordering=who", "bad_ordering", "ordering"),
     ("?cursor=x", "bad_cursor", "cursor"), ("?page_size=0", "bad_page_size", "page_size")],
)  # fmt: skip
def test_a_wrong_question_is_said_at_its_parameter(api, trade, query, code, attr):
    assert error(api.get(f"/trades/{trade.pk}/history/{query}")) == (400, code, attr)


def test_a_history_asks_as_often_however_long_it_is(api, alice, trade, django_assert_num_queries):
    setup = make_setup(alice, "Breakout")
    noted(trade, after={"setup_id": str(setup.pk)}, actor=alice)
    api.get("/trades/")
    # The token, the trade, its entries, and the names of setups.
    with django_assert_num_queries(4):
        history(api, trade)
    for number in range(20):
        noted(trade, before={"rating": number}, after={"setup_id": str(setup.pk)}, actor=alice)
    with django_assert_num_queries(4):
        assert len(history(api, trade)["results"]) == 21


def test_a_token_to_read_reads_it(reader, trade):
    assert reader.get(f"/trades/{trade.pk}/history/").status_code == 200
