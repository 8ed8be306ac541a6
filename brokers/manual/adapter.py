"""No broker at all: the trader places orders elsewhere and records what happened. Every question is Unsupported."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NoReturn

from brokers.base import (
    AccountReport,
    BarReport,
    BrokerAdapter,
    CashReport,
    ClockReport,
    ConnectionSettings,
    FillReport,
    OrderChanges,
    OrderRef,
    OrderReport,
    OrderRequest,
    PositionReport,
    QuoteReport,
    SplitReport,
)
from brokers.errors import Unsupported
from brokers.http import Gate
from brokers.manual import config


class ManualAdapter(BrokerAdapter):
    """Answers everything with the sentence that says what to do instead."""

    capabilities = config.CAPABILITIES

    def __init__(self, _settings: ConnectionSettings, _gate: Gate | None = None) -> None:
        pass

    def verify(self) -> AccountReport:
        _refuse()

    def submit(self, request: OrderRequest) -> OrderReport:
        _refuse()

    def cancel(self, ref: OrderRef) -> None:
        _refuse()

    def replace(self, ref: OrderRef, changes: OrderChanges) -> OrderReport:
        _refuse()

    def order(self, ref: OrderRef) -> OrderReport | None:
        _refuse()

    def orders(self, since: datetime | None = None) -> Sequence[OrderReport]:
        _refuse()

    def fills(self, since: datetime | None = None, cursor: str = "") -> Sequence[FillReport]:
        _refuse()

    def cash_movements(self, since: date, cursor: str = "") -> Sequence[CashReport]:
        _refuse()

    def positions(self) -> Sequence[PositionReport]:
        _refuse()

    def account(self) -> AccountReport:
        _refuse()

    def clock(self) -> ClockReport:
        _refuse()

    def quote(self, symbol: str) -> QuoteReport:
        _refuse()

    def quotes(self, symbols: Sequence[str]) -> dict[str, QuoteReport]:
        _refuse()

    def bars(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Sequence[BarReport]:
        _refuse()

    def splits(self, symbol: str, start: date, end: date) -> Sequence[SplitReport]:
        _refuse()


def _refuse() -> NoReturn:
    raise Unsupported("This account places no orders: record what you did at the broker.", code="manual")
