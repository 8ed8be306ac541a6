"""Setups with their checklists, and tags."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
