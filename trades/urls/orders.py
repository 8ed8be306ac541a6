"""Orders: the blotter, one order, and what keeps both up to date."""

from django.urls import URLPattern, path

from trades.views import live, order_ticket, orders

urlpatterns: list[URLPattern] = [
    path("orders/", orders.order_list, name="order-list"),
    path("orders/changes/", live.changes, name="order-changes"),
    path("orders/freshness/", live.freshness, name="order-freshness"),
    path("orders/new/", order_ticket.create, name="order-create"),
    path("orders/new/preview/", order_ticket.preview, name="order-preview"),
    path("orders/<uuid:pk>/", orders.order_page, name="order-detail"),
]
