"""Changing or setting the password: allauth's pages, after which this browser goes on as the one it was."""

from collections.abc import Callable
from functools import wraps

from allauth.account.views import password_change as change
from allauth.account.views import password_set as first
from django.http import HttpRequest, HttpResponse

from accounts.services.people import session_followed

View = Callable[[HttpRequest], HttpResponse]


def _goes_on(view: View) -> View:
    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        before = request.session.session_key
        answer = view(request)
        if request.session.session_key != before:
            session_followed(before=before, now=request.session.session_key)
        return answer

    return answered


password_change = _goes_on(change)
password_set = _goes_on(first)
