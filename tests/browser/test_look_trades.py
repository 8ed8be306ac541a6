"""A trade from plan to lesson, its journal, setups, tags and filters: each page is fit to be shown to a customer.

Long names, long notes and large numbers are part of it; each form is shown empty, filled in and refused.
"""

import io
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Page

from accounts.models import TradingAccount
from tests.browser.conftest import Tour
from tests.factories import make_setup, make_tag
from tests.trades.desk_kit import NOW, at, d, make_account, make_fill, make_plan
from trades.models import JournalDay, Trade
from trades.services.plan_input import Target
from trades.services.saved_filters import filter_create
from trades.services.screenshots import screenshot_add
from trades.services.status import plan_cancel, trade_mark_pending
from trades.services.stops import stop_move

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)

LONG_NAME = "Retirement savings, long-term growth, brokerage number two"
LONG_WORD = "https://charts.example.com/" + "a-very-long-address-without-any-break-in-it" * 3
NOTES = f"""## What I saw

The range held for **three weeks**, volume dried up. See {LONG_WORD}

- Entry above the high
- No trade below yesterday's low

| Level | Price |
|---|---|
| Range high | 101.50 |
| Range low | 94.80 |

> Wait for the close.

    stop = low - 0.5 * atr
"""


@pytest.fixture
def account(page: Page, alice: "User", sign_in: "Callable[[Page, User], None]") -> TradingAccount:
    sign_in(page, alice)
    room = {"max_open_risk_percent": 60, "max_open_positions": 60}
    return make_account(alice, broker="interactive_brokers", starting_balance=d(400_000), policy=room)


def _picture(owner: "User", **parent: object) -> None:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((1600, 900)).save(out, "PNG")
    screenshot_add(
        owner=owner,
        key=uuid4(),
        upload=SimpleUploadedFile("chart.png", out.getvalue()),
        caption="Daily chart: the range, the gap and the close above it on three times the usual volume",
        **parent,  # type: ignore[arg-type]
    )


def _fresh(trade: Trade) -> Trade:
    trade.refresh_from_db()
    return trade


def _journaled(trade: Trade) -> Trade:
    """Notes, tags, a rating and a screenshot."""
    fields = {"thesis": NOTES, "notes_during": "Nothing to do.", "notes_after": NOTES, "rating": 4}
    Trade.objects.filter(pk=trade.pk).update(**fields)
    for kind, name in (("tag", "Earnings week"), ("mistake", "Moved the stop too early, twice"), ("emotion", "Calm")):
        trade.tags.add(make_tag(trade.owner, name, kind))
    _picture(trade.owner, trade_id=trade.pk)
    return _fresh(trade)


def _planned(account: TradingAccount) -> Trade:
    setup = make_setup(account.owner, "Pullback to the rising 20-day average", ("Trend up", "Volume dries up " * 8))
    return make_plan(
        account, symbol="MSFT", setup_id=setup.pk, thesis=NOTES,
        targets=(Target(d(110), d(50)), Target(d(115), d(30)), Target(d(125))),
        checklist={criterion.pk: not criterion.position for criterion in setup.criteria.all()},
    )  # fmt: skip


def _overridden(account: TradingAccount) -> Trade:
    return make_plan(account, symbol="NVDA", quantity=d(900), override_reason="The gap closes today. " * 12)


def _active(account: TradingAccount) -> Trade:
    """Scaled in, partly sold, the stop moved."""
    trade = make_plan(account, quantity=d(200))
    make_fill(trade, "buy", 120, "99.75", at(3))
    make_fill(_fresh(trade), "buy", 80, "101.25", at(3, 16))
    make_fill(_fresh(trade), "sell", 90, "107.4321", at(3, 18))
    stop_move(
        owner=account.owner, trade_id=trade.pk, price=d(100), moved_at=at(3, 19), note="To break-even after the first "
        "target, as the plan says", version=_fresh(trade).version, now=NOW,
    )  # fmt: skip
    return _fresh(trade)


