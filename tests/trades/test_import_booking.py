"""An import books every new fill of a file, or none."""

import uuid
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile

from accounts.models import TradingAccount, User
from tests.factories import make_account
from trades.models import Fill, FillImport, ImportState, Trade
from trades.services.imports import import_commit, import_create, import_undo

HEADER = "executed_at,symbol,side,quantity,price,commission,fees,execution_id,asset_class,multiplier\n"


def nudge(import_id: uuid.UUID) -> None:
    raise AssertionError("a small file needs no worker")


def upload(account: TradingAccount, text: str, name: str = "fills.csv") -> FillImport:
    file = ContentFile(text.encode(), name=name)
    made = import_create(account=account, file=file, creation_key=uuid.uuid4(), nudge=nudge)
    made.refresh_from_db()
    return made


def book(account: TradingAccount, text: str) -> FillImport:
    made = upload(account, text)
    assert made.state == ImportState.PREVIEW, made.errors
    assert made.errors == []
    import_commit(fill_import=made, nudge=nudge)
    made.refresh_from_db()
    assert made.state == ImportState.COMMITTED, made.errors
    return made


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


def test_a_round_trip_becomes_a_closed_trade(account: TradingAccount) -> None:
    made = book(
        account,
        HEADER
        + "2026-03-02 09:31:05,AAPL,buy,100,187.45,1.00,0,,stock,1\n"
        + "2026-03-02 10:12:40,AAPL,sell,100,189.10,1.00,0.02,,stock,1\n",
    )
    trade = Trade.objects.get()
    assert (made.executions_created, made.trades_created) == (2, 1)
    assert (trade.status, trade.direction, trade.gross_pnl, trade.costs, trade.net_pnl) == (
        "closed",
        "long",
        Decimal("165.00"),
        Decimal("2.02"),
        Decimal("162.98"),
    )
    assert Fill.objects.filter(source=made).count() == 2
    import_undo(fill_import=made, nudge=nudge)
    made.refresh_from_db()
    assert made.state == ImportState.UNDONE
    assert not Trade.objects.exists()
    assert not Fill.objects.exists()
