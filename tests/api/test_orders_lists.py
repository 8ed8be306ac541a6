"""Lists of orders over the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import make_plan
from tests.trades.orders.kit import connected_account, make_bracket, make_event, make_leg, make_order
from trades.models import Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return connected_account(alice)


def found(api, query):
    answer = api.get(f"/orders/?{query}")
    assert answer.status_code == 200, answer.content
    return [order["id"] for order in answer.json()["results"]]


def test_two_hundred_orders_with_legs_and_events_take_as_many_queries_as_one(api, account, django_assert_num_queries):
    api.get("/orders/")

    def fill(number):
        for _ in range(number):
            order = make_bracket(account)
            make_event(order, "intend", "new", from_status="")
            make_event(order.legs.first(), "accept", "accepted", from_status="new")

    fill(1)
    with django_assert_num_queries(5):  # the token; orders; their events; their legs; the legs' events
        api.get("/orders/?page_size=200")
    fill(201)
    with django_assert_num_queries(5):
        answer = api.get("/orders/?page_size=200").json()
    assert len(answer["results"]) == 200
    assert all((len(order["legs"]), len(order["events"])) == (2, 1) for order in answer["results"])
    assert answer["next"]


def test_one_order_takes_as_many_queries(api, account, django_assert_num_queries):
    order = make_bracket(account)
    api.get("/orders/")
    with django_assert_num_queries(5):
        api.get(f"/orders/{order.pk}/")


def test_orders_are_filtered_by_what_they_are(api, alice, account):
    other = connected_account(alice, "Other")
    plan = make_plan(account)
    buy = make_order(account, trade=plan)
    sale = make_order(account, "MSFT", side="sell", type="market", status="filled")
    there = make_order(other, "TSLA", status="rejected")
    assert found(api, f"account={other.pk}") == [str(there.pk)]
    assert found(api, f"trade={plan.pk}") == [str(buy.pk)]
    assert found(api, "symbol=msft") == [str(sale.pk)]
    assert found(api, "status=rejected") == [str(there.pk)]
    assert found(api, "side=sell") == [str(sale.pk)]
    assert found(api, "type=market&status=filled") == [str(sale.pk)]
    assert found(api, "status=open") == [str(buy.pk)]


def test_an_order_is_open_while_a_leg_of_it_works(api, account):
    done = make_order(account, status="filled")
    make_leg(done, "stop_loss", "180", status="cancelled")
    works = make_order(account, status="filled")
    make_leg(works, "stop_loss", "180")
    assert found(api, "status=open") == [str(works.pk)]


def test_orders_are_filtered_by_when_they_were_made(api, account):
    old, new = make_order(account), make_order(account)
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    Order.objects.filter(pk=old.pk).update(created_at=noon - timedelta(days=1))
    Order.objects.filter(pk=new.pk).update(created_at=noon)
    stamp = noon.isoformat().replace("+00:00", "Z")
    assert found(api, f"created_from={stamp}") == [str(new.pk)]
    assert found(api, f"created_to={stamp}") == [str(old.pk)]


def test_legs_are_listed_within_their_order_and_read_by_their_id(api, account):
    order = make_bracket(account)
    [said] = api.get("/orders/").json()["results"]
    assert [leg["role"] for leg in said["legs"]] == ["stop_loss", "take_profit"]
    leg = api.get(f"/orders/{said['legs'][0]['id']}/").json()
    assert (leg, leg["parent"]) == (said["legs"][0], str(order.pk))


def test_a_moved_stop_says_what_took_its_place_and_is_the_order_s_stop(api, account):
    order = make_bracket(account)
    old = order.legs.get(role="stop_loss")
    Order.objects.filter(pk=old.pk).update(status="replaced")
    new = make_leg(order, "stop_loss", "185", replaces=old)
    said = api.get(f"/orders/{order.pk}/").json()
    assert said["stop_loss"] == {"stop_price": "185.00", "limit_price": None}
    legs = {leg["id"]: leg for leg in said["legs"]}
    assert (legs[str(old.pk)]["replaced_by"], legs[str(new.pk)]["replaces"]) == (str(new.pk), str(old.pk))


def test_events_say_what_happened_in_its_order(api, account):
    order = make_order(account, reason_code="refused", reason_detail="No.", status="rejected")
    make_event(order, "intend", "new", from_status="", source="trader", detail={"value": "18750.00"})
    make_event(order, "reject", "rejected", from_status="submitting", source="worker")
    said = api.get(f"/orders/{order.pk}/").json()
    assert [(event["from"], event["to"], event["source"], event["detail"]) for event in said["events"]] == [
        (None, "new", "trader", {"value": "18750.00"}),
        ("submitting", "rejected", "worker", {}),
    ]
    assert said["status_reason"] == {"code": "refused", "detail": "No."}


def test_the_version_changes_with_a_leg_and_with_an_event(api, account):
    order = make_bracket(account)
    first = api.get(f"/orders/{order.pk}/")["ETag"]
    make_event(order, "accept", "accepted")
    second = api.get(f"/orders/{order.pk}/")["ETag"]
    Order.objects.filter(parent=order, role="stop_loss").update(version=2)
    third = api.get(f"/orders/{order.pk}/")["ETag"]
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("ordering", ["created_at", "-created_at", "symbol", "-symbol", "status", "quantity"])
def test_every_order_of_the_list_pages_through_all(api, account, ordering):
    made = {str(make_order(account, symbol, quantity=number).pk) for number, symbol in enumerate("CABAC", 1)}
    seen, address = [], f"/orders/?ordering={ordering}&page_size=2"
    while address:
        page = api.get(address).json()
        seen += [order["id"] for order in page["results"]]
        address = page["next"]
    assert (len(seen), set(seen)) == (5, made)


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("status=working", "status"),
        ("account=main", "account"),
        ("created_from=yesterday", "created_from"),
        ("created_to=2026-01-01", "created_to"),
        ("colour=red", "colour"),
        ("side=hold", "side"),
    ],
)
def test_a_wrong_filter_is_said_at_its_parameter(api, account, query, attr):
    answer = api.get(f"/orders/?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_anothers_orders_do_not_exist(stranger, account):
    order = make_order(account)
    assert stranger.get("/orders/").json()["results"] == []
    assert stranger.get(f"/orders/?account={account.pk}").json()["results"] == []
    assert stranger.get(f"/orders/{order.pk}/").status_code == 404
    assert stranger.patch(f"/orders/{order.pk}/", {"limit_price": "1"}).status_code == 404
    assert stranger.post(f"/orders/{order.pk}/cancel/").status_code == 404
    order.refresh_from_db()
    assert (order.status, order.limit_price) == ("accepted", 187.5)
