"""Addresses of the API about who trades and with what money."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.api.cash import CashMovementViewSet
from accounts.api.events import EventsView
from accounts.api.notification_settings import NotificationSettingsViewSet
from accounts.api.notifications import NotificationViewSet
from accounts.api.tokens import TokenViewSet
from accounts.api.webhooks import DeliveryViewSet, WebhookViewSet

router = SimpleRouter(use_regex_path=False)
router.include_format_suffixes = False
router.register("notifications", NotificationViewSet, basename="notification")
router.register("tokens", TokenViewSet, basename="token")
router.register("webhooks", WebhookViewSet, basename="webhook")

urlpatterns = [
    *router.urls,
    path(
        "accounts/<uuid:account>/cash-movements/",
        CashMovementViewSet.as_view({"get": "list", "post": "create"}),
        name="cash-movement-list",
    ),
    path(
        "accounts/<uuid:account>/cash-movements/<uuid:pk>/",
        CashMovementViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="cash-movement-detail",
    ),
    path(
        "notifications/settings/",
        NotificationSettingsViewSet.as_view({"get": "show", "patch": "change"}),
        name="notification-settings",
    ),
    path("events/", EventsView.as_view(), name="events"),
    path("webhooks/<uuid:webhook_pk>/deliveries/", DeliveryViewSet.as_view({"get": "list"}), name="delivery-list"),
    path(
        "webhooks/<uuid:webhook_pk>/deliveries/<uuid:pk>/replay/",
        DeliveryViewSet.as_view({"post": "replay"}),
        name="delivery-replay",
    ),
]
