"""The WSGI application gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")

application = get_wsgi_application()

# The calendar library takes seconds to import: better at the start, once before gunicorn forks, than in
# the first visitor's request.
from accounts.calendars import sessions_warm  # noqa: E402 - models are only ready now

sessions_warm()
