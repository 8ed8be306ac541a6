"""Trades over the API: planned, recorded, read, listed, deleted."""

import uuid
from datetime import timedelta

import pytest

from tests.api.kit import error
from tests.api.trades_kit import a_plan, a_record, a_sale, an_execution, codes
from tests.factories import ENTRY_AT, make_account, make_closed_trade, make_fill, make_setup, make_tag
from tests.factories import make_plan as plan_row
from trades.models import Fill, Trade

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return make_account(alice)


def test_a_plan_is_answered_as_the_contract_says(api, alice, account):
    setup, tag = make_setup(alice, criteria=("Base", "Volume")), make_tag(alice, "gap")
    body = a_plan(account, symbol="aapl", setup=str(setup.pk), tags=[str(tag.pk)], notes="Look again", rating=4)
    made = api.post("/trades/", {**body, "thesis": "A base", "criteria": [str(setup.criteria.first().pk)]})
    assert made.status_code == 201, made.json()
    trade = made.json()
    row = Trade.objects.get()
    assert trade == {
        "id": str(row.pk),
        "account": str(account.pk),
        "symbol": "AAPL",
        "asset_class": "stock",
        "multiplier": "1",
        "direction": "long",
        "status": "planned",
        "quantity": "200",
        "planned_quantity": "200",
        "open_quantity": "0",
        "entry_price": "100.00",
        "stop_loss": "95.00",
        "target_price": "115.00",
        "targets": [{"price": "115.00", "portion_percent": "100"}],
        "risk_percent": "1",
        "initial_risk": "1000.00",
        "actual_entry": None,
        "actual_exit": None,
        "entry_date": None,
        "exit_date": None,
        "gross_pnl": None,
        "net_pnl": None,
        "r_multiple": None,
        "planned_r": "3",
        "mae": None,
        "mfe": None,
        "holding_seconds": None,
        "setup": str(setup.pk),
        "checklist": [
            {"criterion": str(setup.criteria.get(text="Base").pk), "text": "Base", "is_met": True},
            {"criterion": str(setup.criteria.get(text="Volume").pk), "text": "Volume", "is_met": False},
        ],
        "tags": [str(tag.pk)],
        "notes": "Look again",
        "thesis": "A base",
        "notes_during": "",
        "rating": 4,
        "is_override": False,
        "broker": None,
        "broker_order_id": None,
        "broker_sync_status": None,
        "broker_fill_price": None,
        "broker_commission": None,
        "last_sync": None,
        "executions": [],
        "created_at": trade["created_at"],
        "updated_at": trade["updated_at"],
    }
    read = api.get(f"/trades/{row.pk}/")
    assert (read.json(), read["ETag"]) == (trade, made["ETag"])


def test_a_trade_that_happened_is_recorded_whole(api, account):
    made = api.post("/trades/", a_record(account))
    assert made.status_code == 201, made.json()
    trade = made.json()
    told = {name: trade[name] for name in ("status", "quantity", "actual_entry", "actual_exit", "net_pnl")}
    assert told == {
        "status": "closed",
        "quantity": "200",
        "actual_entry": "100.00",
        "actual_exit": "110.00",
        "net_pnl": "2000.00",
    }
    assert (trade["r_multiple"], trade["initial_risk"], trade["holding_seconds"]) == ("2", "1000.00", 86_400)
    assert (trade["entry_date"], trade["exit_date"]) == ("2026-03-02T15:00:00Z", "2026-03-03T15:00:00Z")
    bought, sold = trade["executions"]
    assert bought == {
        "id": bought["id"],
        "side": "buy",
        "quantity": "200",
        "price": "100.00",
        "commission": "0.00",
        "fees": "0.00",
        "executed_at": "2026-03-02T15:00:00Z",
        "broker_execution_id": None,
        "kind": "trade",
        "has_estimated_costs": False,
    }
    assert sold["side"] == "sell"


def test_what_is_left_open_is_an_open_trade(api, account):
    trade = api.post("/trades/", a_record(account, an_execution(), a_sale(quantity="50"))).json()
    assert (trade["status"], trade["open_quantity"], trade["quantity"]) == ("active", "150", "200")