def _closed(account: TradingAccount) -> Trade:
    trade = make_plan(account, symbol="TSLA", direction="short", entry=d(200), stop=d(205), targets=(Target(d(185)),))
    for side, quantity, price, hour in (("sell", 100, "200.10", 15), ("buy", 40, "195", 16), ("buy", 60, "191.5", 18)):
        make_fill(_fresh(trade), side, quantity, price, at(3, hour))
    return _fresh(trade)


def _large(owner: "User") -> Trade:
    """An option with a long symbol, in a currency of large numbers and an account with a long name."""
    account = make_account(
        owner,
        name=LONG_NAME,
        currency="JPY",
        starting_balance=d("98765432109.00"),
        policy={"risk_per_trade_percent": 5},
    )
    trade = make_plan(
        account, symbol="BRK.B  261218C00550000", asset_class="option", entry=d("123456.78"), stop=d("113456.78"),
        targets=(Target(d("193456.78")),), multiplier=d(100),
    )  # fmt: skip
    make_fill(trade, "buy", trade.planned_quantity, "123456.78", at(3))
    make_fill(_fresh(trade), "sell", trade.planned_quantity, "198765.43", at(3, 18))
    return _fresh(trade)


def test_every_state_of_a_trade_is_fit_to_be_shown(account: TradingAccount, tour: Tour) -> None:
    active, closed, planned = _active(account), _journaled(_closed(account)), _planned(account)
    pending, cancelled = make_plan(account, symbol="QQQ"), make_plan(account, symbol="XOM")
    trade_mark_pending(owner=account.owner, trade_id=pending.pk, version=pending.version)
    plan_cancel(owner=account.owner, trade_id=cancelled.pk, version=cancelled.version)
    incomplete = _closed_without_opening(account)
    shown = {"planned": planned, "pending": pending, "active": active, "closed": closed, "cancelled": cancelled}
    shown |= {"incomplete": incomplete, "overridden": _overridden(account), "large": _large(account.owner)}
    for name, trade in shown.items():
        tour.visit(f"trade-{name}", reverse("trades:trade-detail", args=[trade.pk]))
    tour.visit("trade-history", reverse("trades:trade-history", args=[active.pk]))
    tour.visit("trade-list-odd", reverse("trades:trade-list"))
    tour.visit("dashboard-odd", reverse("trades:dashboard"))


def _closed_without_opening(account: TradingAccount) -> Trade:
    trade = make_plan(account, symbol="ETH/USD", asset_class="crypto")
    make_fill(trade, "buy", "0.25", "3021.123456", at(3))
    make_fill(_fresh(trade), "sell", "0.25", "3101.5", at(3, 17))
    Trade.objects.filter(pk=trade.pk).update(is_incomplete=True, initial_stop=None, initial_risk=None, r_multiple=None)
    return _fresh(trade)


def test_every_form_of_a_trade_is_fit_to_be_shown(account: TradingAccount, tour: Tour) -> None:
    active, planned = _active(account), _planned(account)
    cancelled = _overridden(account)
    plan_cancel(owner=account.owner, trade_id=cancelled.pk, version=cancelled.version)
    fill = active.fills.order_by("executed_at")[0]
    for name, row in (
        ("plan-edit", planned), ("trade-cancel", planned), ("trade-delete", active), ("trade-reopen", cancelled),
        ("stop-move", active), ("fill-create", active), ("fill-edit", fill), ("fill-delete", fill),
    ):  # fmt: skip
        tour.visit(name, reverse(f"trades:{name}", args=[row.pk]))
    tour.visit("setup-and-thesis", reverse("trades:plan-edit", args=[active.pk]))

    _refused(tour, "stop-move", reverse("trades:stop-move", args=[active.pk]), "Move the stop", price="1e5")
    fields = {"quantity": "1,5,0", "price": "-4", "executed_at": "tomorrow"}
    _refused(tour, "fill-create", reverse("trades:fill-create", args=[active.pk]), "Record the fill", **fields)


def _refused(tour: Tour, name: str, path: str, button: str, **typed: str) -> None:
    tour.page.goto(tour.address + path)
    _type(tour.page, **typed)
    # What htmx asked for while typing would be broken off by the answer.
    tour.page.wait_for_load_state("networkidle")
    tour.send(f"{name}-refused", button)


