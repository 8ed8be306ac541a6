"""Addresses of signing in: allauth's, before which stand those the desk answers itself, under the same names."""

from django.urls import include, path

from accounts.views import asked_again, passwords, recovery_codes

urlpatterns = [
    path("password/change/", passwords.password_change, name="account_change_password"),
    path("password/set/", passwords.password_set, name="account_set_password"),
    path("reauthenticate/", asked_again.password_again, name="account_reauthenticate"),
    path("2fa/reauthenticate/", asked_again.code_again, name="mfa_reauthenticate"),
    path("2fa/webauthn/reauthenticate/", asked_again.passkey_again, name="mfa_reauthenticate_webauthn"),
    path("2fa/totp/activate/", recovery_codes.app_on, name="mfa_activate_totp"),
    path("2fa/webauthn/add/", recovery_codes.passkey_add, name="mfa_add_webauthn"),
    path("2fa/recovery-codes/", recovery_codes.codes_left, name="mfa_view_recovery_codes"),
    path("2fa/recovery-codes/generate/", recovery_codes.codes_make, name="mfa_generate_recovery_codes"),
    path("2fa/recovery-codes/download/", recovery_codes.codes_file, name="mfa_download_recovery_codes"),
    path("sessions/", asked_again.session_list, name="usersessions_list"),
    path("", include("allauth.urls")),
]
