"""Addresses of the whole site; each app's own are in its urls.py."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from trenddojo import views

operations = (
    [
        path("healthz", views.healthz, name="healthz"),
        path("readyz", views.readyz, name="readyz"),
        path("metrics", views.metrics_page, name="metrics"),
        path("system/", views.system, name="system"),
    ],
    "trenddojo",
)

handler500 = "trenddojo.views.server_error"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(operations)),
    path("admin/", admin.site.urls),
    path("auth/", include("accounts.auth_urls")),
    path("api/v1/", include("trenddojo.api.urls")),
]
# The rooms of the house, the general one last.
ROOMS = ("accounts.urls", "brokers.urls", "trades.urls")
urlpatterns += [path("", include(module)) for module in ROOMS if find_spec(module)]
