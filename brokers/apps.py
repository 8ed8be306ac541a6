"""How the desk talks to the outside."""

from django.apps import AppConfig


class BrokersConfig(AppConfig):
    name = "brokers"
    label = "brokers"

    def ready(self) -> None:
        # Importing registers the checks.
        from brokers import checks  # noqa: F401 - importing registers them
