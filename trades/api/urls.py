"""Addresses of the API about trades and orders."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from trades.api.accounts import AccountViewSet
from trades.api.bar_series import BarSeriesViewSet
from trades.api.executions import ExecutionViewSet
from trades.api.eyes import MatterViewSet, UnclearOrderViewSet
from trades.api.halts import HaltViewSet
from trades.api.history import TradeHistoryViewSet
from trades.api.imports import ImportViewSet
from trades.api.journal_days import JournalDayViewSet
from trades.api.market import MarketViewSet
from trades.api.order_preview import OrderPreviewViewSet
from trades.api.orders import OrderViewSet
from trades.api.performance import PerformanceViewSet
from trades.api.positions import PositionViewSet
from trades.api.saved_filters import SavedFilterViewSet
from trades.api.screenshots import ScreenshotViewSet
from trades.api.setups import SetupViewSet
from trades.api.sizing import PositionSizeViewSet
from trades.api.stop_moves import StopMoveViewSet
from trades.api.tags import TagViewSet
from trades.api.trade_tagging import TradeTaggingViewSet
from trades.api.trades import TradeViewSet

router = SimpleRouter(use_regex_path=False)
router.include_format_suffixes = False
router.register("accounts", AccountViewSet, basename="account")
router.register("bar-series", BarSeriesViewSet, basename="bar-series")
router.register("imports", ImportViewSet, basename="import")
router.register("journal-days", JournalDayViewSet, basename="journal-day")
router.register("market", MarketViewSet, basename="market")
router.register("orders", OrderViewSet, basename="order")
router.register("performance", PerformanceViewSet, basename="performance")
router.register("position-size", PositionSizeViewSet, basename="position-size")
router.register("positions", PositionViewSet, basename="position")
router.register("saved-filters", SavedFilterViewSet, basename="saved-filter")
router.register("screenshots", ScreenshotViewSet, basename="screenshot")
router.register("setups", SetupViewSet, basename="setup")
router.register("tags", TagViewSet, basename="tag")
router.register("trades", TradeViewSet, basename="trade")

urlpatterns = [
    path("orders/<uuid:pk>/ask/", UnclearOrderViewSet.as_view({"post": "ask"}), name="order-ask"),
    path(
        "orders/<uuid:pk>/never-arrived/",
        UnclearOrderViewSet.as_view({"post": "never_arrived"}),
        name="order-never-arrived",
    ),
    *router.urls,
    path("orders/preview/", OrderPreviewViewSet.as_view({"post": "create"}), name="order-preview"),
    path("eyes/", MatterViewSet.as_view({"get": "show"}), name="eyes"),
    path("eyes/look/", MatterViewSet.as_view({"post": "look"}), name="eyes-look"),
    path("eyes/look-again/", MatterViewSet.as_view({"post": "look_again"}), name="eyes-look-again"),
    path("halt/", HaltViewSet.as_view({"get": "show", "post": "halt"}), name="halt"),
    path("resume/", HaltViewSet.as_view({"post": "resume"}), name="resume"),
    path("flatten/", HaltViewSet.as_view({"post": "flatten"}), name="flatten"),
    path("accounts/<uuid:pk>/flatten/", HaltViewSet.as_view({"post": "flatten_account"}), name="account-flatten"),
    path("trades/tag/", TradeTaggingViewSet.as_view({"post": "tag"}), name="trade-tag"),
    path("trades/<uuid:trade>/stop-moves/", StopMoveViewSet.as_view({"post": "create"}), name="stop-move-list"),
    path("trades/<uuid:trade>/history/", TradeHistoryViewSet.as_view({"get": "list"}), name="trade-history"),
    path("trades/<uuid:trade>/executions/", ExecutionViewSet.as_view({"post": "create"}), name="execution-list"),
    path(
        "trades/<uuid:trade>/executions/<uuid:pk>/",
        ExecutionViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="execution-detail",
    ),
]
