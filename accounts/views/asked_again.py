"""Being asked who is there before something that outlives the session is changed: allauth's pages, written down.

Whoever was asked goes on under a new session key, as at sign-in.
"""

from typing import Any, ClassVar

from allauth.account.decorators import reauthentication_required
from allauth.account.views import ReauthenticateView
from allauth.mfa.base.views import ReauthenticateView as CodeView
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from allauth.usersessions.views import list_usersessions
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from accounts.services import sign_in_trail
from accounts.services.people import session_renew, user_sessions_tidy


class _Noted:
    request: HttpRequest
    by: ClassVar[str]

    def form_valid(self, form: Any) -> HttpResponse:
        sign_in_trail.asked_again(self.request.user, self.by)
        session_renew(self.request)
        return super().form_valid(form)  # type: ignore[misc,no-any-return]  # the mixin knows no base

    def form_invalid(self, form: Any) -> HttpResponse:
        sign_in_trail.asked_again_in_vain(self.request.user, self.by)
        return super().form_invalid(form)  # type: ignore[misc,no-any-return]  # the mixin knows no base


class PasswordAgainView(_Noted, ReauthenticateView):
    by = "password"


class CodeAgainView(_Noted, CodeView):
    by = "code"


class PasskeyAgainView(_Noted, ReauthenticateWebAuthnView):
    by = "passkey"


password_again = PasswordAgainView.as_view()
code_again = CodeAgainView.as_view()
passkey_again = PasskeyAgainView.as_view()


@login_required
@reauthentication_required(allow_get=True)
def session_list(request: HttpRequest) -> HttpResponse:
    """Asks who it is before signing out everywhere else: it may be somebody who sat down at an open desk."""
    user_sessions_tidy(request.user)
    return list_usersessions(request)  # type: ignore[no-any-return]  # allauth has no types
