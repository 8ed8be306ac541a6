"""Built trades into the tables: new rows by COPY, changed ones through a temporary table in one UPDATE."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import TradingAccount
from trades.imports.building import Piece
from trades.imports.staging import copy_rows, escaped

BATCH = 2000
NULL = "\\N"

TRADE_COMPUTED = (
    "direction", "status", "quantity", "open_quantity", "actual_entry", "actual_exit", "entry_date", "exit_date",
    "gross_pnl", "costs", "net_pnl", "r_multiple", "gross_r", "outcome", "open_risk", "open_value", "holding_seconds",
    "holding_sessions", "has_estimated_costs", "is_incomplete", "closed_session", "entry_weekday", "entry_hour",
    "initial_stop", "initial_risk", "occurred_at",
)  # fmt: skip
TRADE_WORDS = (
    "excursion_bar", "thesis", "notes_during", "notes_after", "broker", "broker_order_id", "broker_sync_status",
)  # fmt: skip
TRADE_FIXED = (
    "id", "creation_key", "symbol", "asset_class", "multiplier", "owner_id", "account_id", "is_override",
    *TRADE_WORDS, "version", "created_at", "updated_at",
)  # fmt: skip
# Beside what the fills come to: what the market did meanwhile is measured anew.
CHANGED_AT_ONCE = (
    ", version = t.version + 1, mae = NULL, mfe = NULL, mae_price = NULL, mfe_price = NULL, excursion_bar = ''"
)
FILL_COMPUTED = ("is_exit", "realised_gross", "realised_costs", "realised_net")
FILL_CHANGED = ("trade_id", "part", "quantity", "commission", "fees", *FILL_COMPUTED)
FILL_COLUMNS = (
    "id", "creation_key", "trade_id", "part", "quantity", "commission", "fees", *FILL_COMPUTED, "session", "kind",
    "side", "only_closes", "price", "has_estimated_costs", "executed_at", "execution_id", "content_key",
    "content_number", "source_id", "account_id", "created_at", "updated_at",
)  # fmt: skip


# A value as COPY reads it, by its exact type.
_TEXTS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: NULL,
    bool: lambda value: "t" if value else "f",
    datetime: datetime.isoformat,
    date: date.isoformat,
    Decimal: str,
    int: str,
    UUID: str,
}


def _words(value: Any) -> str:
    return escaped(str(value))


def line(values: Iterable[Any]) -> str:
    return "\t".join([_TEXTS.get(type(value), _words)(value) for value in values]) + "\n"


class Table:
    """Rows on their way into one table."""

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        self.name = name
        self.columns = ", ".join(columns)
        self.count = 0
        self._lines: list[str] = []

    def add(self, text: str) -> None:
        self._lines.append(text)
        self.count += 1
        if len(self._lines) >= BATCH:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            copy_rows(self.name, self.columns, self._lines)
            self._lines.clear()


class Writer:
    """Collects what a booking changes; `finish` applies the changes to rows that were there before."""

    def __init__(self, account: TradingAccount, *, source: UUID | None, now: datetime) -> None:
        self.account = account
        self.source = source
        self.now = now
        self._create_change_tables()
        self.new_trades = Table("trades", (*TRADE_COMPUTED, *TRADE_FIXED))
        self.new_fills = Table("fills", FILL_COLUMNS)
        self.changed_trades = Table("import_trade_changes", ("id", *TRADE_COMPUTED))
        self.changed_fills = Table("import_fill_changes", ("id", *FILL_CHANGED))
        self.merged_fills: list[UUID] = []
        self.new_trade_ids: list[UUID] = []
        self.executions = 0
        self._trade_tail = line((account.owner_id, account.pk, False, *("" for _ in TRADE_WORDS), 1, now, now))
        self._fill_tail = f"\t{account.pk}"
        self._now = now.isoformat()

    def _create_change_tables(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS pg_temp.import_trade_changes, pg_temp.import_fill_changes")
            for table, source, columns in (
                ("import_trade_changes", "trades", TRADE_COMPUTED),
                ("import_fill_changes", "fills", FILL_CHANGED),
            ):
                cursor.execute(
                    f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS"  # noqa: S608 - put together from constants
                    f" SELECT id, {', '.join(columns)} FROM {source} WITH NO DATA"
                )

    def trade_add(self, trade_id: UUID, columns: dict[str, Any], key: tuple[str, str, Any]) -> None:
        values = [columns[name] for name in TRADE_COMPUTED]
        text = line((*values, trade_id, trade_id, *key))
        self.new_trades.add(f"{text[:-1]}\t{self._trade_tail}")
        self.new_trade_ids.append(trade_id)

    def trade_change(self, trade_id: UUID, columns: dict[str, Any]) -> None:
        self.changed_trades.add(line((trade_id, *(columns[name] for name in TRADE_COMPUTED))))

    def fill_add(self, fill_id: str, trade_id: str, realised: str, session: date, piece: Piece) -> None:
        """A row for an execution, or for its other part; what the broker said is that of the origin.

        Written out by hand: this is the line a large import spends its time on.
        """
        first, fill = piece.origin.first, piece.fill
        source, created = first.source_id, first.created_at
        if first.trade_id is None:
            source, created = self.source, self.now + timedelta(microseconds=first.line)
            self.executions += piece.part == 0
        self.new_fills.add(
            f"{fill_id}\t{fill_id}\t{trade_id}\t{piece.part}\t{fill.quantity}\t{fill.commission}\t{fill.fees}\t{realised}"
            f"\t{session}\t{first.kind}\t{first.side}\t{first.only_closes}\t{first.price}\t{first.has_estimated_costs}\t{first.executed_at}"
            f"\t{escaped(first.execution_id)}\t{first.content_key}\t{first.content_number}\t{source or NULL}"
            f"{self._fill_tail}\t{created}\t{self._now}\n"
        )

    def fill_change(self, fill_id: UUID, trade_id: str, realised: str, piece: Piece) -> None:
        fill = piece.fill
        self.changed_fills.add(
            f"{fill_id}\t{trade_id}\t{piece.part}\t{fill.quantity}\t{fill.commission}\t{fill.fees}\t{realised}\n"
        )

    def flush_new(self) -> None:
        """Fills point to trades; the database looks at that when the transaction ends."""
        self.new_trades.flush()
        self.new_fills.flush()

    def finish(self) -> None:
        """Rows that went are deleted before rows that moved take their place."""
        self.flush_new()
        self.changed_trades.flush()
        self.changed_fills.flush()
        with connection.cursor() as cursor:
            if self.merged_fills:
                cursor.execute("DELETE FROM fills WHERE id = ANY(%s)", [self.merged_fills])
            if self.changed_fills.count:
                cursor.execute(_update("fills", "import_fill_changes", FILL_CHANGED), [self.now])
            if self.changed_trades.count:
                cursor.execute(_update("trades", "import_trade_changes", TRADE_COMPUTED, CHANGED_AT_ONCE), [self.now])


def _update(table: str, changes: str, columns: Sequence[str], more: str = "") -> str:
    assignments = ", ".join(f"{name} = c.{name}" for name in columns)
    return (
        f"UPDATE {table} t SET {assignments}{more}, updated_at = %s"  # noqa: S608 - put together from constants
        f" FROM {changes} c WHERE t.id = c.id"
    )


Progress = Callable[[int], None]
