"""Addresses of the API about trades and orders."""

from rest_framework.routers import SimpleRouter

from trades.api.accounts import AccountViewSet
from trades.api.orders import OrderViewSet
from trades.api.positions import PositionViewSet
from trades.api.market import MarketViewSet
from trades.api.tags import TagViewSet

router = SimpleRouter(use_regex_path=False)
router.include_format_suffixes = False
router.register("accounts", AccountViewSet, basename="account")
router.register("orders", OrderViewSet, basename="order")
router.register("positions", PositionViewSet, basename="position")
router.register("market", MarketViewSet, basename="market")
router.register("tags", TagViewSet, basename="tag")

urlpatterns = router.urls
