"""The WSGI application gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from trenddojo.forking import memory_pools_limit, memory_share

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")

memory_pools_limit()
pages = get_wsgi_application()

from django.urls import get_resolver  # noqa: E402 - settings are only ready now

from accounts.calendars import sessions_warm  # noqa: E402 - models are only ready now
from trenddojo.handover import handing_over  # noqa: E402

# Event streams leave the thread that answered them.
application = handing_over(pages)

# The calendar library and the addresses of the whole site take seconds to import: better at the start, once before
# gunicorn forks, than in each process's first visitor's request. What is there by then, the processes share.
sessions_warm()
get_resolver().url_patterns  # noqa: B018 - read for what it imports
memory_share()