@pytest.mark.parametrize(
    ("executions", "said"),
    [
        ([], (400, "wrong_number", "executions")),
        ([{"side": "buy"}], (400, "required", "executions.0.quantity")),
        ([an_execution(), a_sale(price="-1")], (400, "not_positive", "executions.1.price")),
        ([an_execution(quantity="0")], (400, "not_positive", "executions.0.quantity")),
        ([an_execution(executed_at="2199-01-01T00:00:00Z")], (400, "in_future", "executions.0.executed_at")),
        ([an_execution(), a_sale(quantity="300")], (400, "exit_exceeds_position", "executions")),
        ([a_sale(executed_at="2026-03-01T15:00:00Z"), an_execution()], (400, "exit_before_entry", "executions")),
        (
            [an_execution(), a_sale(), an_execution(executed_at="2026-03-04T15:00:00Z")],
            (400, "flat_between", "executions"),
        ),
    ],
)
def test_executions_that_cannot_be_leave_nothing(api, account, executions, said):
    answer = api.post("/trades/", {**a_record(account), "executions": executions})
    assert error(answer) == said
    assert not Trade.objects.exists()
    assert not Fill.objects.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stop_loss": "101"}, (400, "stop_wrong_side", "stop_loss")),
        ({"target_price": "99"}, (400, "target_wrong_side", "target_price")),
        ({"target_price": ..., "targets": [{"price": "99"}]}, (400, "target_wrong_side", "targets.0.price")),
        ({"targets": [{"price": "99"}]}, (400, "one_of_two", "targets")),
        ({"target_price": ..., "targets": [{"price": "120"}] * 6}, (400, "too_many_targets", "targets")),
        (
            {"target_price": ..., "targets": [{"price": "120", "portion_percent": "50"}]},
            (400, "portions", "targets"),
        ),
        ({"entry_price": ...}, (400, "required", "entry_price")),
        ({"stop_loss": ...}, (400, "required", "stop_loss")),
        ({"quantity": "0"}, (400, "not_positive", "quantity")),
        ({"quantity": "1.5"}, (400, "too_many_decimals", "quantity")),
        ({"multiplier": "50"}, (400, "no_multiplier", "multiplier")),
        ({"symbol": ""}, (400, "blank", "symbol")),
        ({"symbol": "A B"}, (400, "bad_symbol", "symbol")),
        ({"asset_class": "bond"}, (400, "invalid_choice", "asset_class")),
        ({"direction": "up"}, (400, "invalid_choice", "direction")),
        ({"rating": 6}, (400, "max_value", "rating")),
        ({"net_pnl": "5"}, (400, "unknown_field", "net_pnl")),
        ({"status": "closed"}, (400, "unknown_field", "status")),
        ({"notes": "\ud800"}, (400, "parse_error", None)),
        ({"account": "main"}, (400, "invalid", "account")),
        ({"account": str(uuid.uuid4())}, (404, "not_found", None)),
        ({"setup": str(uuid.uuid4())}, (404, "not_found", None)),
        ({"tags": [str(uuid.uuid4())]}, (404, "not_found", None)),
        ({"criteria": [str(uuid.uuid4())]}, (400, "unknown_criterion", "criteria")),
        ({"executions": [an_execution()]}, (400, "unknown_field", "entry_price")),
    ],
)
def test_a_wrong_plan_is_said_at_its_field_and_leaves_nothing(api, account, changes, said):
    assert error(api.post("/trades/", a_plan(account, **changes))) == said
    assert not Trade.objects.exists()


def test_every_limit_a_plan_breaks_is_named_and_nothing_is_kept(api, alice):
    account = make_account(alice, policy={"max_open_risk_percent": "0.5"})
    answer = api.post("/trades/", a_plan(account, quantity="400"))
    assert answer.status_code == 422
    assert codes(answer) == ["risk_per_trade", "max_position", "open_risk"]
    assert not Trade.objects.exists()


def test_a_limit_is_overridden_with_a_reason(api, account):
    body = a_plan(account, quantity="250")
    assert error(api.post("/trades/", {**body, "override_reason": " "})) == (400, "blank", "override_reason")
    trade = api.post("/trades/", {**body, "override_reason": "Earnings are out"}).json()
    assert (trade["is_override"], trade["quantity"]) == (True, "250")


