"""A trade from plan to last fill."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
