"""The admin's door: the site's own sign-in, with its limits and its second factor, and no other."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator

from accounts.services import sign_in_trail

FACTOR_FIRST = "The admin asks for a second factor: turn one on here, then go on."


class DeskAdminSite(AdminSite):
    """Django's admin asks for a password alone; here whoever has a second factor is asked for it, wherever they enter.

    With ADMIN_SECOND_FACTOR nobody comes in who has none.
    """

    @method_decorator(secure_admin_login)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Strangers are led to the site's sign-in; traders who are no staff are refused."""
        return super().login(request, extra_context)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        sign_in_trail.signed_out(request.user)
        return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """The site's own page, which counts tries, tells the owner and revokes tokens."""
        return redirect("account_change_password")

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002
        @wraps(view)
        def asked_for_a_factor(request: HttpRequest, *args: Any, **options: Any) -> Any:
            if settings.ADMIN_SECOND_FACTOR and self.has_permission(request) and not is_mfa_enabled(request.user):
                messages.warning(request, FACTOR_FIRST)
                return redirect("mfa_index")
            return view(request, *args, **options)

        return super().admin_view(asked_for_a_factor, cacheable)
