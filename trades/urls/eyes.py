"""What needs the trader's eyes, and what is done about it."""

from django.urls import URLPattern, path

from trades.views import eyes as views

urlpatterns: list[URLPattern] = [
    path("eyes/", views.eyes, name="eyes"),
    path("eyes/count/", views.eyes_count, name="eyes-count"),
    path("eyes/look/", views.look, name="eyes-look"),
    path("eyes/orders/<uuid:pk>/ask/", views.ask_order, name="eyes-order-ask"),
    path("eyes/orders/<uuid:pk>/cancel/", views.cancel_again, name="eyes-cancel-again"),
    path("eyes/orders/<uuid:pk>/never-arrived/", views.never_arrived, name="eyes-never-arrived"),
    path("eyes/connections/<uuid:pk>/sync/", views.sync_connection, name="eyes-sync"),
    path("eyes/connections/<uuid:pk>/ask/", views.ask_connection, name="eyes-connection-ask"),
]
