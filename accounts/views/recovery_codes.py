"""Recovery codes are shown by the answer that makes them, and nowhere again."""

from typing import Any, Final
from urllib.parse import quote

from allauth.account.adapter import get_adapter
from allauth.core.ratelimit import consume_or_429
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.selectors import recovery_codes_of
from accounts.services.recovery_codes import recovery_codes_make

FILE: Final = "TrendDojo recovery codes, each good for one sign-in:\n\n{codes}\n"


@login_required
@require_safe
def codes_left(request: HttpRequest) -> HttpResponse:
    """How many there are, and what to do when they are lost."""
    kept = recovery_codes_of(request.user)
    unused = kept.wrap().get_unused_codes() if kept else []
    return render(request, "mfa/recovery_codes/index.html", {"authenticator": kept, "unused": len(unused)})


@login_required
@require_safe
def codes_file(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the signature of a view
    """An address of before: there is no file of codes that cannot be read."""
    return redirect("mfa_view_recovery_codes")


class CodesMakeView(GenerateRecoveryCodesView):
    """Makes a new set; allauth's asks who is there first."""

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """Ten slow hashes each time."""
        refused = consume_or_429(request, action="recovery_codes", user=request.user)
        return refused or super().post(request, *args, **options)

    def form_valid(self, form: Any) -> HttpResponse:  # noqa: ARG002 - there is nothing in it
        codes = recovery_codes_make(user=self.request.user)
        get_adapter().send_notification_mail("mfa/email/recovery_codes_generated", self.request.user)
        return _shown(self.request, codes)


class _WithCodes:
    """Whoever turns on their first second factor gets recovery codes with it."""

    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        if recovery_codes_of(self.request.user) is not None:
            return super().form_valid(form)  # type: ignore[misc,no-any-return]  # the mixin knows no base
        with transaction.atomic():
            # Before allauth would make some of its own, which can be read again.
            codes = recovery_codes_make(user=self.request.user)
            super().form_valid(form)  # type: ignore[misc]  # as above
        return _shown(self.request, codes)


class AppOnView(_WithCodes, ActivateTOTPView):
    """Turns the authenticator app on."""


class PasskeyAddView(_WithCodes, AddWebAuthnView):
    """Adds a passkey."""


def _shown(request: HttpRequest, codes: tuple[str, ...]) -> HttpResponse:
    """The file is in the page itself: no server keeps what could be asked for once more."""
    file = "data:text/plain;charset=utf-8," + quote(FILE.format(codes="\n".join(codes)))
    return render(request, "mfa/recovery_codes/made.html", {"codes": codes, "file": file})


codes_make = CodesMakeView.as_view()
app_on = AppOnView.as_view()
passkey_add = PasskeyAddView.as_view()
