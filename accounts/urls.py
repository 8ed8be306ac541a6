"""Addresses of accounts, cash movements and settings; signing in and out is allauth's, under /auth/."""

from django.urls import path

from accounts.views import accounts, cash, notifications, people, tokens, webhooks

app_name = "accounts"
urlpatterns = [
    path("accounts/", accounts.account_list, name="account-list"),
    path("accounts/first/", accounts.account_first, name="account-first"),
    path("accounts/new/", accounts.account_create, name="account-create"),
    path("accounts/<uuid:pk>/", accounts.account_detail, name="account-detail"),
    path("accounts/<uuid:pk>/edit/", accounts.account_edit, name="account-edit"),
    path("accounts/<uuid:pk>/risk/", accounts.risk_edit, name="risk-edit"),
    path("accounts/<uuid:pk>/archive/", accounts.account_archive, name="account-archive"),
    path("accounts/<uuid:pk>/unarchive/", accounts.account_unarchive, name="account-unarchive"),
    path("accounts/<uuid:pk>/delete/", accounts.account_delete, name="account-delete"),
    path("accounts/<uuid:pk>/cash/", cash.cash_list, name="cash-list"),
    path("accounts/<uuid:pk>/cash/new/", cash.cash_create, name="cash-create"),
    path("accounts/cash/<uuid:pk>/", cash.cash_edit, name="cash-edit"),
    path("accounts/cash/<uuid:pk>/delete/", cash.cash_delete, name="cash-delete"),
    path("notifications/", notifications.notification_list, name="notification-list"),
    path("notifications/read/", notifications.notifications_read, name="notifications-read"),
    path("notifications/settings/", notifications.notification_settings, name="notification-settings"),
    path("notifications/<uuid:pk>/read/", notifications.notification_open, name="notification-open"),
    path("settings/", people.settings, name="settings"),
    path("settings/export/", people.data_export, name="data-export"),
    path("settings/delete/", people.user_delete_page, name="user-delete"),
    path("settings/tokens/", tokens.token_list, name="token-list"),
    path("settings/tokens/new/", tokens.token_new, name="token-create"),
    path("settings/tokens/<uuid:pk>/revoke/", tokens.token_remove, name="token-revoke"),
    path("settings/sessions/<int:pk>/end/", people.session_end, name="session-end"),
    path("settings/webhooks/", webhooks.webhook_list, name="webhook-list"),
    path("settings/webhooks/new/", webhooks.webhook_new, name="webhook-create"),
    path("settings/webhooks/<uuid:pk>/", webhooks.webhook_detail, name="webhook-detail"),
    path("settings/webhooks/<uuid:pk>/edit/", webhooks.webhook_change, name="webhook-edit"),
    path("settings/webhooks/<uuid:pk>/on/", webhooks.webhook_turn, {"is_active": True}, name="webhook-on"),
    path("settings/webhooks/<uuid:pk>/off/", webhooks.webhook_turn, {"is_active": False}, name="webhook-off"),
    path("settings/webhooks/<uuid:pk>/rotate/", webhooks.webhook_rotate, name="webhook-rotate"),
    path("settings/webhooks/<uuid:pk>/test/", webhooks.webhook_try, name="webhook-test"),
    path("settings/webhooks/<uuid:pk>/delete/", webhooks.webhook_remove, name="webhook-delete"),
    path("settings/webhooks/messages/<uuid:pk>/replay/", webhooks.delivery_again, name="webhook-replay"),
]
