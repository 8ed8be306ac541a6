"""Deposits, withdrawals and the like over the API."""

from datetime import date

import pytest
from django.utils import timezone

from accounts.models import CashMovement
from tests.api.kit import error
from tests.factories import make_account, make_cash

pytestmark = pytest.mark.django_db

DEPOSIT = {"kind": "deposit", "amount": "2500.50", "moved_on": "2025-03-03", "note": "Savings"}


@pytest.fixture
def account(alice):
    return make_account(alice)


@pytest.fixture
def place(account):
    return f"/accounts/{account.pk}/cash-movements/"


def test_a_movement_is_recorded_read_corrected_and_deleted(api, account, place):
    made = api.post(place, DEPOSIT)
    assert made.status_code == 201
    said = made.json()
    assert said == {
        "id": said["id"],
        "account": str(account.pk),
        **DEPOSIT,
        "signed_amount": "2500.50",
        "created_at": said["created_at"],
    }
    one = f"{place}{said['id']}/"
    assert (api.get(one).json(), api.get(one)["ETag"]) == (said, made["ETag"])
    changed = api.patch(one, {"kind": "withdrawal"}, headers={"If-Match": made["ETag"]})
    assert (changed.status_code, changed.json()) == (
        200,
        said | {"kind": "withdrawal", "signed_amount": "-2500.50"},
    )
    assert changed["ETag"] != made["ETag"]
    assert api.delete(one).status_code == 204
    assert not CashMovement.objects.exists()


def test_it_moves_the_accounts_equity_at_once(api, account, place):
    api.post(place, DEPOSIT)
    api.post(place, {"kind": "charge", "amount": "0.5", "moved_on": "2025-03-04"})
    assert api.get(f"/accounts/{account.pk}/").json()["equity"] == "102500.00"


def test_the_same_key_and_body_records_once(api, place):
    headers = {"Idempotency-Key": "cash-1"}
    first, again = (api.post(place, DEPOSIT, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")
    assert (first.content, first["ETag"]) == (again.content, again["ETag"])
    assert CashMovement.objects.count() == 1
    other = api.post(place, DEPOSIT | {"amount": "1"}, headers=headers)
    assert error(other) == (422, "idempotency_key_reused", None)


def test_who_read_an_older_version_changes_nothing(api, account, place):
    movement = make_cash(account, "deposit", "100", date(2025, 1, 2))
    one = f"{place}{movement.pk}/"
    etag = api.get(one)["ETag"]
    api.patch(one, {"amount": "200"})
    assert error(api.patch(one, {"amount": "300"}, headers={"If-Match": etag})) == (412, "stale", None)
    assert api.get(one).json()["amount"] == "200.00"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "gift"}, (400, "invalid_choice", "kind")),
        ({"amount": "-5"}, (400, "not_positive", "amount")),
        ({"amount": "0"}, (400, "not_positive", "amount")),
        ({"amount": "1.005"}, (400, "max_decimal_places", "amount")),
        ({"amount": 1e400}, (400, "parse_error", None)),
        ({"moved_on": "2024-01-01"}, (400, "before_opening", "moved_on")),
        ({"moved_on": "2190-01-01"}, (400, "future", "moved_on")),
        ({"moved_on": "2025-02-30"}, (400, "invalid", "moved_on")),
        ({"note": "n" * 201}, (400, "max_length", "note")),
        ({"day": "2025-03-03"}, (400, "unknown_field", "day")),
    ],
)
def test_a_wrong_movement_is_said_at_its_field_and_records_nothing(api, place, change, said):
    assert error(api.post(place, DEPOSIT | change)) == said
    assert not CashMovement.objects.exists()


def test_an_amount_has_no_more_decimals_than_the_currency(api, alice):
    yen = make_account(alice, "Yen", currency="JPY")
    answer = api.post(f"/accounts/{yen.pk}/cash-movements/", DEPOSIT)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "amount")


def test_movements_are_listed_the_newest_day_first_and_by_kind(api, account, place):
    for kind, amount, day in (("deposit", "1", 2), ("dividend", "2", 4), ("deposit", "3", 3)):
        make_cash(account, kind, amount, date(2025, 1, day))
    first = api.get(f"{place}?page_size=2").json()
    assert [row["amount"] for row in first["results"]] == ["2.00", "3.00"]
    make_cash(account, "deposit", "4", date(2025, 1, 5))
    assert [row["amount"] for row in api.get(first["next"]).json()["results"]] == ["1.00"]
    deposits = api.get(f"{place}?kind=deposit&ordering=moved_on").json()["results"]
    assert [row["amount"] for row in deposits] == ["1.00", "3.00", "4.00"]


def test_a_movement_is_found_under_its_own_account_only(api, alice, account):
    movement = make_cash(account, "deposit", "100", date(2025, 1, 2))
    elsewhere = f"/accounts/{make_account(alice, 'Other').pk}/cash-movements/{movement.pk}/"
    for answer in (api.get(elsewhere), api.patch(elsewhere, {"amount": "1"}), api.delete(elsewhere)):
        assert error(answer) == (404, "not_found", None)
    assert CashMovement.objects.get().amount == 100


def test_anothers_movements_do_not_exist(stranger, account, place):
    movement = make_cash(account, "deposit", "100", timezone.localdate())
    one = f"{place}{movement.pk}/"
    for answer in (
        stranger.get(place),
        stranger.post(place, DEPOSIT),
        stranger.get(one),
        stranger.patch(one, {"amount": "1"}),
        stranger.delete(one),
    ):
        assert error(answer) == (404, "not_found", None)
    assert CashMovement.objects.get().amount == 100


def test_a_token_to_read_reads_and_changes_nothing(reader, account, place):
    movement = make_cash(account, "deposit", "100", date(2025, 1, 2))
    one = f"{place}{movement.pk}/"
    assert [row["id"] for row in reader.get(place).json()["results"]] == [str(movement.pk)]
    for answer in (reader.post(place, DEPOSIT), reader.patch(one, {"amount": "1"}), reader.delete(one)):
        assert error(answer) == (403, "missing_scope", None)
    assert CashMovement.objects.get().amount == 100
