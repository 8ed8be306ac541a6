"""Addresses of accounts, cash movements and settings; signing in and out is allauth's, under /auth/."""

from django.urls import path

from accounts.views import accounts, cash, notifications, people

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
    path("settings/sessions/<int:pk>/end/", people.session_end, name="session-end"),
]
