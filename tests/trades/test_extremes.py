"""Numbers no column can hold, and what was refused halfway: a sentence, and nothing changes."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from accounts.models import User
from tests.factories import make_cash, make_setup
from tests.trades.desk_kit import NOW, a_plan, at, d, make_account, make_fill, make_plan
from tests.trades.import_kit import ROUND_TRIP, commit, upload
from trades.models import AccountDay, AuditEntry, Fill, FillImport, JournalDay, Screenshot, Trade
from trades.selectors.dashboard import desk_now
from trades.selectors.equity import changes, equity_days
from trades.selectors.history import trade_history
from trades.selectors.risk_state import risk_state
from trades.services.fills import FillInput, fill_create, fill_edit
from trades.services.journal import TradeNotes, journal_save
from trades.services.plans import plan_create
from trades.services.status import trade_delete
from trades.services.sweeping import files_sweep
from trenddojo.domain.errors import DomainError
from trenddojo.domain.metrics.series import SessionRow, series_figures

pytestmark = pytest.mark.django_db


def test_a_plan_whose_risk_no_column_can_hold_is_refused_at_its_quantity(alice: User) -> None:
    account = make_account(alice)
    plan = a_plan(
        account,
        direction="short",
        entry=d(1),
        stop=d("99999999999"),
        targets=(),
        quantity=d(100_000_000),
        override_reason="why not",
    )
    with pytest.raises(DomainError) as refused:
        plan_create(owner=alice, plan=plan, creation_key=uuid4(), now=NOW)
    assert (refused.value.code, refused.value.field) == ("too_large", "quantity")
    assert not Trade.objects.exists()


def test_costs_that_are_estimated_beyond_their_column_are_refused(alice: User) -> None:
    account = make_account(alice, broker="schwab")
    trade = make_plan(account, asset_class="option", entry=d(2), stop=d(1), targets=(), quantity=d(1))
    given = FillInput("buy", d("99999999999"), d("0.01"), at(3))
    with pytest.raises(DomainError) as refused:
        fill_create(owner=alice, trade_id=trade.pk, given=given, creation_key=uuid4(), now=NOW)
    assert refused.value.field == "commission"
    assert not Fill.objects.exists()


def test_an_account_funded_later_has_no_idle_sessions_before(alice: User) -> None:
    account = make_account(alice, starting_balance=Decimal(0), opened_on=date(2025, 1, 2))
    make_cash(account, "deposit", "1000.00", date(2026, 3, 7))
    days = equity_days([account], changes([account]), until=date(2026, 3, 10))
    assert [(day.day, day.equity) for day in days] == [
        (date(2026, 3, 9), Decimal("1000.00")),
        (date(2026, 3, 10), Decimal("1000.00")),
    ]
    empty = make_account(alice, name="Empty", starting_balance=Decimal(0), opened_on=date(2026, 3, 9))
    assert [day.equity for day in equity_days([empty], changes([empty]), until=date(2026, 3, 10))] == [0, 0]


@pytest.mark.parametrize(
    "movements",
    [
        [],
        [("withdrawal", "100000.00", date(2026, 2, 3))],
        [("withdrawal", "100000.00", date(2026, 1, 2))],
        [("withdrawal", "150000.00", date(2026, 2, 3)), ("deposit", "60000.00", date(2026, 2, 4))],
        [("charge", "100000.00", date(2026, 2, 3))],
        [("withdrawal", "99999.99", date(2026, 1, 5)), ("dividend", "999999999999999999.00", date(2026, 1, 6))],
    ],
)
def test_every_page_stands_whatever_became_of_the_money(alice: User, alice_client: Client, movements: Any) -> None:
    account = make_account(alice)
    for movement in movements:
        make_cash(account, *movement)
    for address in ("/", "/performance/", "/performance/equity/", "/performance/equity/?chart=drawdown"):
        assert alice_client.get(address).status_code == 200
    for key in ("twr", "xirr", "cagr", "sharpe", "calmar", "max_drawdown"):
        assert alice_client.get(f"/performance/figures/{key}/").status_code == 200


def test_a_rate_beyond_what_can_be_told_is_undefined_and_says_so() -> None:
    start = date(2026, 1, 5)
    rows = [SessionRow(start, Decimal("0.01"), Decimal("0.01"))]
    for number in range(1, 25):
        equity = Decimal("0.01") if number % 2 else Decimal(10) ** 18
        taken = Decimal(10) ** 18 - equity if number % 2 else Decimal(0)
        rows.append(SessionRow(start + timedelta(days=20 * number), equity, Decimal(0), taken))
    found = series_figures(rows)
    assert (found["cagr"].value, found["cagr"].reason) == (None, "The rate is too large to be told.")
    assert found["calmar"].value is None


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (2, 2)).save(out, "PNG")
    return out.getvalue()


def test_a_file_that_is_no_picture_leaves_no_empty_page_of_the_day(alice_client: Client) -> None:
    for content, pages in ((b"no picture", 0), (picture(), 1)):
        data = {"key": uuid4(), "caption": "", "image": SimpleUploadedFile("a.png", content)}
        alice_client.post("/journal/2026-03-04/screenshots/", data)
        assert JournalDay.objects.count() == pages


def test_files_of_killed_uploads_and_deleted_imports_are_swept_and_no_others(alice: User) -> None:
    made = upload(make_account(alice), ROUND_TRIP)
    left = default_storage.save("imports/left.csv", ContentFile(b"x"))
    assert files_sweep(now=timezone.now()) == 0
    assert files_sweep(now=timezone.now() + timedelta(hours=2)) == 1
    assert not default_storage.exists(left)
    assert FillImport.objects.get(pk=made.pk).file.read()
    assert len([path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]) == 1


def test_the_journal_of_a_trade_keeps_what_it_said_before(alice: User) -> None:
    account, setup = make_account(alice), make_setup(alice, criteria=("In trend",))
    trade = make_plan(account, setup_id=setup.pk, thesis="Strong open")
    make_fill(trade, "buy", 10, 100, at(3))
    trade.refresh_from_db()
    (answer,) = trade.checklist.all()
    notes = TradeNotes(
        thesis="Strong open",
        notes_after="Sold late",
        rating=2,
        words={"mistake": ["greed"]},
        met={f"answer-{answer.pk}"},
    )
    for _time in range(2):
        journal_save(owner=alice, trade_id=trade.pk, version=trade.version, notes=notes)
    (entry,) = AuditEntry.objects.filter(action="journal.edited")
    assert (entry.actor, entry.trade_id) == (alice, trade.pk)
    assert entry.before == {"notes_after": "", "rating": None, "tags": [], "checklist": {"In trend": False}}
    assert entry.after == {
        "notes_after": "Sold late",
        "rating": 2,
        "tags": ["greed"],
        "checklist": {"In trend": True},
    }
    line = trade_history(trade, since=datetime(2020, 1, 1, tzinfo=UTC))[0]
    assert line.what == "Journal written"
    assert ("Notes after", "", "Sold late") in line.changes


HUGE = ("99999999999", "0.000000001", "99999999999.999999999", "100000000000", "1" * 30, "-99999999999")


@pytest.mark.parametrize("broker", ["schwab"])
@pytest.mark.parametrize("column", ["quantity", "price", "commission", "fees", "multiplier", "execution_id"])
def test_an_import_of_extreme_numbers_is_booked_or_refused_in_words(alice: User, broker: str, column: str) -> None:
    account = make_account(alice, broker=broker, allows_fractions=True)
    for number, value in enumerate(HUGE):
        row = {"quantity": "2", "price": "3", "commission": "", "fees": "", "execution_id": "", "multiplier": "100"}
        row |= {column: value if column != "execution_id" else f"{value}{'x' * 254}"}
        content = IMPORT_HEADER
        for at_minute, side in ((31, "buy"), (32, "sell")):
            content += f"2026-03-02 09:{at_minute}:05,S{number},{side},option,{','.join(row.values())}\n"
        made = upload(account, content)
        assert made.state in ("preview", "refused")
        if made.state == "preview" and not made.error_count:
            made = commit(made)
            assert made.state == "committed" or made.errors


IMPORT_HEADER = "executed_at,symbol,side,asset_class,quantity,price,commission,fees,execution_id,multiplier\n"


@pytest.mark.parametrize("value", HUGE[:3])
@pytest.mark.parametrize("broker", ["schwab", "interactive_brokers"])
def test_the_forms_answer_extreme_numbers_in_words(alice: User, alice_client: Client, value: str, broker: str) -> None:
    account = make_account(alice, broker=broker, allows_fractions=True, starting_balance=Decimal(10) ** 17)
    plan = {"account": account.pk, "symbol": "AAPL", "asset_class": "option", "direction": "long", "multiplier": ""}
    plan |= {"entry": "100", "stop": "95", "target_1": "110", "override": "on", "reason": "extreme"}
    for name in ("entry", "stop", "target_1", "quantity", "multiplier", "risk_percent"):
        for direction in ("long", "short"):
            sent = {**plan, name: value, "direction": direction, "creation_key": uuid4()}
            assert alice_client.post("/trades/plan/", sent).status_code in (200, 302, 422)
            assert alice_client.post("/trades/plan/size/", sent).status_code in (200, 422)
    quick = {"account": account.pk, "symbol": "QUICK", "asset_class": "option", "direction": "short", "quantity": "1"}
    quick |= {"entry_at": "2026-03-02T10:00", "exit_at": "2026-03-02T11:00", "entry_price": "2", "exit_price": "3"}
    for name in ("quantity", "entry_price", "exit_price", "stop", "costs", "multiplier"):
        sent = {**quick, name: value, "creation_key": uuid4()}
        assert alice_client.post("/trades/quick/", sent).status_code in (200, 302, 422)
    trade = make_plan(account, symbol="MSFT", entry=d(100), stop=d(95), quantity=d(10))
    make_fill(trade, "buy", 10, 100, at(2))
    fill = {"kind": "trade", "side": "buy", "quantity": "1", "price": "2", "executed_at": "2026-03-02T12:00"}
    for name in ("quantity", "price", "commission", "fees"):
        sent = {**fill, name: value, "creation_key": uuid4()}
        assert alice_client.post(f"/trades/{trade.pk}/fills/new/", sent).status_code in (200, 302, 422)
    trade.refresh_from_db()
    stop = {"price": value, "moved_at": "2026-03-02T13:00", "version": trade.version}
    assert alice_client.post(f"/trades/{trade.pk}/stop/", stop).status_code in (200, 302, 422)
    for address in ("/", "/trades/", "/performance/", f"/trades/{trade.pk}/", "/performance/breakdowns/symbol/"):
        assert alice_client.get(address).status_code == 200
    assert b"".join(alice_client.get("/trades/export/"))


def test_what_was_bought_in_parts_can_be_sold_when_the_account_buys_whole_shares_since(alice: User) -> None:
    account = make_account(alice, allows_fractions=True)
    trade = make_plan(account, quantity=d("1.5"))
    make_fill(trade, "buy", "1.5", 100, at(2))
    type(account).objects.filter(pk=account.pk).update(allows_fractions=False)
    make_fill(trade, "sell", "0.5", 101, at(3))
    make_fill(trade, "sell", "1", 101, at(3, 16))
    trade.refresh_from_db()
    assert trade.status == "closed"


def test_a_partial_exit_that_comes_to_nothing_leaves_no_day(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 10, 100, at(2))
    exit_fill = make_fill(trade, "sell", 4, 101, at(3))
    assert AccountDay.objects.count() == 1
    trade.refresh_from_db()
    given = FillInput("sell", d(4), d(100), at(3))
    fill_edit(owner=alice, fill_id=exit_fill.pk, given=given, version=trade.version, now=NOW)
    assert not AccountDay.objects.exists()


def test_a_trade_goes_even_where_one_of_its_files_cannot_be_deleted(
    alice: User, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = make_plan(make_account(alice))
    names = [default_storage.save(f"screenshots/{name}.png", ContentFile(picture())) for name in ("a", "b")]
    for name in names:
        Screenshot.objects.create(owner=alice, trade=trade, image=name, width=2, height=2, byte_size=9)
    delete = default_storage.delete

    def failing(name: str) -> None:
        if name == names[0]:
            raise PermissionError(name)
        delete(name)

    monkeypatch.setattr("accounts.services.removal.default_storage.delete", failing)
    with django_capture_on_commit_callbacks(execute=True):
        trade_delete(owner=alice, trade_id=trade.pk, version=trade.version)
    assert not Trade.objects.exists()
    assert [default_storage.exists(name) for name in names] == [True, False]


@pytest.mark.parametrize(
    ("exchange", "now", "session"),
    [
        # 20:00 on Tuesday in New York is Wednesday in Tokyo; the trader's own zone has no say.
        ("XTKS", datetime(2026, 3, 4, 1, 0, tzinfo=UTC), date(2026, 3, 4)),
        ("XNYS", datetime(2026, 3, 4, 1, 0, tzinfo=UTC), date(2026, 3, 3)),
        ("XASX", datetime(2026, 3, 3, 22, 0, tzinfo=UTC), date(2026, 3, 4)),
    ],
)
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_loss_of_today_is_that_of_the_exchanges_day(
    alice: User, exchange: str, now: datetime, session: date, zone: str
) -> None:
    alice.timezone = zone
    alice.save()
    account = make_account(alice, exchange=exchange)
    AccountDay.objects.create(account=account, day=session, realised_net=d(-100))
    AccountDay.objects.create(account=account, day=session - timedelta(days=1), realised_net=d(-10))
    with timezone.override(zone):
        state = risk_state(account, now=now).account
        (here,) = desk_now([account], now=now)
    assert (state.loss_today, state.loss_this_week) == (d(100), d(110))
    assert (here.today, here.week) == (d(-100), d(-110))
