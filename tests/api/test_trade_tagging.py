"""Many trades tagged at once, over the API."""

from uuid import uuid4

import pytest

from tests.api.kit import error
from tests.api.trades_kit import a_record, an_execution
from tests.factories import make_account, make_closed_trade, make_plan, make_tag
from trades.models import AuditEntry, Tag, Trade

pytestmark = pytest.mark.django_db

PATH = "/trades/tag/"


@pytest.fixture
def account(alice):
    return make_account(alice)


@pytest.fixture
def plans(account):
    return [make_plan(account, symbol) for symbol in ("AAPL", "MSFT", "KO")]


def tagged():
    """The symbols of trades with the names they carry."""
    return {
        trade.symbol: sorted(tag.name for tag in trade.tags.all()) for trade in Trade.objects.prefetch_related("tags")
    }


def test_words_are_put_on_chosen_trades_and_taken_off(api, alice, plans):
    first, second, _third = plans
    first.tags.add(make_tag(alice, "gap"))
    body = {"trades": [str(first.pk), str(second.pk)], "add": ["breakout", "Breakout"], "remove": ["GAP", "unknown"]}
    answer = api.post(PATH, body)
    assert (answer.status_code, answer.json()) == (200, {"changed": 2})
    assert tagged() == {"AAPL": ["breakout"], "MSFT": ["breakout"], "KO": []}
    assert api.post(PATH, body).json() == {"changed": 0}
    assert AuditEntry.objects.filter(action="trade.tagged").count() == 2


def test_words_of_a_kind_are_its_own(api, alice, plans):
    make_tag(alice, "Chased")
    api.post(PATH, {"trades": [str(plans[0].pk)], "kind": "mistake", "add": ["Chased"]})
    assert sorted(Tag.objects.values_list("kind", "name")) == [("mistake", "Chased"), ("tag", "Chased")]
    assert [tag.kind for tag in plans[0].tags.all()] == ["mistake"]


def test_all_that_a_filter_finds_is_tagged(api, account, plans):
    make_closed_trade(account, "SPY")
    assert api.post(PATH, {"query": "symbol=KO%2C+SPY&status=planned", "add": ["wait"]}).json() == {"changed": 1}
    assert tagged() == {"AAPL": [], "MSFT": [], "KO": ["wait"], "SPY": []}
    assert api.post(PATH, {"query": "", "add": ["wait"]}).json() == {"changed": 3}


def test_the_days_of_a_filter_are_the_traders(api, alice, account):
    alice.timezone = "Asia/Tokyo"
    alice.save(update_fields=["timezone"])
    late = an_execution(executed_at="2026-03-02T15:30:00Z")
    assert api.post("/trades/", a_record(account, late)).status_code == 201
    assert api.post(PATH, {"query": "from=2026-03-02&to=2026-03-02", "add": ["day"]}).json() == {"changed": 0}
    assert api.post(PATH, {"query": "from=2026-03-03&to=2026-03-03", "add": ["day"]}).json() == {"changed": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"add": ["gap"]}, (400, "one_of_two", "trades")),
        ({"query": "", "trades": [str(uuid4())], "add": ["gap"]}, (400, "one_of_two", "trades")),
        ({"query": ""}, (400, "nothing_named", "add")),
        ({"query": "", "add": [","]}, (400, "nothing_named", "add")),
        ({"query": "", "add": ["gap"], "remove": ["Gap"]}, (400, "both_ways", "remove")),
        ({"query": "status=won", "add": ["gap"]}, (400, "unusable", "query")),
        ({"query": "sort=r", "add": ["gap"]}, (400, "unusable", "query")),
        ({"query": "", "add": ["x" * 51]}, (400, "max_length", "add.0")),
        ({"query": "", "add": ["gap"], "kind": "word"}, (400, "invalid_choice", "kind")),
        ({"trades": [], "add": ["gap"]}, (400, "min_length", "trades")),
        ({"trades": ["x"], "add": ["gap"]}, (400, "invalid", "trades.0")),
        ({"query": "", "add": ["gap"], "names": []}, (400, "unknown_field", "names")),
        ({"trades": [str(uuid4())], "add": ["gap"]}, (404, "not_found", None)),
    ],
)
def test_a_wrong_body_is_said_and_tags_nothing(api, plans, body, said):
    assert error(api.post(PATH, body)) == said
    assert tagged() == {"AAPL": [], "MSFT": [], "KO": []}
    assert not Tag.objects.exists()


def test_anothers_trade_does_not_exist_and_none_is_tagged(stranger, charlie, plans):
    own = make_plan(make_account(charlie), "SPY")
    body = {"trades": [str(own.pk), str(plans[0].pk)], "add": ["gap"]}
    assert error(stranger.post(PATH, body)) == (404, "not_found", None)
    assert stranger.post(PATH, {"query": "", "add": ["gap"]}).json() == {"changed": 1}
    assert tagged() == {"AAPL": [], "MSFT": [], "KO": [], "SPY": ["gap"]}


def test_anothers_words_and_accounts_are_no_filter(stranger, alice, charlie, account):
    make_plan(make_account(charlie), "SPY")
    for name, key in (("tag", make_tag(alice, "gap").pk), ("account", account.pk)):
        anothers = stranger.post(PATH, {"query": f"{name}={key}", "add": ["x"]})
        missing = stranger.post(PATH, {"query": f"{name}={uuid4()}", "add": ["x"]})
        assert error(anothers) == (400, "unusable", "query")
        assert anothers.json() == missing.json()
    assert tagged() == {"SPY": []}


def test_many_trades_are_tagged_in_as_many_queries_as_one(api, account, plans, django_assert_max_num_queries):
    with django_assert_max_num_queries(60) as one:
        api.post(PATH, {"trades": [str(plans[0].pk)], "add": ["gap"]})
    more = [make_plan(account, f"S{n}") for n in range(6)]
    with django_assert_max_num_queries(len(one)):
        answer = api.post(PATH, {"trades": [str(trade.pk) for trade in more], "add": ["gap"]})
    assert answer.json() == {"changed": 6}
