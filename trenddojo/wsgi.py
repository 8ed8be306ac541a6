"""The WSGI application gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")

pages = get_wsgi_application()

# Event streams leave the thread that answered them: models are only ready now.
from trenddojo.handover import handing_over  # noqa: E402

application = handing_over(pages)

# The calendar library takes seconds to import: better at the start, once before gunicorn forks, than in
# the first visitor's request.
from accounts.calendars import sessions_warm  # noqa: E402 - models are only ready now

sessions_warm()
