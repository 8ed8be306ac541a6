"""How many lines of a CSV file are booked a second, beside a plain COPY of the same rows; with flat memory?"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import RiskPolicy, TradingAccount
from benchmarks.data import Trader
from benchmarks.pages import client_of, seconds_of

LINES = (10_000, 100_000)
COPIES = 3
HEADER = "executed_at,symbol,side,quantity,price,commission,fees,execution_id,asset_class,multiplier\n"


@dataclass(frozen=True)
class ImportTiming:
    """Seconds to read and to book, the worker's largest memory in MB, and how pages fared meanwhile (p50, seconds)."""

    lines: int
    read: float
    book: float
    peak_mb: float
    copy: float
    quiet_page: float
    busy_page: float

    @property
    def rate(self) -> float:
        return self.lines / (self.read + self.book)

    @property
    def copy_rate(self) -> float:
        return self.lines / self.copy


def measure(trader: Trader, folder: Path) -> list[ImportTiming]:
    return [_measure(trader, folder, lines) for lines in LINES]


def _measure(trader: Trader, folder: Path, lines: int) -> ImportTiming:
    path = folder / f"fills-{lines}.csv"
    path.write_text(HEADER + "".join(_lines(lines)), encoding="utf-8")
    account = TradingAccount.objects.create(
        owner=trader.user, name=f"Import {lines}", opened_on=(timezone.now() - timedelta(days=2000)).date()
    )
    RiskPolicy.objects.create(account=account)
    client, url = client_of(trader), reverse("trades:dashboard") + f"?account={trader.account.pk}"
    quiet = median(seconds_of(lambda: client.get(url)) for _ in range(20))
    command = [sys.executable, "-m", "benchmarks.import_child", str(account.pk), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as child:
        busy = []
        while child.poll() is None:
            busy.append(seconds_of(lambda: client.get(url)))
            time.sleep(0.2)
        out = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise RuntimeError(f"the import ended with {child.returncode}")
    told = json.loads(out.splitlines()[-1])
    copied = _copy(account)
    account_rows_delete(account)
    return ImportTiming(lines, told["read"], told["book"], told["peak_mb"], copied, quiet, median(busy))


def _lines(count: int) -> Iterator[str]:
    """Round trips in twenty symbols, one line a fill, minutes apart."""
    at = timezone.now().replace(microsecond=0) - timedelta(minutes=count + 10)
    for number in range(count):
        symbol, is_entry = f"S{number // 2 % 20:02d}", number % 2 == 0
        price = Decimal(5000 + number * 7919 % 500) / 100
        when = (at + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield f"{when},{symbol},{'buy' if is_entry else 'sell'},100,{price},1.00,0,X{number},stock,1\n"


def _copy(account: TradingAccount) -> float:
    """The best of a few COPYs of the booked fills, as text, into a table with the same columns, indexes and checks."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE copied (LIKE fills INCLUDING ALL)")
        with cursor.copy(f"COPY (SELECT * FROM fills WHERE account_id = '{account.pk}') TO STDOUT") as out:  # noqa: S608 - our own id
            blocks = [bytes(block) for block in out]
        took = [seconds_of(lambda: _copy_blocks(cursor, blocks)) for _ in range(COPIES)]
        cursor.execute("DROP TABLE copied")
    return min(took)


def _copy_blocks(cursor: Any, blocks: list[bytes]) -> None:
    cursor.execute("TRUNCATE copied")
    with cursor.copy("COPY copied FROM STDIN") as into:
        for block in blocks:
            into.write(block)


def account_rows_delete(account: TradingAccount) -> None:
    with suppress(TradingAccount.DoesNotExist):
        TradingAccount.objects.get(pk=account.pk).delete()
