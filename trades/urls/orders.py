"""Orders: the blotter, one order, and what keeps both up to date."""

from django.urls import URLPattern, path

from trades.views import halts, live, order_actions, order_ticket, orders, position_actions, positions

urlpatterns: list[URLPattern] = [
    path("orders/", orders.order_list, name="order-list"),
    path("orders/changes/", live.changes, name="order-changes"),
    path("orders/freshness/", live.freshness, name="order-freshness"),
    path("orders/new/", order_ticket.create, name="order-create"),
    path("orders/new/preview/", order_ticket.preview, name="order-preview"),
    path("orders/cancel-all/", order_actions.cancel_all, name="order-cancel-all"),
    path("orders/<uuid:pk>/", orders.order_page, name="order-detail"),
    path("orders/<uuid:pk>/story.json", orders.order_story_file, {"form": "json"}, name="order-story-json"),
    path("orders/<uuid:pk>/story.csv", orders.order_story_file, {"form": "csv"}, name="order-story-csv"),
    path("orders/<uuid:pk>/cancel/", order_actions.cancel, name="order-cancel"),
    path("orders/<uuid:pk>/replace/", order_actions.replace, name="order-replace"),
    path("positions/", positions.position_list, name="position-list"),
    path("positions/close/", position_actions.close_symbol, name="position-close-symbol"),
    path("positions/adopt/", position_actions.adopt, name="position-adopt"),
    path("trades/<uuid:pk>/close/", position_actions.act, {"action": "close"}, name="position-close"),
    path("trades/<uuid:pk>/scale-out/", position_actions.act, {"action": "scale-out"}, name="position-scale-out"),
    path("trades/<uuid:pk>/working-stop/", position_actions.act, {"action": "stop"}, name="position-stop"),
    path("trades/<uuid:pk>/trail/", position_actions.act, {"action": "trail"}, name="position-trail"),
    path("accounts/<uuid:pk>/close-all/", halts.account_flatten_page, name="positions-close-all"),
    path("accounts/<uuid:pk>/halt/", halts.account_halt_page, name="account-halt"),
    path("accounts/<uuid:pk>/resume/", halts.account_resume_page, name="account-resume"),
    path("halt/", halts.halt, name="halt"),
    path("halt/resume/", halts.halt_resume, name="halt-resume"),
    path("flatten/", halts.flatten, name="flatten"),
    path("flatten/progress/", halts.flatten_progress, name="flatten-progress"),
]
