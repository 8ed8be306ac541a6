"""The pages of a plan and of its trade, as a trader uses them: refused input stays typed and changes nothing."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests.factories import make_setup
from tests.trades.desk_kit import at, d, make_account, make_fill, make_plan
from tests.trades.page_kit import HTMX, page_of, plan_data
from trades.models import Fill, LimitOverride, Trade

pytestmark = pytest.mark.django_db


def test_every_page_answers_its_owner_and_nobody_else(
    alice: User, alice_client: Client, charlie_client: Client
) -> None:
    account = make_account(alice)
    trade, held = make_plan(account), make_plan(account, symbol="MSFT")
    fill = make_fill(held, "buy", 10, 100, at(3))
    dropped = make_plan(account, symbol="KO")
    Trade.objects.filter(pk=dropped.pk).update(status="cancelled")
    for page in ("plan-create", "quick-entry"):
        assert alice_client.get(reverse(f"trades:{page}")).status_code == 200
    owned = [
        *((name, trade) for name in ("trade-detail", "trade-history", "plan-edit", "trade-cancel", "trade-delete")),
        *((name, held) for name in ("trade-detail", "plan-edit", "fill-create", "stop-move")),
        *((name, fill) for name in ("fill-edit", "fill-delete")),
        *((name, dropped) for name in ("trade-detail", "trade-reopen", "plan-edit")),
    ]
    for name, thing in owned:
        page = reverse(f"trades:{name}", args=[thing.pk])
        assert alice_client.get(page).status_code == 200, name
        assert charlie_client.get(page).status_code == 404, name
    posts = [
        *((name, trade) for name in ("trade-cancel", "trade-delete", "trade-pending", "trade-planned", "plan-edit")),
        *((name, held) for name in ("fill-create", "fill-costs", "stop-move")),
        *((name, fill) for name in ("fill-edit", "fill-delete")),
    ]
    for name, thing in posts:
        page = reverse(f"trades:{name}", args=[thing.pk])
        assert charlie_client.post(page, {"version": 1}).status_code == 404, name
    assert (Trade.objects.count(), Fill.objects.count()) == (3, 1)


def test_a_stranger_is_sent_to_the_sign_in_page_and_back(alice: User) -> None:
    trade = make_plan(make_account(alice))
    page = reverse("trades:plan-edit", args=[trade.pk])
    answer = Client().post(page, {"thesis": "Typed for an hour"})
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith(f"?next={page}")


def test_without_an_account_the_page_says_what_to_do(alice_client: Client) -> None:
    for page in ("plan-create", "quick-entry"):
        assert "Start with an account" in page_of(alice_client.get(reverse(f"trades:{page}")))


def test_a_plan_is_sized_and_kept(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    setup = make_setup(alice, criteria=("Trend up", "Volume"))
    first, second = (str(criterion.pk) for criterion in setup.criteria.all())
    data = plan_data(account, setup=str(setup.pk), criteria=[first, second], criterion=[second], target_2="120")
    answer = alice_client.post(reverse("trades:plan-create"), data)
    trade = Trade.objects.get()
    assert answer.headers["Location"] == reverse("trades:trade-detail", args=[trade.pk])
    assert (trade.symbol, trade.planned_quantity, trade.initial_risk) == ("AAPL", d(200), d("1000.00"))
    assert list(trade.checklist.values_list("text", "is_met")) == [("Trend up", False), ("Volume", True)]
    assert list(trade.targets.values_list("price", "portion_percent")) == [(d(115), d(50)), (d(120), d(50))]


def test_the_size_follows_the_fields_and_stores_nothing(alice: User, alice_client: Client) -> None:
    data = plan_data(make_account(alice))
    answer = page_of(alice_client.post(reverse("trades:plan-size"), data, headers=HTMX))
    assert "<html" not in answer
    assert ">200<" in answer
    assert "Bound by the risk per trade." in answer
    assert not Trade.objects.exists()


def test_the_size_of_a_half_filled_form_asks_for_no_more_than_was_typed(alice: User, alice_client: Client) -> None:
    data = plan_data(make_account(alice), stop="", entry="1e5")
    answer = page_of(alice_client.post(reverse("trades:plan-size"), data, headers=HTMX))
    assert "without an exponent" in answer
    assert "Stop" not in answer


def test_without_javascript_the_whole_form_comes_back_with_the_size(alice: User, alice_client: Client) -> None:
    data = plan_data(make_account(alice), thesis="Breakout over the range")
    answer = page_of(alice_client.post(reverse("trades:plan-size"), data))
    assert "<html" in answer
    assert "Bound by the risk per trade." in answer
    assert "Breakout over the range" in answer
    assert data["creation_key"] in answer
    assert not Trade.objects.exists()


def test_the_checklist_of_a_setup_is_shown_to_its_owner(
    alice: User, alice_client: Client, charlie_client: Client
) -> None:
    setup = make_setup(alice, criteria=("Trend up",))
    page = reverse("trades:plan-checklist") + f"?setup={setup.pk}"
    assert "Trend up" in page_of(alice_client.get(page))
    assert "Trend up" not in page_of(charlie_client.get(page))
    assert alice_client.get(reverse("trades:plan-checklist") + "?setup=nonsense").status_code == 200


def test_a_plan_that_breaks_limits_is_refused_with_every_reason(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    data = plan_data(account, quantity="400", thesis="Kept text")
    answer = page_of(alice_client.post(reverse("trades:plan-create"), data))
    assert "Nothing was saved: the plan breaks 2 limits" in answer
    assert "It risks 2.00 % of equity; one trade may risk 1 %." in answer
    assert "The position would be 40.00 % of equity; 30 % is the most." in answer
    assert "Kept text" in answer
    assert not Trade.objects.exists()
    answer = alice_client.post(reverse("trades:plan-create"), data | {"override": "on", "reason": "Once a year"})
    assert answer.status_code == 302
    assert LimitOverride.objects.count() == 2
    assert "Once a year" in page_of(alice_client.get(answer.headers["Location"]))


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"stop": "105"}, "stop", "The stop of a long trade belongs below the entry."),
        ({"direction": "short"}, "stop", "The stop of a short trade belongs above the entry."),
        ({"entry": "-1"}, "entry", "must be greater than zero"),
        ({"entry": "0"}, "entry", "must be greater than zero"),
        ({"entry": "1e2"}, "entry", "without an exponent"),
        ({"entry": "NaN"}, "entry", "ordinary number"),
        ({"entry": "Infinity"}, "entry", "ordinary number"),
        ({"entry": "1" * 30}, "entry", "too large"),
        ({"entry": "100.1234567"}, "entry", "too many decimals"),
        ({"entry": "1,5"}, "entry", "read two ways"),
        ({"entry": "hundred"}, "entry", "must be a number"),
        ({"entry": ""}, "entry", "Enter the entry."),
        ({"target_1": "90"}, "target_1", "belongs above the entry"),
        ({"portion_1": "50"}, "portion_1", "together they must be 100 %"),
        ({"portion_2": "50"}, "target_2", "Enter the target"),
        ({"portion_1": "-5"}, "portion_1", "greater than zero"),
        ({"symbol": "AA PL!"}, "symbol", "letters, digits"),
        ({"symbol": ""}, "symbol", "Enter a symbol"),
        ({"quantity": "1.5"}, "quantity", "too many decimals"),
        ({"quantity": "-3"}, "quantity", "must be greater than zero"),
        ({"multiplier": "5"}, "multiplier", "Only options and futures"),
        ({"multiplier": "0"}, "multiplier", "greater than zero"),
        ({"risk_percent": "101"}, "risk_percent", "more than 100 percent"),
        ({"account": str(uuid4())}, "account", "Choose one of your accounts."),
        ({"setup": str(uuid4())}, "setup", "Choose one of your setups."),
        ({"asset_class": "bond"}, "asset_class", "valid choice"),
        ({"quantity": "400", "override": "on"}, "reason", "Write why you break the limit"),
    ],
)
def test_bad_input_gets_a_sentence_at_its_field_and_changes_nothing(
    alice: User, alice_client: Client, changes: dict[str, str], field: str, sentence: str
) -> None:
    data = plan_data(make_account(alice)) | changes
    answer = alice_client.post(reverse("trades:plan-create"), data)
    assert answer.status_code == 200
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    kept = {name: form[name].value() for name in data if name in form.fields and name != "override"}
    assert kept == {name: data[name] for name in kept}
    assert not Trade.objects.exists()


def test_another_users_account_is_not_a_choice(alice: User, charlie: User, charlie_client: Client) -> None:
    make_account(charlie)
    answer = charlie_client.post(reverse("trades:plan-create"), plan_data(make_account(alice)))
    assert answer.context["form"].errors["account"] == ["Choose one of your accounts."]
    assert not Trade.objects.exists()


def test_the_second_of_two_tabs_is_told_what_changed_and_keeps_its_text(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    page = reverse("trades:plan-edit", args=[trade.pk])
    opened = alice_client.get(page).context["form"].initial
    data = plan_data(account, version="1", opened_at=opened["opened_at"])
    assert alice_client.post(page, data | {"stop": "96"}).status_code == 302
    answer = alice_client.post(page, data | {"thesis": "My own text"})
    text = page_of(answer)
    assert "This trade was changed elsewhere" in text
    assert "Changed meanwhile" in text
    assert "My own text" in text
    assert answer.context["form"]["version"].value() == "2"
    trade.refresh_from_db()
    assert (trade.stop_loss, trade.thesis) == (d(96), "")
    assert alice_client.post(page, data | {"thesis": "My own text", "version": "2"}).status_code == 302


def test_a_plan_that_is_frozen_still_takes_a_setup(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 10, 100, at(3))
    setup = make_setup(alice, criteria=("Trend up",))
    criterion = str(setup.criteria.get().pk)
    data = {"version": "2", "setup": str(setup.pk), "criteria": criterion, "criterion": criterion, "thesis": "Why"}
    assert alice_client.post(reverse("trades:plan-edit", args=[trade.pk]), data).status_code == 302
    trade.refresh_from_db()
    assert (trade.setup, trade.thesis, trade.checklist.get().is_met) == (setup, "Why", True)


def test_a_plan_waits_for_its_order_and_is_cancelled(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice))
    for name, version, status in (
        ("trade-pending", 1, "pending"),
        ("trade-planned", 2, "planned"),
        ("trade-cancel", 3, "cancelled"),
        ("trade-reopen", 4, "planned"),
    ):
        alice_client.post(reverse(f"trades:{name}", args=[trade.pk]), {"version": version})
        trade.refresh_from_db()
        assert trade.status == status


def test_a_step_from_an_old_page_is_refused(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice))
    for version in ("7", "x", "", "9" * 40):
        answer = alice_client.post(reverse("trades:trade-cancel", args=[trade.pk]), {"version": version}, follow=True)
        assert "changed elsewhere" in page_of(answer)
    trade.refresh_from_db()
    assert trade.status == "planned"


def test_deleting_asks_first(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice))
    page = reverse("trades:trade-delete", args=[trade.pk])
    assert "Delete the trade in AAPL?" in page_of(alice_client.get(page))
    assert Trade.objects.exists()
    assert alice_client.post(page, {"version": 1}).headers["Location"] == reverse("trades:trade-list")
    assert not Trade.objects.exists()


def test_the_trade_page_shows_its_life_in_a_constant_number_of_queries(alice: User, alice_client: Client) -> None:
    account = make_account(alice, broker="interactive_brokers")
    trade = make_plan(account, thesis="Range breakout")
    make_fill(trade, "buy", 100, 100, at(2))
    page = reverse("trades:trade-detail", args=[trade.pk])
    alice_client.get(page)
    with CaptureQueriesContext(connection) as few:
        alice_client.get(page)
    for number in range(8):
        make_fill(trade, "sell", 5, 101 + number, at(3, 15, number))
    with CaptureQueriesContext(connection) as many:
        text = page_of(alice_client.get(page))
    assert len(many) == len(few) <= 25
    for said in ("estimated", "Plan and outcome", "R so far", "Open risk", "Fill added", "alice"):
        assert said in text


def test_the_history_tells_who_changed_what(alice: User, alice_client: Client) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    data = plan_data(account, version="1", stop="96", thesis="Now with a reason")
    alice_client.post(reverse("trades:plan-edit", args=[trade.pk]), data)
    lines = alice_client.get(reverse("trades:trade-history", args=[trade.pk])).context["entries"]
    assert [(line.what, line.who) for line in lines] == [("Plan changed", "alice"), ("Trade planned", "alice")]
    assert ("Stop", "95", "96") in lines[0].changes
    assert ("Thesis", "", "Now with a reason") in lines[0].changes
    assert ("Quantity", "200", "250") in lines[0].changes


def test_going_back_and_planning_something_else_makes_a_second_trade_when_sent_again(
    alice: User, alice_client: Client
) -> None:
    account = make_account(alice)
    page, data = reverse("trades:plan-create"), plan_data(account)
    alice_client.post(page, data)
    answer = alice_client.post(page, data | {"symbol": "MSFT"})
    assert "This form was saved before, with other entries." in page_of(answer)
    key = answer.context["form"]["creation_key"].value()
    assert key != data["creation_key"]
    assert alice_client.post(page, data | {"symbol": "MSFT", "creation_key": key}).status_code == 302
    assert list(Trade.objects.order_by("symbol").values_list("symbol", flat=True)) == ["AAPL", "MSFT"]


def test_text_no_database_takes_is_refused(alice: User, alice_client: Client) -> None:
    data = plan_data(make_account(alice), thesis="a\x00b", symbol="A\x00", criteria=["x"], criterion=["\x00"])
    answer = alice_client.post(reverse("trades:plan-create"), data)
    assert answer.status_code == 200
    assert set(answer.context["form"].errors) == {"thesis", "symbol"}
    trade = make_plan(make_account(alice, name="Other"))
    for version in ("9" * 5000, "²", "-1"):
        answer = alice_client.post(reverse("trades:trade-delete", args=[trade.pk]), {"version": version}, follow=True)
        assert "The trade was kept." in page_of(answer)
