"""What the tests of imports share: small files, booking them, and everything an import may change, to compare."""

import uuid
from collections.abc import Collection
from typing import Any

from django.core.files.base import ContentFile
from django.db import connection

from accounts.models import TradingAccount
from trades.models import FillImport, ImportState
from trades.services.imports import import_commit, import_create, import_undo

HEADER = "executed_at,symbol,side,quantity,price,commission,fees,execution_id,asset_class,multiplier\n"
ROUND_TRIP = (
    HEADER
    + "2026-03-02 09:31:05,AAPL,buy,100,187.45,1.00,0,,stock,1\n"
    + "2026-03-02 10:12:40,AAPL,sell,100,189.10,1.00,0.02,,stock,1\n"
)

TRADES = """
SELECT {id} symbol, asset_class, multiplier, direction, status, quantity, open_quantity, actual_entry, actual_exit,
    entry_date, exit_date, gross_pnl, costs, net_pnl, r_multiple, outcome, open_value, open_risk, holding_seconds,
    holding_sessions, is_incomplete, closed_session, entry_weekday, entry_hour, initial_risk, initial_stop, thesis
FROM trades WHERE account_id = %s
"""
FILLS = """
SELECT {id} f.executed_at, f.side, f.quantity, f.price, f.commission, f.fees, f.part, f.kind, f.is_exit,
    f.realised_gross, f.realised_costs, f.realised_net, f.session, t.entry_date, t.direction, t.symbol
FROM fills f JOIN trades t ON t.id = f.trade_id WHERE f.account_id = %s
"""
TOTALS = "SELECT to_jsonb(x) - 'id' FROM {table} x WHERE account_id = %s"


def no_worker(import_id: uuid.UUID) -> None:
    raise AssertionError("a small file needs no worker")


def fill_line(at: str, symbol: str, side: str, quantity: object, price: object, **more: object) -> str:
    values = {"commission": "0", "fees": "0", "execution_id": "", "asset_class": "", "multiplier": ""} | more
    return ",".join(str(value) for value in (at, symbol, side, quantity, price, *values.values())) + "\n"


def upload(account: TradingAccount, content: str | bytes, name: str = "fills.csv") -> FillImport:
    raw = content.encode() if isinstance(content, str) else content
    made = import_create(account=account, file=ContentFile(raw, name=name), creation_key=uuid.uuid4(), nudge=no_worker)
    made.refresh_from_db()
    return made


def commit(made: FillImport, confirmed: Collection[str] = ()) -> FillImport:
    import_commit(fill_import=made, nudge=no_worker, confirmed=confirmed)
    made.refresh_from_db()
    return made


def book(account: TradingAccount, content: str | bytes) -> FillImport:
    made = upload(account, content)
    assert (made.state, made.errors) == (ImportState.PREVIEW, [])
    made = commit(made)
    assert made.state == ImportState.COMMITTED, made.errors
    return made


def undo(made: FillImport) -> FillImport:
    import_undo(fill_import=made, nudge=no_worker)
    made.refresh_from_db()
    return made


def books(account: TradingAccount, *, ids: str = "") -> dict[str, list[Any]]:
    """Trades, fills and kept figures of an account, sorted; with the trades' ids for ids="with"."""
    queries = {
        "trades": TRADES.format(id="id," if ids else ""),
        "fills": FILLS.format(id="t.id," if ids else ""),
        **{table: TOTALS.format(table=table) for table in ("figure_totals", "account_days", "streak_days")},
    }
    found = {}
    with connection.cursor() as cursor:
        for name, query in queries.items():
            cursor.execute(query, [account.pk])
            found[name] = sorted(cursor.fetchall(), key=repr)
    return found
