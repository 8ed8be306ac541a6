"""Where the desk's own rules enter django-allauth."""

import logging
from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.sealing import CannotOpen, FactorSealed, opened, secret_box
from accounts.selectors import accounts_of
from accounts.services import sign_in_trail
from accounts.services.given_passwords import given_password_over
from accounts.services.people import user_sessions_end
from accounts.services.recovery_codes import recovery_code_opened
from accounts.services.tokens import tokens_revoke_all
from trenddojo.api.throttles import address_of

logger = logging.getLogger(__name__)
NOT_SENT = "The e-mail could not be sent: try again in a few minutes, or tell the administrator of this desk."

# Marks a request whose confirmation could not be sent.
UNSENT = "trenddojo.unsent"


# Said of every wrong one, so that it tells nobody whose time is over.
WRONG = (
    "The name or the password is wrong. A password that an administrator gave you works for a limited time: “Forgot "
    "your password?” makes a new one."
)


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Whether strangers may sign up; the operator decides."""
        return bool(settings.SIGNUP_OPEN)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Where signing in leads without a page asked for: whoever has no account yet opens the first one."""
        if accounts_of(request.user).exists():
            return str(super().get_login_redirect_url(request))
        return reverse("accounts:account-first")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Looked for by name and by address, a known address would be hashed twice, and take longer to refuse."""
        if credentials.get("username") and credentials.get("username") == credentials.get("email"):
            del credentials["email"]
        user = super().authenticate(request, **credentials)
        if user is None:
            return None
        if given_password_over(user=user, now=timezone.now()):
            logger.warning("signin.password.over person=%s", user.pk)
            self.authentication_failed(request, **credentials)
            return None
        logger.info("signin.password.right person=%s", user.pk)
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Who was meant is not written down: people type passwords into the wrong field."""
        super().authentication_failed(request, **credentials)
        logger.warning("signin.password.wrong address=%s", address_of(request))

    def login(self, request: HttpRequest, user: Any) -> None:
        """All that was asked for is given: the password, the second factor, or the passkey."""
        super().login(request, user)
        sign_in_trail.signed_in(request, user)

    def logout(self, request: HttpRequest) -> None:
        sign_in_trail.signed_out(request.user)
        super().logout(request)

    def set_password(self, user: Any, password: str) -> None:
        """Changed, set or reset: tokens that were given away before open nothing any more, either."""
        user.password_good_until = None
        super().set_password(user, password)
        tokens_revoke_all(user=user, now=timezone.now())

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send; a mail server that is away is logged and must not break what the mail only tells about."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as problem:  # what smtplib raises is one, too
            name = type(problem).__name__
            logger.error("mail.failed template=%s problem=%s", template_prefix, name)  # noqa: TRY400 - a trace has the address
            # Said on a password reset, it would tell strangers which addresses are known.
            if "email_confirmation" in template_prefix:
                allauth_context.request.META[UNSENT] = True

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Never says that a confirmation was sent when it was not."""
        if request.META.get(UNSENT) and message_template == "account/messages/email_confirmation_sent.txt":
            messages.error(request, NOT_SENT)
            return
        super().add_message(request, level, message_template, *args, **kwargs)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002 - allauth hands it over
        return reverse("mfa_index")

    def get_signup_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002 - allauth hands it over
        return reverse("accounts:account-first")


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keeps the secrets of second factors encrypted, so that a copy of the database signs nobody in.

    Recovery codes are hashed before; those of an older version, which made them of a seed, are encrypted alone.
    """

    def encrypt(self, text: str) -> str:
        return secret_box(b"second-factor").encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises FactorSealed when SECRET_KEY was changed without keeping the old one in SECRET_KEY_FALLBACKS."""
        try:
            return recovery_code_opened(opened(b"second-factor", encrypted_text).decode())
        except CannotOpen:
            raise FactorSealed from None


class SessionsAdapter(DefaultUserSessionsAdapter):
    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """Those of a list, by “sign out everywhere else”."""
        user_sessions_end(sessions=sessions)
