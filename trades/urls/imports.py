"""Addresses of imports."""

from django.urls import path

from trades.views import imports as views

urlpatterns = [
    path("imports/", views.import_list, name="import-list"),
    path("imports/new/", views.import_create_view, name="import-create"),
    path("imports/template/", views.import_template, name="import-template"),
    path("imports/<uuid:pk>/", views.import_detail, name="import-detail"),
    path("imports/<uuid:pk>/mapping/", views.import_mapping, name="import-mapping"),
    path("imports/<uuid:pk>/commit/", views.import_commit_view, name="import-commit"),
    path("imports/<uuid:pk>/undo/", views.import_undo_view, name="import-undo"),
    path("imports/<uuid:pk>/delete/", views.import_delete_view, name="import-delete"),
    path("imports/<uuid:pk>/progress/", views.import_progress, name="import-progress"),
]
