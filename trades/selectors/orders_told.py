"""Orders as programs are told of them: each with its legs and everything that happened to them."""

import json
from collections.abc import Sequence
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F, Prefetch, QuerySet
from django.db.models.functions import Coalesce
from django.http import Http404

from accounts.models import User
from trades.models import Order, OrderEvent
from trades.models.order import WORKING

_EVENTS = Prefetch("events", queryset=OrderEvent.objects.order_by("id"), to_attr="told_events")


def orders_told(owner: User) -> QuerySet[Order]:
    """The owner's orders and legs with `told_legs`, `told_events` and `replacement_id`; four queries for any number."""
    legs = _named(Order.objects.order_by("created_at", "role", "id")).prefetch_related(_EVENTS)
    return _named(Order.objects.filter(owner=owner)).prefetch_related(
        _EVENTS, Prefetch("legs", queryset=legs, to_attr="told_legs")
    )


def order_told(owner: User, pk: UUID) -> Order:
    """One of the owner's orders, as in orders_told. Raises Http404."""
    order = orders_told(owner).filter(pk=pk).first()
    if order is None:
        raise Http404
    return order


def told_as_written(order: Order, legs: Sequence[Order], events: Sequence[OrderEvent]) -> None:
    """Let an order that was written just now be told without reading it, as it is before anybody works on it."""
    for each in (order, *legs):
        each.told_legs, each.replacement_id = [], None
        each.told_events = [event for event in events if event.order_id == each.pk]
    for event in events:
        event.detail = json.loads(json.dumps(event.detail, cls=DjangoJSONEncoder))
    order.told_legs = [*legs]


def order_read(order: Order) -> Order:
    """The order as in orders_told, read unless it was just written."""
    return order if hasattr(order, "told_events") else order_told(order.owner, order.pk)


def whole_orders(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Without the legs, which are told with the orders they hang on."""
    return orders.filter(parent=None)


def open_orders(orders: QuerySet[Order], *, owner: User) -> QuerySet[Order]:
    """Orders that work, or whose legs do."""
    working = Order.objects.filter(account__owner=owner, status__in=WORKING)
    return orders.filter(pk__in=working.values_list(Coalesce("parent_id", "id")))


def _named(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.annotate(replacement_id=F("replaced_by__id"))
