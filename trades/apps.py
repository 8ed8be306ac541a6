"""What the trader does and learns."""

from django.apps import AppConfig


class TradesConfig(AppConfig):
    name = "trades"
    label = "trades"
