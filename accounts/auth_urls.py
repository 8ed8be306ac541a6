"""Addresses of signing in: allauth's, before which stand those the desk answers itself, under the same names."""

from django.urls import include, path

from accounts.views import asked_again

urlpatterns = [
    path("reauthenticate/", asked_again.password_again, name="account_reauthenticate"),
    path("2fa/reauthenticate/", asked_again.code_again, name="mfa_reauthenticate"),
    path("2fa/webauthn/reauthenticate/", asked_again.passkey_again, name="mfa_reauthenticate_webauthn"),
    path("sessions/", asked_again.session_list, name="usersessions_list"),
    path("", include("allauth.urls")),
]
