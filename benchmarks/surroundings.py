"""What the measured processes find in their environment: servers of their own, and the settings of production."""

import base64
import os
import secrets

from tests.servers import Servers


def surroundings(servers: Servers, media: str) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "trenddojo.settings",
        "ENV_FILE": os.devnull,
        # Unhashed static names, as nothing was collected; the measured paths are those of production.
        "TESTING": "true",
        "DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "BROKER_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE_URL": servers.postgres.url,
        "DATABASE_CONN_MAX_AGE": "600",
        "REDIS_URL": f"unix://{servers.valkey.socket}?db=0",
        "MEDIA_ROOT": media,
        "LOG_LEVEL": "ERROR",
    }