def test_a_plan_sent_twice_is_one_plan(api, account):
    headers = {"Idempotency-Key": "plan-1"}
    first = api.post("/trades/", a_plan(account), headers=headers)
    again = api.post("/trades/", a_plan(account), headers=headers)
    assert (first.status_code, first.content, first["ETag"]) == (201, again.content, again["ETag"])
    assert again["Idempotency-Replayed"] == "true"
    assert Trade.objects.count() == 1
    other = api.post("/trades/", a_plan(account, symbol="MSFT"), headers=headers)
    assert error(other) == (422, "idempotency_key_reused", None)


def test_a_reader_who_has_it_is_sent_nothing_until_its_tags_change(api, alice, account):
    trade = plan_row(account)
    etag = api.get(f"/trades/{trade.pk}/")["ETag"]
    assert api.get(f"/trades/{trade.pk}/", headers={"If-None-Match": etag}).status_code == 304
    trade.tags.add(make_tag(alice, "gap"))
    assert api.get(f"/trades/{trade.pk}/", headers={"If-None-Match": etag}).status_code == 200


def test_anothers_trade_does_not_exist(stranger, charlie, account, alice):
    trade = make_closed_trade(account)
    fill = trade.fills.first()
    for answer in (
        stranger.get(f"/trades/{trade.pk}/"),
        stranger.patch(f"/trades/{trade.pk}/", {"notes": "mine"}),
        stranger.delete(f"/trades/{trade.pk}/"),
        stranger.post(f"/trades/{trade.pk}/submit/"),
        stranger.post(f"/trades/{trade.pk}/close/", {"price": "1"}),
        stranger.post(f"/trades/{trade.pk}/executions/", an_execution()),
        stranger.patch(f"/trades/{trade.pk}/executions/{fill.pk}/", {"price": "1"}),
        stranger.delete(f"/trades/{trade.pk}/executions/{fill.pk}/"),
        stranger.post("/trades/", a_plan(account)),
        stranger.post("/trades/", a_plan(make_account(charlie, "Own"), setup=str(make_setup(alice).pk))),
        stranger.post("/trades/", a_plan(make_account(charlie, "Own 2"), tags=[str(make_tag(alice, "gap").pk)])),
    ):
        assert error(answer) == (404, "not_found", None)
    assert stranger.get("/trades/").json()["results"] == []
    assert Trade.objects.get().notes_after == ""


def test_a_token_to_read_changes_nothing(reader, account):
    trade = make_closed_trade(account)
    fill = trade.fills.first()
    assert reader.get("/trades/").status_code == 200
    for answer in (
        reader.post("/trades/", a_plan(account)),
        reader.patch(f"/trades/{trade.pk}/", {"notes": "mine"}),
        reader.delete(f"/trades/{trade.pk}/"),
        reader.post(f"/trades/{trade.pk}/submit/"),
        reader.post(f"/trades/{trade.pk}/close/"),
        reader.post(f"/trades/{trade.pk}/executions/", an_execution()),
        reader.patch(f"/trades/{trade.pk}/executions/{fill.pk}/", {"price": "1"}),
        reader.delete(f"/trades/{trade.pk}/executions/{fill.pk}/"),
    ):
        assert error(answer) == (403, "missing_scope", None)
    assert Trade.objects.count() == 1


def test_a_list_is_narrowed_by_every_filter(api, alice, account):
    setup, tag, other = make_setup(alice), make_tag(alice, "gap"), make_account(alice, "Other")
    won = make_closed_trade(account, "AAPL", setup=setup, notes_after="a morning gap")
    won.tags.add(tag)
    short = make_closed_trade(other, "MSFT", direction="short", entry_date=ENTRY_AT + timedelta(days=2))
    coin = plan_row(account, "BTC/USD", asset_class="crypto", occurred_at=ENTRY_AT + timedelta(days=9))
    day, after = ENTRY_AT.date().isoformat(), (ENTRY_AT + timedelta(days=1)).date().isoformat()
    for query, expected in (
        ("", [coin, short, won]),
        (f"account={other.pk}", [short]),
        ("symbol=aapl", [won]),
        ("status=planned", [coin]),
        ("direction=short", [short]),
        ("asset_class=crypto", [coin]),
        (f"setup={setup.pk}", [won]),
        (f"tag={tag.pk}", [won]),
        (f"entry_date_from={after}", [short]),
        (f"entry_date_to={day}", [won]),
        (f"entry_date_from={day}&entry_date_to={day}", [won]),
        ("entry_date_to=2025-03-04T15:00:00Z", [won]),
        ("entry_date_to=2025-03-04T14:59:59Z", []),
        (f"exit_date_from={after}", [short]),
        (f"exit_date_to={day}", [won]),
        ("search=morning", [won]),
        (f"account={uuid.uuid4()}", []),
        ("status=closed&symbol=MSFT", [short]),
    ):
        answer = api.get(f"/trades/?{query}")
        assert [each["id"] for each in answer.json()["results"]] == [str(row.pk) for row in expected], query


