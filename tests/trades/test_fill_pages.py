"""The pages that record what was executed: fills, stops and finished trades. Refused input stays typed and changes nothing."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.factories import make_tag
from tests.trades.desk_kit import at, d, make_account, make_fill, make_plan
from tests.trades.page_kit import HTMX, fill_data, page_of, quick_data
from trades.models import Fill, Trade

pytestmark = pytest.mark.django_db


def test_a_fill_is_recorded_in_the_readers_zone(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice))
    page = reverse("trades:fill-create", args=[trade.pk])
    assert alice_client.get(page).context["form"].initial["quantity"] == d(200)
    assert alice_client.post(page, fill_data()).status_code == 302
    fill = Fill.objects.get()
    assert (fill.executed_at, fill.price) == (datetime(2026, 3, 2, 15, 0, tzinfo=UTC), d("100.25"))
    assert "1,050.00" in page_of(alice_client.get(reverse("trades:trade-detail", args=[trade.pk])))


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"quantity": "0"}, "quantity", "greater than zero"),
        ({"quantity": "1.5"}, "quantity", "too many decimals"),
        ({"quantity": "1e3"}, "quantity", "without an exponent"),
        ({"quantity": "9" * 30}, "quantity", "too large"),
        ({"price": "nan"}, "price", "ordinary number"),
        ({"price": "-1"}, "price", "greater than zero"),
        ({"side": "sell"}, "quantity", "only 0 were entered"),
        ({"side": "both"}, "side", "valid choice"),
        ({"kind": "expiry"}, "kind", "valid choice"),
        ({"kind": "transfer_out"}, "side", "reduces the position"),
        ({"executed_at": "2999-01-01T10:00"}, "executed_at", "lies in the future"),
        ({"executed_at": "1969-12-31T10:00"}, "executed_at", "from 1970"),
        ({"executed_at": "0001-01-01T00:00"}, "executed_at", "from 1970"),
        ({"executed_at": "9999-12-31T23:59"}, "executed_at", "from 1970"),
        ({"executed_at": "yesterday"}, "executed_at", "Write the time as"),
        ({"executed_at": "2026-03-08T02:30"}, "executed_at", "There was no 02:30 on 2026-03-08 in America/New_York"),
        ({"executed_at": "2025-11-02T01:30"}, "executed_at", "2025-11-02T01:30-04:00 or 2025-11-02T01:30-05:00"),
        ({"commission": "-1"}, "commission", "without a minus"),
        ({"fees": "0.1234567"}, "fees", "too many decimals"),
        ({"creation_key": "x"}, "creation_key", "valid UUID"),
    ],
)
def test_a_bad_fill_gets_a_sentence_at_its_field_and_changes_nothing(
    alice: User, alice_client: Client, changes: dict[str, str], field: str, sentence: str
) -> None:
    trade = make_plan(make_account(alice))
    answer = alice_client.post(reverse("trades:fill-create", args=[trade.pk]), fill_data(**changes))
    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert sentence in errors[field][0]
    assert not Fill.objects.exists()
    trade.refresh_from_db()
    assert trade.version == 1


def test_a_time_shown_twice_is_told_apart_by_its_offset(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice))
    page = reverse("trades:fill-create", args=[trade.pk])
    answer = alice_client.post(page, fill_data(executed_at="2025-11-02T01:30"))
    assert '<input type="text" name="executed_at" value="2025-11-02T01:30"' in page_of(answer)
    assert alice_client.post(page, fill_data(executed_at="2025-11-02T01:30-05:00")).status_code == 302
    fill = Fill.objects.get()
    assert fill.executed_at == datetime(2025, 11, 2, 6, 30, tzinfo=UTC)
    edit = reverse("trades:fill-edit", args=[fill.pk])
    with timezone.override("America/New_York"):
        shown = alice_client.get(edit).context["form"]["executed_at"].value()
    assert shown == "2025-11-02T01:30:00"
    data = fill_data(executed_at=shown, version="2", quantity="100")
    assert alice_client.post(edit, data).status_code == 302
    fill.refresh_from_db()
    assert (fill.executed_at, fill.quantity) == (datetime(2025, 11, 2, 6, 30, tzinfo=UTC), d(100))


def test_costs_are_proposed_and_stay_estimates_until_typed(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice, broker="interactive_brokers"))
    answer = alice_client.post(reverse("trades:fill-costs", args=[trade.pk]), fill_data(), headers=HTMX)
    text = page_of(answer)
    assert 'value="1.00"' in text
    assert "By the schedule of Interactive Brokers" in text
    proposed = answer.context["form"].data["proposed"]
    page = reverse("trades:fill-create", args=[trade.pk])
    alice_client.post(page, fill_data(commission="1.00", fees="0.00", proposed=proposed))
    first = Fill.objects.get()
    assert (first.commission, first.has_estimated_costs) == (d(1), True)
    edit = reverse("trades:fill-edit", args=[first.pk])
    alice_client.post(edit, fill_data(commission="1.25", fees="0.00", proposed=proposed, version="2"))
    first.refresh_from_db()
    assert (first.commission, first.has_estimated_costs) == (d("1.25"), False)


def test_an_estimate_becomes_final_when_the_trader_says_so(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice, broker="interactive_brokers"))
    data = fill_data(commission="1.00", fees="0.00", proposed="1/0", are_final="on")
    alice_client.post(reverse("trades:fill-create", args=[trade.pk]), data)
    assert not Fill.objects.get().has_estimated_costs


def test_typed_costs_are_not_proposed_over(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice, broker="interactive_brokers"))
    data = fill_data(commission="3.33", fees="0.01")
    text = page_of(alice_client.post(reverse("trades:fill-costs", args=[trade.pk]), data, headers=HTMX))
    assert 'value="3.33"' in text


@pytest.mark.parametrize("typed", [{"commission": "1.2.3"}, {"fees": "1e999"}, {"commission": "x", "fees": "y"}])
def test_costs_that_cannot_be_read_stay_as_they_were_typed(
    alice: User, alice_client: Client, typed: dict[str, str]
) -> None:
    trade = make_plan(make_account(alice, broker="interactive_brokers"))
    answer = alice_client.post(reverse("trades:fill-costs", args=[trade.pk]), fill_data(**typed), headers=HTMX)
    text = page_of(answer)
    assert all(f'value="{words}"' in text for words in typed.values())
    assert "By the schedule of" not in text


def test_a_fill_is_edited_and_deleted_from_its_pages(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice))
    fill = make_fill(trade, "buy", 200, 100, at(2))
    edit = reverse("trades:fill-edit", args=[fill.pk])
    assert alice_client.post(edit, fill_data(version="2", quantity="150")).status_code == 302
    fill.refresh_from_db()
    assert fill.quantity == d(150)
    stale = alice_client.post(edit, fill_data(version="2", quantity="160"))
    assert "changed elsewhere" in page_of(stale)
    delete = reverse("trades:fill-delete", args=[fill.pk])
    alice_client.post(delete, {"version": "2"})
    assert Fill.objects.exists()
    alice_client.post(delete, {"version": "3"})
    trade.refresh_from_db()
    assert (Fill.objects.exists(), trade.status) == (False, "planned")


def test_a_stop_is_moved_from_its_page(alice: User, alice_client: Client) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 200, 100, at(2))
    page = reverse("trades:stop-move", args=[trade.pk])
    data = {"version": "2", "price": "98", "moved_at": "2026-03-03T10:00", "note": "Higher low"}
    answer = alice_client.post(page, data | {"price": "0"})
    assert "greater than zero" in answer.context["form"].errors["price"][0]
    assert alice_client.post(page, data).status_code == 302
    trade.refresh_from_db()
    assert (trade.stop_loss, trade.open_risk) == (d(98), d("400.00"))


def test_a_finished_trade_is_recorded_in_one_form(alice: User, alice_client: Client) -> None:
    account, tag = make_account(alice), make_tag(alice, "Earnings")
    data = quick_data(account, stop="95", tags=[str(tag.pk)], notes="Clean")
    answer = alice_client.post(reverse("trades:quick-entry"), data)
    trade = Trade.objects.get()
    assert answer.headers["Location"] == reverse("trades:trade-detail", args=[trade.pk])
    assert (trade.status, trade.net_pnl, trade.r_multiple) == ("closed", d("1200.00"), d("2.4000"))
    assert list(trade.tags.all()) == [tag]


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"exit_at": "2026-03-01T10:00"}, "exit_at", "before the entry"),
        ({"stop": "101"}, "stop", "belongs below the entry"),
        ({"quantity": "x"}, "quantity", "must be a number"),
        ({"exit_price": "0"}, "exit_price", "greater than zero"),
        ({"symbol": "a b"}, "symbol", "letters, digits"),
        ({"tags": [str(uuid4())]}, "tags", "Choose from your own tags."),
    ],
)
def test_a_bad_quick_entry_gets_a_sentence_at_its_field(
    alice: User, alice_client: Client, changes: dict[str, Any], field: str, sentence: str
) -> None:
    answer = alice_client.post(reverse("trades:quick-entry"), quick_data(make_account(alice), **changes))
    assert list(answer.context["form"].errors) == [field]
    assert sentence in answer.context["form"].errors[field][0]
    assert not Trade.objects.exists()


def test_an_option_expires_without_a_price(alice: User, alice_client: Client) -> None:
    option = {"symbol": "AAPL260417C00150000", "asset_class": "option", "entry": d(5), "stop": d(3), "targets": ()}
    trade = make_plan(make_account(alice), **option)
    make_fill(trade, "buy", 5, 5, at(2))
    data = fill_data(kind="expiry", side="sell", quantity="5", price="", executed_at="2026-03-03T10:00")
    assert alice_client.post(reverse("trades:fill-create", args=[trade.pk]), data).status_code == 302
    trade.refresh_from_db()
    assert (trade.status, trade.net_pnl) == ("closed", d("-2500.00"))
