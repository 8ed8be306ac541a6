"""Answers of Alpaca, written by hand after its API description."""

from datetime import datetime
from typing import Any

ORDER: dict[str, Any] = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
    "client_order_id": "td-5680c4bc9ac14a12a44cdf427ba53032",
    "created_at": "2026-03-16T18:38:01.942282Z",
    "updated_at": "2026-03-16T18:38:02.942282718Z",
    "submitted_at": "2026-03-16T18:38:01.937734123Z",
    "filled_at": None,
    "expired_at": None,
    "expires_at": "2026-06-14T20:15:00Z",
    "canceled_at": None,
    "failed_at": None,
    "replaced_at": None,
    "replaced_by": None,
    "replaces": None,
    "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
    "symbol": "AAPL",
    "asset_class": "us_equity",
    "notional": None,
    "qty": "15",
    "filled_qty": "0",
    "filled_avg_price": None,
    "order_class": "",
    "order_type": "stop_limit",
    "type": "stop_limit",
    "side": "buy",
    "time_in_force": "gtc",
    "limit_price": "107.125",
    "stop_price": "106.5",
    "status": "accepted",
    "extended_hours": False,
    "legs": None,
    "trail_percent": None,
    "trail_price": None,
    "hwm": None,
    "position_intent": "buy_to_open",
    "ratio_qty": None,
    "subtag": None,
    "source": None,
}
FILL: dict[str, Any] = {
    "id": "20260316144005732::8efc7b9a-8b2b-4000-9955-d36e7db0df74",
    "activity_type": "FILL",
    "transaction_time": "2026-03-16T18:40:05.732Z",
    "type": "partial_fill",
    "price": "107.0833333",
    "qty": "6",
    "side": "buy",
    "symbol": "AAPL",
    "leaves_qty": "9",
    "cum_qty": "6",
    "order_id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
    "order_status": "partially_filled",
}
DIVIDEND: dict[str, Any] = {
    "id": "20260801000000000::4f9e3b05-6a22-4d26-9c7b-2a7c8d2f6a11",
    "activity_type": "DIV",
    "date": "2026-08-01",
    "created_at": "2026-08-02T06:11:32.1Z",
    "net_amount": "1.02",
    "symbol": "T",
    "qty": "2",
    "per_share_amount": "0.51",
    "status": "executed",
}
POSITION: dict[str, Any] = {
    "asset_id": "904837e3-3b76-47ec-b432-046db621571b",
    "symbol": "AAPL",
    "exchange": "NASDAQ",
    "asset_class": "us_equity",
    "asset_marginable": True,
    "avg_entry_price": "100.0666667",
    "qty": "5",
    "qty_available": "4",
    "side": "long",
    "market_value": "600.0",
    "cost_basis": "500.3333335",
    "unrealized_pl": "99.6666665",
    "unrealized_plpc": "0.20",
    "unrealized_intraday_pl": "10.0",
    "unrealized_intraday_plpc": "0.0084",
    "current_price": "120.0",
    "lastday_price": "119.0",
    "change_today": "0.0084",
}
ACCOUNT: dict[str, Any] = {
    "id": "1d5493c9-ea39-4377-aa94-340734c368ae",
    "account_number": "PA2B3C4D5E6F",
    "status": "ACTIVE",
    "crypto_status": "ACTIVE",
    "currency": "USD",
    "buying_power": "262113.632",
    "cash": "-23140.2",
    "equity": "103820.56",
    "portfolio_value": "103820.56",
    "multiplier": "4",
    "shorting_enabled": True,
    "trading_blocked": False,
    "transfers_blocked": False,
    "account_blocked": False,
    "trade_suspended_by_user": False,
    "created_at": "2025-06-12T22:47:07.99658Z",
}
CLOCK: dict[str, Any] = {
    "timestamp": "2026-03-16T14:40:05.732123456-04:00",
    "is_open": True,
    "next_open": "2026-03-17T09:30:00-04:00",
    "next_close": "2026-03-16T16:00:00-04:00",
}


def order(**changes: Any) -> dict[str, Any]:
    return {**ORDER, **changes}


def fill_at(number: int, moment: datetime) -> dict[str, Any]:
    return {
        **FILL,
        "id": f"{moment:%Y%m%d%H%M%S}000::fill-{number:04d}",
        "transaction_time": moment.isoformat(),
    }


def quote(bid: Any, ask: Any) -> dict[str, Any]:
    return {
        "t": "2026-03-16T18:00:00.123456789Z",
        "bp": bid,
        "ap": ask,
        "bs": 3,
        "as": 2,
        "bx": "V",
        "ax": "V",
        "c": ["R"],
        "z": "C",
    }
