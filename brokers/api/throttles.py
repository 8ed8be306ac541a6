"""How often keys may be tried at a broker: one budget with the page."""

from typing import Final

import redis
from allauth.account import app_settings
from allauth.core.internal.ratelimit import parse_rates
from allauth.core.ratelimit import consume
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from trenddojo.api.errors import Unavailable

ACTION: Final = "broker_keys"


def check_key_budget(request: Request) -> None:
    """Count one try. Raises Throttled, and Unavailable where nobody can count: keys are tried by nobody then."""
    try:
        is_free = consume(request, action=ACTION, user=request.user)
    except redis.RedisError as problem:
        raise Unavailable("Keys cannot be tried just now: try again in a minute.", wait=60) from problem
    if not is_free:
        (rate,) = parse_rates(app_settings.RATE_LIMITS[ACTION])
        raise Throttled(wait=int(rate.duration))
