"""Addresses of connections and of the live switch."""

from django.urls import path

from brokers import views

app_name = "brokers"
urlpatterns = [
    path("connections/", views.connection_list, name="connection-list"),
    path("connections/new/", views.connection_create, name="connection-create"),
    path("connections/<uuid:pk>/", views.connection_detail, name="connection-detail"),
    path("connections/<uuid:pk>/edit/", views.connection_edit, name="connection-edit"),
    path("connections/<uuid:pk>/verify/", views.connection_verify, name="connection-verify"),
    path("connections/<uuid:pk>/sync/", views.connection_sync, name="connection-sync"),
    path("connections/<uuid:pk>/disable/", views.connection_disable, name="connection-disable"),
    path("connections/<uuid:pk>/enable/", views.connection_enable, name="connection-enable"),
    path("connections/<uuid:pk>/reconnect/", views.connection_reconnect, name="connection-reconnect"),
    path("connections/<uuid:pk>/account/", views.connection_account, name="connection-account"),
    path("connections/<uuid:pk>/remove/", views.connection_remove, name="connection-remove"),
    path("accounts/<uuid:pk>/live/", views.live_switch, name="live-switch"),
    path("accounts/<uuid:pk>/live/off/", views.live_off, name="live-off"),
]
