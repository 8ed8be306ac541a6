"""What saving a fill costs, and what it does to the next read."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from statistics import median

from django.urls import reverse
from django.utils import timezone

from benchmarks.data import Trader
from benchmarks.pages import client_of, queries_of, seconds_of
from trades.models import Trade
from trades.services.fills import FillInput, fill_create

ROUNDS = 40


@dataclass(frozen=True)
class WriteTiming:
    """Medians in seconds: a plain read, saving a fill, and reading the dashboard right after it."""

    plain: float
    save: float
    read_after: float
    queries: int

    @property
    def read_ratio(self) -> float:
        return self.read_after / self.plain

    @property
    def whole_ratio(self) -> float:
        return (self.save + self.read_after) / self.plain


def measure(trader: Trader) -> WriteTiming:
    """Partial exits of an open trade, each through the service the form calls, then the dashboard that shows them."""
    client, url = client_of(trader), reverse("trades:dashboard")
    trade = Trade.objects.filter(owner=trader.user, status="active", stop_loss__isnull=False).first()
    if trade is None:
        raise RuntimeError("the trader has no open trade")
    plain, save, after = [], [], []
    queries = len(queries_of(lambda: _sell_one(trader, trade)))
    for _ in range(ROUNDS):
        client.get(url)
        plain.append(seconds_of(lambda: client.get(url)))
        save.append(seconds_of(lambda: _sell_one(trader, trade)))
        after.append(seconds_of(lambda: client.get(url)))
    return WriteTiming(median(plain), median(save), median(after), queries)


def _sell_one(trader: Trader, trade: Trade) -> None:
    now = timezone.now()
    given = FillInput(
        "sell", Decimal(1), Decimal(103), now - timedelta(seconds=1), commission=Decimal("0.01"), fees=Decimal(0)
    )
    fill_create(owner=trader.user, trade_id=trade.pk, given=given, creation_key=uuid.uuid4(), now=now)
