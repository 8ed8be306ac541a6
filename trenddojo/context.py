"""What every template may use."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.selectors import accounts_halted


def site(request: HttpRequest) -> dict[str, object]:
    return {
        "SITE_NAME": settings.SITE_NAME,
        "SIGNUP_OPEN": settings.SIGNUP_OPEN,
        # Asked for only where a page has room for the banner.
        "halted_accounts": SimpleLazyObject(lambda: list(accounts_halted(request.user))),
    }
