"""Journal pages, notes and screenshots."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
