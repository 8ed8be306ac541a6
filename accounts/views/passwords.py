"""Changing or setting the password: allauth's pages, after which this browser goes on as the one it was."""

from typing import Any

from allauth.account.views import PasswordChangeView, PasswordSetView
from django.http import HttpRequest, HttpResponse

from accounts.services.people import session_followed


class _GoesOn:
    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        before = self.request.session.session_key
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]  # the mixin knows no base
        session_followed(before=before, now=self.request.session.session_key)
        return answer


class _Change(_GoesOn, PasswordChangeView):
    pass


class _Set(_GoesOn, PasswordSetView):
    pass


password_change = _Change.as_view()
password_set = _Set.as_view()
