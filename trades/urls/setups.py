"""Setups with their checklists, and tags."""

from django.urls import URLPattern, path

from trades.views import setups as views

urlpatterns: list[URLPattern] = [
    path("setups/", views.setup_list, name="setup-list"),
    path("setups/new/", views.setup_new, name="setup-create"),
    path("setups/<uuid:pk>/", views.setup_change, name="setup-edit"),
    path("setups/<uuid:pk>/delete/", views.setup_remove, name="setup-delete"),
    path("tags/", views.tag_list, name="tag-list"),
    path("tags/new/", views.tag_new, name="tag-create"),
    path("tags/<uuid:pk>/", views.tag_change, name="tag-edit"),
    path("tags/<uuid:pk>/merge/", views.tag_join, name="tag-merge"),
    path("tags/<uuid:pk>/delete/", views.tag_remove, name="tag-delete"),
]
