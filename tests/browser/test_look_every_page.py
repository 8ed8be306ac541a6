"""The desk with a year of trades: the navigation and every performance page are fit to be shown to a customer.

Each page is opened, must answer as it should, must not scroll sideways at 390, 820 and 1440 pixels, and is checked by
axe in light and dark. The pages of a trade are in test_look_trades.py, imports, first steps and refusals in
test_look_first_steps.py, those about the trader in test_accounts.py.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

import accounts.urls
import trades.urls
from accounts.models import TradingAccount
from tests.browser.conftest import Tour
from trades.demo.writing import demo_write
from trades.models import LimitOverride, Trade
from trades.selectors.breakdowns import BREAKDOWNS
from trenddojo.templatetags.page import NAVIGATION

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = [name for section in NAVIGATION.values() for name, _, _ in section if not name.startswith("admin:")]
# What is named but has no page of its own: parts of pages, files, and what only a form is sent to.
NO_PAGES = {
    *("plan-size", "plan-checklist", "fill-costs", "import-progress", "import-template", "import-mapping"),
    *("import-commit", "trade-export", "trade-bulk-tag", "trade-pending", "trade-planned", "filter-create"),
    *("screenshot-add", "screenshot-view", "journal-screenshot-add", "tag-create", "tag-merge", "data-export"),
    *("session-end", "account-archive", "account-unarchive"),
    *("trade-bars", "notification-open", "notifications-read"),
    *("webhook-on", "webhook-off", "webhook-test", "webhook-replay", "webhook-rotate"),
    *("order-story-json", "order-story-csv"),
    *("eyes-count", "eyes-look", "eyes-order-ask", "eyes-cancel-again", "eyes-sync", "eyes-connection-ask"),
    *("order-changes", "order-freshness", "order-preview", "account-resume", "halt-resume"),
}


@pytest.fixture
def year(page: Page, bob: "User", sign_in: "Callable[[Page, User], None]") -> "User":
    with transaction.atomic():
        demo_write(bob, until=timezone.now().date())
    sign_in(page, bob)
    return bob


def _override(trade: Trade, reason: str, code: str, sentence: str) -> None:
    LimitOverride.objects.create(
        trade=trade, actor=trade.owner, code=code, sentence=sentence, limit=30, actual=42, reason=reason
    )
    Trade.objects.filter(pk=trade.pk).update(is_override=True)


def test_every_page_of_the_navigation_is_fit_to_be_shown(year: "User", tour: Tour) -> None:
    for name in PAGES:
        tour.visit(name.replace(":", "-"), reverse(name))
    tour.visit("trades-filtered", "/trades/?status=closed&direction=long&outcome=win&sort=-net_pnl")
    tour.visit("trades-none-found", "/trades/?q=zebra")
    tour.visit("journal-month", f"/journal/?month={timezone.now():%Y-%m}")


def test_every_performance_page_is_fit_to_be_shown(year: "User", tour: Tour) -> None:
    main = TradingAccount.objects.get(owner=year, currency="USD")
    for trade in Trade.objects.filter(account=main, status="closed")[:3]:
        _override(trade, "The gap closed before my order was in.", "max_position", "The position would be 42 %.")
        _override(trade, "The gap closed before my order was in.", "max_open_risk", "The heat would be 6.4 %.")

    for by in BREAKDOWNS:
        tour.visit(f"breakdown-{by}", reverse("trades:performance-breakdown", args=[by]))
    for name in ("equity", "calendar", "plan", "overrides"):
        tour.visit(f"performance-{name}", reverse(f"trades:performance-{name}") + f"?account={main.pk}")
    tour.visit("performance-account", reverse("trades:performance") + f"?account={main.pk}")
    for key in ("win_rate", "twr"):
        tour.visit(f"figure-{key}", reverse("trades:performance-figure", args=[key]) + f"?account={main.pk}")
    address = reverse("trades:performance-figure", args=["profit_factor"])
    tour.visit("figure-undefined", f"{address}?account={main.pk}&outcome=win")


def test_every_address_with_a_page_is_shown_by_one_of_these_tests() -> None:
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    named = {name.split(":")[-1] for name in PAGES} | set(re.findall(r"[\"':]([a-z]+(?:-[a-z]+)*)[\"']", sources))
    named |= {f"performance-{name}" for name in ("equity", "calendar", "plan", "overrides")}
    addresses = {pattern.name for pattern in (*trades.urls.urlpatterns, *accounts.urls.urlpatterns)}

    assert addresses - named - NO_PAGES == set()
    assert addresses >= NO_PAGES
