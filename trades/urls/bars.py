"""Addresses of price bars: of a trade's chart, and a trader's own."""

from django.urls import path

from trades.views import bars as views
from trades.views import trade_chart

urlpatterns = [
    path("bars/", views.bar_list, name="bar-list"),
    path("bars/import/", views.bar_import, name="bar-import"),
    path("bars/<uuid:pk>/", views.bar_detail, name="bar-detail"),
    path("bars/<uuid:pk>/delete/", views.bar_delete, name="bar-delete"),
    path("trades/<uuid:pk>/bars/", trade_chart.trade_bars, name="trade-bars"),
]
