"""The Celery application. Workers and beat start with `celery -A trenddojo.celery`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")

app = Celery("trenddojo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# A task that runs in a thread would otherwise find celery's fallback application and its amqp queue.
app.set_default()
