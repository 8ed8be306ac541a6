"""What every template may use."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from trades.selectors.brakes import BrakesShown, brakes_shown
from trenddojo.pulse import others_watch


def site(request: HttpRequest) -> dict[str, object]:
    return {
        "SITE_NAME": settings.SITE_NAME,
        "SIGNUP_OPEN": settings.SIGNUP_OPEN,
        # Asked for only where a page has room for the banner.
        "brakes": SimpleLazyObject(lambda: _brakes(request)),
    }


def _brakes(request: HttpRequest) -> BrakesShown:
    """What holds entries back. A page that finds a silence nobody has noticed tells those it concerns."""
    shown = brakes_shown(request.user)
    if shown.is_news:
        others_watch()
    return shown
