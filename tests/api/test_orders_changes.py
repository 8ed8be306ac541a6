"""Orders changed and cancelled over the API."""

import pytest

from tests.api.kit import error
from tests.api.orders_kit import codes, order_body, plain_body
from tests.trades.orders.kit import connected_account, d, make_bracket, make_order, make_quote
from trades.models import Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    make_quote(bid="99.99", ask="100.01")
    return connected_account(alice)


@pytest.fixture
def new(api, account):
    """An order that was not sent yet, as it was answered."""
    return api.post("/orders/", plain_body(account))


def test_what_was_not_sent_yet_changes_at_once(api, new):
    answer = api.patch(f"/orders/{new.json()['id']}/", {"limit_price": "99.50", "quantity": "12"})
    assert answer.status_code == 200
    said = answer.json()
    assert (said["limit_price"], said["quantity"], said["status"], said["pending_change"]) == (
        "99.50",
        "12",
        "new",
        None,
    )
    assert [event["to"] for event in said["events"]] == ["new", "new"]
    assert answer["ETag"] != new["ETag"]


def test_at_the_broker_the_order_works_on_until_the_broker_shows_the_new_one(api, account):
    order = make_order(account, limit_price="99", quantity=10)
    said = api.patch(f"/orders/{order.pk}/", {"limit_price": "98.75"}).json()
    assert (said["status"], said["limit_price"]) == ("accepted", "99.00")
    assert said["pending_change"].pop("asked_at")
    assert said["pending_change"] == {
        "quantity": None,
        "limit_price": "98.75",
        "stop_price": None,
        "trail_percent": None,
        "time_in_force": None,
    }
    again = api.patch(f"/orders/{order.pk}/", {"limit_price": "98.50"})
    assert error(again) == (409, "change_pending", None)


def test_a_leg_is_moved_by_its_own_id(api, account):
    order = make_bracket(account, limit_price="187.50")
    stop = order.legs.get(role="stop_loss")
    said = api.patch(f"/orders/{stop.pk}/", {"stop_price": "183"}).json()
    assert said["pending_change"]["stop_price"] == "183.00"
    assert error(api.patch(f"/orders/{order.legs.get(role='take_profit').pk}/", {"quantity": "5"})) == (
        400, "exit_fixed", "quantity",
    )  # fmt: skip


def test_who_names_an_older_version_changes_nothing(api, new):
    order = Order.objects.get()
    api.patch(f"/orders/{order.pk}/", {"limit_price": "99.50"})
    late = api.patch(f"/orders/{order.pk}/", {"limit_price": "99"}, headers={"If-Match": new["ETag"]})
    assert error(late) == (412, "stale", None)
    order.refresh_from_db()
    assert order.limit_price == d("99.50")


def test_who_names_the_newest_version_changes_it(api, new):
    answer = api.patch(f"/orders/{new.json()['id']}/", {"quantity": "9"}, headers={"If-Match": new["ETag"]})
    assert (answer.status_code, answer.json()["quantity"]) == (200, "9")


def test_a_change_that_came_between_is_not_lost(api, new, monkeypatch):
    """Somebody else asks for other terms while the market is read for this one."""
    from trades.execution import changing

    order = Order.objects.get()
    read = changing.market_of

    def slow(*args, **options):
        Order.objects.filter(pk=order.pk).update(limit_price=d("99.90"), version=order.version + 1)
        return read(*args, **options)

    monkeypatch.setattr(changing, "market_of", slow)
    assert error(api.patch(f"/orders/{order.pk}/", {"limit_price": "99"})) == (409, "stale", None)
    order.refresh_from_db()
    assert order.limit_price == d("99.90")


def test_a_change_that_breaks_limits_names_them_all_and_changes_nothing(api, new):
    answer = api.patch(f"/orders/{new.json()['id']}/", {"quantity": "2000"})
    assert (answer.status_code, codes(answer)) == (422, ["max_position", "insufficient_buying_power"])
    assert Order.objects.get().quantity == 10


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, (400, "nothing_changed", None)),
        ({"limit_price": "100.00"}, (400, "nothing_changed", None)),
        ({"symbol": "MSFT"}, (400, "unknown_field", "symbol")),
        ({"limit_price": None}, (400, "null", "limit_price")),
        ({"limit_price": "0"}, (400, "not_positive", "limit_price")),
        ({"stop_price": "99"}, (400, "not_used", "stop_price")),
        ({"trail_percent": "1"}, (400, "not_used", "trail_percent")),
        ({"time_in_force": "soon"}, (400, "invalid_choice", "time_in_force")),
        ({"time_in_force": "ioc"}, (400, "time_fixed", "time_in_force")),
    ],
)
def test_a_wrong_change_is_said_at_its_field(api, account, body, said):
    order = make_order(account, limit_price="100", quantity=10, time_in_force="gtc")
    assert error(api.patch(f"/orders/{order.pk}/", body)) == said
    order.refresh_from_db()
    assert (order.limit_price, order.pending_change) == (100, None)


def test_a_stop_gets_no_limit_it_does_not_have(api, account):
    leg = make_bracket(account).legs.get(role="stop_loss")
    assert error(api.patch(f"/orders/{leg.pk}/", {"limit_price": "179"})) == (400, "not_used", "limit_price")


@pytest.mark.parametrize("status", ["filled", "rejected", "expired", "replaced", "denied"])
def test_what_is_over_is_neither_changed_nor_cancelled_and_says_what_it_is(api, account, status):
    order = make_order(account, status=status)
    for answer in (api.patch(f"/orders/{order.pk}/", {"limit_price": "99"}), api.post(f"/orders/{order.pk}/cancel/")):
        assert error(answer) == (409, "order_over", None)
        assert answer.json()["errors"][0]["detail"] == f"This order is {status} already."


def test_what_was_not_sent_is_cancelled_at_once(api, new):
    answer = api.post(f"/orders/{new.json()['id']}/cancel/")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["status_reason"] == {
        "code": "cancelled",
        "detail": "It was cancelled before it was sent.",
    }
    assert answer.json()["events"][-1]["from"] == "new"
    again = api.post(f"/orders/{new.json()['id']}/cancel/")
    assert (again.status_code, again.json()) == (200, answer.json())


def test_the_broker_is_asked_to_cancel_what_it_has(api, account):
    order = make_order(account)
    answer = api.post(f"/orders/{order.pk}/cancel/")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelling")
    assert error(api.patch(f"/orders/{order.pk}/", {"limit_price": "99"})) == (409, "being_cancelled", None)


def test_a_leg_the_broker_does_not_show_is_cancelled_with_its_order(api, account):
    placed = api.post("/orders/", order_body(account)).json()
    assert error(api.post(f"/orders/{placed['legs'][0]['id']}/cancel/")) == (409, "leg_unsent", None)
    cancelled = api.post(f"/orders/{placed['id']}/cancel/").json()
    assert {cancelled["status"], *(leg["status"] for leg in cancelled["legs"])} == {"cancelled"}


def test_a_cancellation_takes_no_body(api, new):
    assert error(api.post(f"/orders/{new.json()['id']}/cancel/", {"really": True})) == (400, "unknown_field", "really")


def test_a_token_to_read_changes_and_cancels_nothing(reader, new):
    pk = new.json()["id"]
    assert error(reader.patch(f"/orders/{pk}/", {"quantity": "5"})) == (403, "missing_scope", None)
    assert error(reader.post(f"/orders/{pk}/cancel/")) == (403, "missing_scope", None)
    assert Order.objects.get().status == "new"
