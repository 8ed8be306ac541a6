"""How the desk talks to the outside."""

from django.apps import AppConfig


class BrokersConfig(AppConfig):
    name = "brokers"
    label = "brokers"
