"""The API's addresses, under /api/v1/: each app's own, the schema, and an answer where nothing lives."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from trenddojo.api.views import Docs, Index, NoSuchAddress, Schema

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", Index.as_view(), name="index"),
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", Docs.as_view(), name="docs"),
    path("", include("accounts.api.urls")),
    path("", include("brokers.api.urls")),
    path("", include("trades.api.urls")),
    re_path(r"^.*$", NoSuchAddress.as_view(), name="nothing"),
]
