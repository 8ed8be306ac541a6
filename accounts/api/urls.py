"""Addresses of the API about who trades and with what money."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
