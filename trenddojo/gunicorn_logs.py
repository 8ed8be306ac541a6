"""How gunicorn logs: `--logger-class trenddojo.gunicorn_logs.Logger` writes its lines as the rest of the desk does."""

import logging.config
import os
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")


class Logger(GunicornLogger):
    """No format, file or level of its own but the one that says how much gunicorn itself has to say."""

    def setup(self, cfg: Any) -> None:
        from django.conf import settings  # read by gunicorn's first process, as the application will be

        self.cfg = cfg
        logging.config.dictConfig(settings.LOGGING)
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True
        # Each answer is an event of our own.
        self.access_log.disabled = True
