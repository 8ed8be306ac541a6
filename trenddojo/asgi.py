"""The ASGI application, for servers that speak it: everything but event streams, which need gunicorn's threads."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")

application = get_asgi_application()
