"""Logging: one plain line an event, key=value, to standard error."""

import sys
from typing import Any


def configuration(level: str) -> dict[str, Any]:
    """For Django's LOGGING, at a level such as INFO."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "trenddojo.middleware.RequestIdFilter"}},
        "formatters": {
            "plain": {
                "()": "trenddojo.middleware.UtcFormatter",
                "format": "{asctime} level={levelname} logger={name} request={request_id} {message}",
                "style": "{",
            },
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": sys.stderr,
                "formatter": "plain",
                "filters": ["request_id"],
            },
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # A page that is not there is the visitor's matter; what broke is ours.
            "django.request": {"handlers": [], "level": "ERROR", "propagate": True},
            # Scanners knock under any name; a traceback for each would bury what matters.
            "django.security.DisallowedHost": {"handlers": [], "level": "CRITICAL", "propagate": True},
            # At DEBUG it writes down what is sent, and the first thing sent are the keys that open the stream.
            "websockets": {"handlers": [], "level": "INFO", "propagate": True},
            # Warns of every HEAD request that Django answers with the page's body.
            "gunicorn.http.wsgi": {"handlers": [], "level": "ERROR", "propagate": True},
        },
    }
