"""What the executions of orders come to, beside what the orders say they have filled."""

from decimal import Decimal

from django.db.models import Case, DecimalField, F, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Abs, Coalesce

from trades.models import Fill, Order

_AMOUNT = DecimalField(max_digits=20, decimal_places=9)
_MONEY = DecimalField(max_digits=40, decimal_places=18)
# What is missing would have cost its average: at less than this part of it, nothing is missing.
_NOTHING = Decimal("0.01")


def with_booked(orders: QuerySet[Order]) -> QuerySet[Order]:
    """The orders with `booked`: what their executions come to, in the shares that each order is told in.

    A split restates an order and none of its executions: other shares for the same money, so that no execution is
    missing and none is too many.
    """
    units, paid = _sum(F("quantity")), _sum(F("quantity") * F("price"))
    average = F("filled_average_price")
    orders = orders.annotate(
        units=Coalesce(units, Decimal(0), output_field=_AMOUNT),
        unpaid=Abs(F("filled_quantity") * average - paid, output_field=_MONEY),
    )
    costs_nothing = Q(unpaid__lte=Abs(F("filled_quantity") - F("units")) * average * _NOTHING)
    return orders.annotate(
        booked=Case(When(costs_nothing, then=F("filled_quantity")), default=F("units"), output_field=_AMOUNT)
    )


def _sum(what: F) -> Subquery:
    of_order = Fill.objects.filter(order=OuterRef("pk")).order_by().values("order")
    return Subquery(of_order.annotate(all=Sum(what, output_field=_MONEY)).values("all"), output_field=_MONEY)
