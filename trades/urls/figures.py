"""The dashboard and the performance pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
