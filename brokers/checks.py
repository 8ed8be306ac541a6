"""System checks that refuse an unsafe set-up for live orders and for keys."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's own name

# What `make run` checks; all the others would load every page.
TAG = "brokers"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
CARRIES_KEYS = ("ALPACA_BASE_URL", "ALPACA_DATA_URL", "ALPACA_STREAM_URL")
IN_CLEAR = frozenset({"http", "ws"})


@register(Tags.security, TAG)
def check_live_orders(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:  # noqa: ARG001 - Django
    """Live orders leave only from a desk that is set up for them."""
    return live_problems() if settings.ENABLE_BROKER_INTEGRATIONS else []


def live_problems() -> list[CheckMessage]:
    """What must be mended before a live order may leave. Web and worker processes run no checks: they ask this."""
    found: list[CheckMessage] = []
    if settings.DEBUG:
        hint = "Set DEBUG=false, or ENABLE_BROKER_INTEGRATIONS=false."
        found.append(Error("DEBUG is on while live orders may leave.", hint=hint, id="brokers.E001"))
    if not settings.BROKER_ENCRYPTION_KEYS:
        hint = "Set BROKER_ENCRYPTION_KEY to 32 random bytes in base64, as docs/settings.md shows."
        found.append(Error("Keys of brokers cannot be sealed.", hint=hint, id="brokers.E002"))
    if settings.CELERY_BROKER_URL.startswith(("memory:", "filesystem:")) or getattr(
        settings, "CELERY_TASK_ALWAYS_EAGER", False
    ):
        hint = "Set REDIS_URL to a Valkey or Redis that web and workers share."
        found.append(Error("Live orders need a queue that outlives a process.", hint=hint, id="brokers.E003"))
    return found


@register(Tags.security, TAG)
def check_addresses(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:  # noqa: ARG001 - Django
    """Keys of brokers travel encrypted, except within this machine."""
    return [
        Error(f"{name} would carry keys in clear.", hint=f"Write https:// or wss:// in {name}.", id="brokers.E004")
        for name in CARRIES_KEYS
        if _is_in_clear(getattr(settings, name))
    ]


@register(Tags.security, deploy=True)
def check_sealing_key(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:  # noqa: ARG001 - Django
    """A desk that others reach will be asked to connect to brokers."""
    if settings.BROKER_ENCRYPTION_KEYS:
        return []
    hint = "Set BROKER_ENCRYPTION_KEY to 32 random bytes in base64, as docs/settings.md shows."
    return [Warning("Nobody can connect to a broker.", hint=hint, id="brokers.W001")]


def _is_in_clear(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in IN_CLEAR and parts.hostname not in LOOPBACK