def _type(page: Page, **typed: str) -> None:
    page.locator("main form").first.evaluate("form => { form.noValidate = true; }")
    for name, text in typed.items():
        page.fill(f"#id_{name}", text)


def test_plans_and_quick_entries_are_fit_to_be_shown_when_they_are_refused(account: TradingAccount, tour: Tour) -> None:
    make_setup(account.owner, "Breakout", ("Trend up", "Volume"))
    make_tag(account.owner, "Earnings week")
    plan = reverse("trades:plan-create")
    _refused(tour, "plan-empty", plan, "Plan the trade")
    _refused(tour, "plan-fields", plan, "Plan the trade", symbol="A" * 20, entry="NaN", stop="1e9", target_1="0")
    typed = {"symbol": "MSFT", "entry": "50", "stop": "49", "target_1": "53", "quantity": "90000"}
    tour.page.goto(tour.address + plan)
    _type(tour.page, **typed)
    tour.page.select_option("#id_setup", label="Breakout")
    tour.page.get_by_text("Bound by").wait_for()
    tour.show("plan-sized")
    tour.send("plan-limits-refused", "Plan the trade")
    quick = {"symbol": "AAPL", "quantity": "10", "entry_price": "100", "exit_price": "0"}
    _refused(tour, "quick", reverse("trades:quick-entry"), "Record the trade", **quick)


def test_the_journal_is_fit_to_be_shown(account: TradingAccount, tour: Tour) -> None:
    trade, day = _journaled(_closed(account)), date(2026, 3, 3)
    JournalDay.objects.create(owner=account.owner, day=day, plan=NOTES, review="Patience paid.", rating=5)
    _picture(account.owner, day=day)
    pictures = [trade.screenshots.get(), JournalDay.objects.get().screenshots.get()]
    tour.visit("trade-journal", reverse("trades:trade-journal", args=[trade.pk]))
    tour.visit("journal-day", reverse("trades:journal-day", args=[day]))
    tour.visit("journal-day-new", reverse("trades:journal-day", args=[date(2026, 3, 4)]))
    tour.visit("journal-of-march", reverse("trades:journal-list") + "?month=2026-03")
    tour.visit("screenshot-delete", reverse("trades:screenshot-delete", args=[pictures[0].pk]))
    tour.page.goto(tour.address + reverse("trades:journal-day", args=[day]))
    tour.page.set_input_files("input[type=file]", {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
    tour.send("screenshot-refused", "Add screenshot")


def test_setups_tags_and_filters_are_fit_to_be_shown(account: TradingAccount, tour: Tour) -> None:
    owner = account.owner
    setup = make_setup(owner, "Breakout of a base of at least six weeks on rising volume", ("Trend up", "Volume"))
    make_setup(owner, "Retired one")
    tag = make_tag(owner, "Earnings week")
    make_tag(owner, "Chased an entry after the move was made", "mistake")
    kept = filter_create(owner=owner, name="Shorts that lost in the first hour", query="direction=short&outcome=loss")
    _closed(account)
    for name in ("setup-list", "tag-list"):
        tour.visit(f"{name}-few", reverse(f"trades:{name}"))
    tour.visit("setup-create", reverse("trades:setup-create"))
    for name, row in (
        ("setup-edit", setup), ("setup-delete", setup), ("tag-edit", tag), ("tag-delete", tag), ("filter-edit", kept),
        ("filter-delete", kept),
    ):  # fmt: skip
        tour.visit(name, reverse(f"trades:{name}", args=[row.pk]))
    _refused(tour, "setup", reverse("trades:setup-create"), "Save setup")
    _refused(tour, "tag", reverse("trades:tag-list"), "Add")
    tour.visit("trades-with-saved-filter", reverse("trades:trade-list") + "?direction=short&outcome=loss")
    tour.page.get_by_text("Keep this filter").click()
    tour.page.locator("#keep-filter").evaluate("form => { form.noValidate = true; }")
    tour.send("filter-refused", "Keep")
