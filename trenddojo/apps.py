"""The spine of the desk: what belongs to no single room."""

from django.apps import AppConfig


class TrendDojoConfig(AppConfig):
    name = "trenddojo"
    label = "trenddojo"
    verbose_name = "TrendDojo"

    def ready(self) -> None:
        # Importing registers the checks; importing the Celery application makes shared tasks find our queue.
        from trenddojo import celery, checks  # noqa: F401