def test_a_list_is_sorted_and_what_lacks_the_figure_comes_last(api, account):
    small, large = make_closed_trade(account, "MSFT", "100"), make_closed_trade(account, "AAPL", "500")
    plan = plan_row(account, "TSLA")
    for ordering, expected in (
        ("net_pnl", [small, large, plan]),
        ("-net_pnl", [large, small, plan]),
        ("-r_multiple", [large, small, plan]),
        ("symbol", [large, small, plan]),
    ):
        found = []
        page = api.get(f"/trades/?ordering={ordering}&page_size=1").json()
        while True:
            found += [each["id"] for each in page["results"]]
            if page["next"] is None:
                break
            page = api.get(page["next"]).json()
        assert found == [str(row.pk) for row in expected], ordering


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("colour=red", "colour"),
        ("status=open", "status"),
        ("account=main", "account"),
        ("entry_date_from=yesterday", "entry_date_from"),
        ("entry_date_from=2026-02-30", "entry_date_from"),
        ("ordering=thesis", "ordering"),
        ("page_size=201", "page_size"),
    ],
)
def test_a_wrong_query_is_said_at_its_parameter(api, query, attr):
    answer = api.get(f"/trades/?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_two_hundred_trades_are_read_in_as_many_queries_as_two(api, alice, account, django_assert_num_queries):
    tag = make_tag(alice, "gap")
    for number in range(2):
        make_closed_trade(account, f"A{number}").tags.add(tag)
    api.get("/trades/")
    # The token and its user, when it was used, the trades, their executions, tags, targets and checklists.
    with django_assert_num_queries(6) as first:
        api.get("/trades/?page_size=200")
    trades = [plan_row(account, f"B{number}", status="planned") for number in range(198)]
    Fill.objects.bulk_create(
        [_fill(trade, side) for trade in trades for side in ("buy", "sell")],
    )
    Trade.tags.through.objects.bulk_create([Trade.tags.through(trade=trade, tag=tag) for trade in trades])
    with django_assert_num_queries(len(first.captured_queries)):
        answer = api.get("/trades/?page_size=200")
    assert len(answer.json()["results"]) == 200
    assert len(answer.json()["results"][0]["executions"]) == 2


def _fill(trade, side):
    return Fill(
        account=trade.account,
        trade=trade,
        side=side,
        quantity=1,
        price=1,
        executed_at=ENTRY_AT,
        session=ENTRY_AT.date(),
    )


def test_one_trade_is_read_in_a_fixed_number_of_queries(api, account, django_assert_num_queries):
    trade = make_closed_trade(account)
    api.get("/trades/")
    with django_assert_num_queries(6) as first:
        api.get(f"/trades/{trade.pk}/")
    for _ in range(5):
        make_fill(trade, "buy", "1", "1")
    with django_assert_num_queries(len(first.captured_queries)):
        api.get(f"/trades/{trade.pk}/")


def test_a_trade_is_deleted_with_what_it_holds(api, account):
    trade = api.post("/trades/", a_record(account)).json()
    assert api.delete(f"/trades/{trade['id']}/").status_code == 204
    assert not Trade.objects.exists()
    assert not Fill.objects.exists()


def test_a_trade_the_broker_told_is_not_deleted(api, account):
    trade = make_closed_trade(account, broker="alpaca")
    make_fill(trade, "buy", "1", "1", execution_id="e-1")
    assert error(api.delete(f"/trades/{trade.pk}/")) == (409, "broker_fills", None)
    assert Trade.objects.filter(pk=trade.pk).exists()


def test_who_read_an_older_version_deletes_nothing(api, account):
    trade = plan_row(account)
    etag = api.get(f"/trades/{trade.pk}/")["ETag"]
    api.patch(f"/trades/{trade.pk}/", {"notes": "first"})
    assert error(api.delete(f"/trades/{trade.pk}/", headers={"If-Match": etag})) == (412, "stale", None)
    assert Trade.objects.filter(pk=trade.pk).exists()
