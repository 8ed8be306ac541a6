"""Addresses of the API about brokers."""

from rest_framework.routers import SimpleRouter

from brokers.api.connections import ConnectionViewSet

router = SimpleRouter(use_regex_path=False)
router.include_format_suffixes = False  # type: ignore[attr-defined] # read by the router
router.register("connections", ConnectionViewSet, basename="connection")

urlpatterns = router.urls
