"""Where the desk's own rules enter django-allauth."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.selectors import accounts_of


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Whether strangers may sign up; the operator decides."""
        return bool(settings.SIGNUP_OPEN)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Where signing in leads without a page asked for: whoever has no account yet opens the first one."""
        if accounts_of(request.user).exists():
            return str(super().get_login_redirect_url(request))
        return reverse("accounts:account-first")

    def get_signup_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002 - see above
        return reverse("accounts:account-first")
