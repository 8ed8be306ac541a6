"""What the tests of market data share: files of bars, the recorded ones, and trades that lie in them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import TradingAccount
from brokers.models import BarSeries
from tests.trades.desk_kit import make_fill, make_plan
from trades.models import Trade

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "market-data"
needs_recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="needs the recorded market data")
# Long after everything: feeds have told all, and what waits has waited.
LATER = datetime(2126, 3, 6, 12, 0, tzinfo=UTC)
HEAD = "timestamp,open,high,low,close,volume\n"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def recorded(kind: str, symbol: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(f"{symbol}.csv", (RECORDED / kind / f"{symbol}.csv").read_bytes())


def a_file(*lines: str, head: str = HEAD, name: str = "bars.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, (head + "\n".join(lines) + "\n").encode())


def closed(account: TradingAccount, *fills: tuple[str, Any, str, datetime], **plan: Any) -> Trade:
    """A trade with these fills: (side, quantity, price, time)."""
    trade = make_plan(account, **plan)
    for side, quantity, price, when in fills:
        make_fill(Trade.objects.get(pk=trade.pk), side, quantity, price, when)
    return Trade.objects.get(pk=trade.pk)


def bring(client: Any, file: SimpleUploadedFile, symbol: str, **changes: str) -> Any:
    """Send the form that imports bars."""
    given = {"symbol": symbol, "timezone": "America/New_York", "date_order": "mdy", "timeframe": "", "splits": ""}
    return client.post("/bars/import/", {**given, **changes, "file": file})


def make_series(account: TradingAccount, symbol: str, start: datetime, prices: list[tuple[str, str]]) -> BarSeries:
    """One-minute bars (low, high) of the account's owner, one after the other."""
    last = start + timedelta(minutes=len(prices) - 1)
    series = BarSeries.objects.create(
        user=account.owner, symbol=symbol, timeframe="1Min", count=len(prices), first_at=start, last_at=last
    )
    for n, (low, high) in enumerate(prices):
        series.bars.create(
            start=start + timedelta(minutes=n), open=D(low), high=D(high), low=D(low), close=D(high), volume=D(100)
        )
    return series


__all__ = ["LATER", "RECORDED", "a_file", "bring", "closed", "make_series", "needs_recorded", "recorded", "utc"]
