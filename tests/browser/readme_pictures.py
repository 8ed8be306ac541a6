"""Takes the README's pictures (``make screenshots``); no test, and so not named like one.

The demo trader's year ends on a fixed day and the clock stands still there: the same code gives the same pictures.
"""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, Q
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Page

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from brokers.services.quotes import quote_fetch
from tests.brokers.simulator_server import simulator_process
from tests.browser.conftest import settled
from trades.demo.exchange import IDEAS, demo_orders
from trades.demo.writing import demo_write
from trades.execution.submit import order_submit
from trades.execution.sync import connection_sync
from trades.models import Order, Trade
from trades.services.live_prices import live_prices_refresh

pytestmark = pytest.mark.django_db(transaction=True)

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
LAST_DAY = date(2026, 9, 30)
# After the close in New York.
NOW = datetime(2026, 9, 30, 20, 30, tzinfo=UTC)
WIDTH, HEIGHT = 1440, 1000
MOST_BYTES = 250_000


@pytest.fixture
def account(db: None) -> Iterator[TradingAccount]:
    with time_machine.travel(NOW, tick=False):
        demo = User.objects.create_user(username="demo", email="demo@example.com", password=None)
        with transaction.atomic():
            demo_write(demo, until=LAST_DAY)
        yield TradingAccount.objects.get(owner=demo, currency="USD")


@pytest.fixture
def traded(account: TradingAccount, settings: Any) -> Iterator[TradingAccount]:
    """The demo trader's account at the stand-in exchange, half an hour after its orders left."""
    began, words = NOW - timedelta(minutes=30), ("--market", "synthetic", "--always-open", "--speed", "0")
    # Nothing trades at the very moment the account is connected.
    opened = began + timedelta(seconds=2)
    with (
        simulator_process("--from", opened.isoformat(), *words) as (exchange, _),
        time_machine.travel(began, tick=False) as clock,
    ):
        settings.SIMULATOR_URL = exchange.url
        settings.SIMULATOR_API_KEY, settings.SIMULATOR_SECRET_KEY = exchange.key_id, exchange.secret_key
        demo_orders(now=began)
        for number, idea in enumerate(IDEAS):
            Order.objects.filter(symbol=idea.symbol).update(created_at=began + timedelta(seconds=number))
        for order in Order.objects.filter(status="new", parent=None):
            order_submit(order.pk)
        exchange.control.set_clock(NOW)
        clock.move_to(NOW)
        cache.clear()
        connection = BrokerConnection.objects.get()
        connection_sync(connection)
        live_prices_refresh(now=NOW)
        yield TradingAccount.objects.get(connection=connection)


def _keep(page: Page, name: str) -> None:
    settled(page)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    image.save(path, optimize=True)
    assert path.stat().st_size < MOST_BYTES


def _story(account: TradingAccount) -> Trade:
    """The latest winner that was scaled into or out of, reviewed, with words on it."""
    fills = Trade.objects.filter(account=account, status="closed", outcome="win").exclude(notes_after="")
    return (
        fills.annotate(n=Count("fills", distinct=True), words=Count("tags", distinct=True))
        .filter(Q(n__gte=3), Q(words__gte=1))
        .latest("exit_date")
    )


def test_pictures(
    page: Page,
    account: TradingAccount,
    sign_in: Callable[[Page, User], None],
    visit: Callable[[Page, str], None],
) -> None:
    sign_in(page, account.owner)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    of_account = f"?account={account.pk}"
    visit(page, reverse("trades:dashboard") + of_account)
    _keep(page, "dashboard")
    visit(page, reverse("trades:performance") + of_account)
    page.get_by_role("heading", name="Returns over time").evaluate("heading => heading.scrollIntoView()")
    page.mouse.wheel(0, -16)
    _keep(page, "performance")
    visit(page, reverse("trades:trade-detail", args=[_story(account).pk]))
    _keep(page, "trade")
    visit(page, f"{reverse('trades:plan-create')}{of_account}&symbol=MSFT")
    for name, text in {"entry": "431.20", "stop": "424.60", "target_1": "451", "portion_1": "50"}.items():
        page.fill(f"#id_{name}", text)
    page.fill("#id_target_2", "464.20")
    page.select_option("#id_setup", label="Pullback to the 20-day average")
    page.fill("#id_thesis", "Third touch of the rising average on low volume. Wrong below the low of the pullback.")
    page.get_by_text("shares of MSFT").wait_for()
    page.locator("#desk-checklist input[type=checkbox], input[name=criterion]").first.check()
    page.locator("#id_symbol").focus()
    page.evaluate("document.activeElement.blur()")
    _keep(page, "plan")


def test_pictures_of_orders(
    page: Page,
    traded: TradingAccount,
    sign_in: Callable[[Page, User], None],
    visit: Callable[[Page, str], None],
) -> None:
    sign_in(page, traded.owner)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    visit(page, f"{reverse('trades:position-list')}?account={traded.pk}")
    _keep(page, "positions")
    visit(page, reverse("trades:order-list"))
    _keep(page, "orders")
    visit(page, f"{reverse('trades:order-create')}?account={traded.pk}&symbol=NVDA")
    page.get_by_label("Buy", exact=True).check()
    page.select_option("#id_type", "market")
    page.select_option("#id_time_in_force", "gtc")
    page.fill("#id_quantity", "60")
    quote = quote_fetch(traded.connection, "NVDA")
    for name, share in {"stop_loss": Decimal("0.96"), "take_profit": Decimal("1.08")}.items():
        page.fill(f"#id_{name}", str((quote.ask * share).quantize(Decimal("0.01"))))
    page.locator("#order-preview").get_by_text("Heat", exact=True).wait_for()
    page.evaluate("document.activeElement.blur()")
    _keep(page, "ticket")
