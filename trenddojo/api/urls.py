"""The API's addresses, under /api/v1/: each app's own, the schema, and an answer where nothing lives."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from trenddojo.api.views import NoSuchAddress

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"),
    path("", include("accounts.api.urls")),
    path("", include("brokers.api.urls")),
    path("", include("trades.api.urls")),
    re_path(r"^.*$", NoSuchAddress.as_view(), name="nothing"),
]
