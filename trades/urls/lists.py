"""The trades list, its filters, bulk actions and export."""

from django.urls import URLPattern, path

from trades.views import lists as views

urlpatterns: list[URLPattern] = [
    path("trades/", views.trade_list, name="trade-list"),
    path("trades/bulk/", views.trade_bulk_tag, name="trade-bulk-tag"),
    path("trades/export/", views.trade_export, name="trade-export"),
    path("filters/new/", views.filter_new, name="filter-create"),
    path("filters/<uuid:pk>/", views.filter_rename, name="filter-edit"),
    path("filters/<uuid:pk>/delete/", views.filter_remove, name="filter-delete"),
]
