"""A trade from plan to last fill."""

from django.urls import URLPattern, path

from trades.views import fills, plans, trade_pages

urlpatterns: list[URLPattern] = [
    path("trades/plan/", plans.create, name="plan-create"),
    path("trades/plan/size/", plans.size, name="plan-size"),
    path("trades/plan/checklist/", plans.checklist, name="plan-checklist"),
    path("trades/quick/", fills.quick, name="quick-entry"),
    path("trades/<uuid:pk>/", trade_pages.detail, name="trade-detail"),
    path("trades/<uuid:pk>/history/", trade_pages.history, name="trade-history"),
    path("trades/<uuid:pk>/plan/", plans.edit, name="plan-edit"),
    path("trades/<uuid:pk>/pending/", trade_pages.mark_pending, name="trade-pending"),
    path("trades/<uuid:pk>/planned/", trade_pages.mark_planned, name="trade-planned"),
    path("trades/<uuid:pk>/cancel/", trade_pages.cancel, name="trade-cancel"),
    path("trades/<uuid:pk>/reopen/", trade_pages.reopen, name="trade-reopen"),
    path("trades/<uuid:pk>/delete/", trade_pages.delete, name="trade-delete"),
    path("trades/<uuid:pk>/stop/", trade_pages.stop, name="stop-move"),
    path("trades/<uuid:pk>/fills/new/", fills.create, name="fill-create"),
    path("trades/<uuid:pk>/fills/costs/", fills.costs, name="fill-costs"),
    path("fills/<uuid:pk>/", fills.edit, name="fill-edit"),
    path("fills/<uuid:pk>/delete/", fills.delete, name="fill-delete"),
]
