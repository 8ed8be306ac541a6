"""The trades list, its filters, bulk actions and export."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
