"""Addresses of the API about brokers."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
