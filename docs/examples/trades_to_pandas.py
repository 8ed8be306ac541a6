"""Pull closed trades into a pandas table; a token that may only read is enough.

    TRENDDOJO_URL=http://127.0.0.1:8000 TRENDDOJO_TOKEN=td_… python trades_to_pandas.py

Needs `requests` and `pandas`.
"""

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import requests

AMOUNTS = ["quantity", "actual_entry", "actual_exit", "gross_pnl", "net_pnl", "r_multiple", "initial_risk"]
TIMES = ["entry_date", "exit_date"]


def trades(url: str, token: str, **filters: str) -> Iterator[dict[str, Any]]:
    """Every trade that fits, page by page."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    address: str | None = f"{url.rstrip('/')}/api/v1/trades/"
    query: dict[str, str] | None = {"page_size": "200", **filters}
    while address:
        answer = session.get(address, params=query, timeout=30)
        answer.raise_for_status()
        page = answer.json()
        yield from page["results"]
        # The next address carries the whole query.
        address, query = page["next"], None


def table(rows: Iterator[dict[str, Any]]) -> pd.DataFrame:
    """One row a trade. Amounts stay decimals, exact to the last digit; times are aware, in UTC."""
    found = pd.DataFrame(rows, columns=["id", "symbol", "direction", "setup", *TIMES, *AMOUNTS])
    for name in AMOUNTS:
        found[name] = found[name].map(Decimal, na_action="ignore")
    for name in TIMES:
        found[name] = pd.to_datetime(found[name], format="ISO8601", utc=True)
    return found.set_index("id")


def main() -> None:
    found = table(trades(os.environ["TRENDDOJO_URL"], os.environ["TRENDDOJO_TOKEN"], status="closed"))
    if found.empty:
        print("No closed trades yet.")
        return
    by_symbol = found.groupby("symbol")["net_pnl"].agg(["count", "sum"])
    print(by_symbol.sort_values("sum", ascending=False).to_string())
    print(f"{len(found)} trades, net {found['net_pnl'].sum()}")


if __name__ == "__main__":
    main()
