"""Plan a trade, size it from its stop, send it as a bracket order and follow it to the fill.

    TRENDDOJO_URL=http://127.0.0.1:8000 TRENDDOJO_TOKEN=td_… python bracket_order.py NVDA

The account is the first one that follows a broker connection for paper trading. Needs `requests`, and a token with the
scope “trade”. Every amount is a decimal in a string, so that nothing is lost on the way.
"""

import contextlib
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from typing import Any

import requests

Json = dict[str, Any]
DONE = {"filled", "denied", "rejected", "cancelled", "expired"}
CENT = Decimal("0.01")


class Desk:
    """The REST API of one desk, as one token sees it."""

    def __init__(self, url: str, token: str) -> None:
        self.base = f"{url.rstrip('/')}/api/v1"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: str) -> Json:
        return self._answer(self.session.get(self.base + path, params=query, timeout=30))

    def post(self, path: str, body: Json, key: str | None = None) -> Json:
        """A key makes it safe to send again: the same key and body is answered the same, and done once."""
        headers = {"Idempotency-Key": key} if key else {}
        for pause in (1, 2, 4, None):
            try:
                answer = self.session.post(self.base + path, json=body, headers=headers, timeout=30)
            except requests.ConnectionError:
                # Without a key nobody could tell whether it arrived.
                if pause is None or key is None:
                    raise
                time.sleep(pause)
                continue
            break
        return self._answer(answer)

    def events(self, types: str) -> Iterator[Json]:
        """What happens from now on: the desk listens when this returns."""
        return self._followed(types, self._listen(types, ""))

    def _listen(self, types: str, last: str) -> requests.Response:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        # A heartbeat comes every 15 seconds: whoever hears nothing for a minute has lost the line.
        stream = self.session.get(
            f"{self.base}/events/", params={"types": types}, headers=headers, stream=True, timeout=60
        )
        stream.raise_for_status()
        return stream

    def _followed(self, types: str, stream: requests.Response) -> Iterator[Json]:
        """A stream that breaks is taken up where it stopped: nothing is lost or told twice."""
        last = ""
        while True:
            with contextlib.suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
                    name, _, value = line.partition(": ")
                    if name == "id":
                        last = value
                    elif name == "data":
                        yield json.loads(value)
            time.sleep(1)
            stream = self._listen(types, last)

    @staticmethod
    def _answer(answer: requests.Response) -> Json:
        body: Json = answer.json() if answer.content else {}
        if not answer.ok:
            reasons = "; ".join(f"{one['code']}: {one['detail']}" for one in body.get("errors", []))
            raise SystemExit(
                f"{answer.status_code} {reasons or answer.reason} (request {answer.headers['X-Request-ID']})"
            )
        return body


def main(symbol: str) -> None:
    desk = Desk(os.environ["TRENDDOJO_URL"], os.environ["TRENDDOJO_TOKEN"])
    accounts = desk.get("/accounts/")["results"]
    account = next(one for one in accounts if one["connection"] and one["account_type"] == "paper")

    quote = desk.get("/market/quote/", account=account["id"], symbol=symbol)
    entry = Decimal(quote["ask"])
    stop, target = (entry * Decimal("0.99")).quantize(CENT), (entry * Decimal("1.02")).quantize(CENT)
    plan: Json = {
        "account": account["id"],
        "symbol": symbol,
        "direction": "long",
        "entry_price": str(entry),
        "stop_loss": str(stop),
        "target_price": str(target),
    }
    size = desk.post(
        "/position-size/",
        {
            "account": account["id"],
            "direction": "long",
            "entry_price": str(entry),
            "stop_price": str(stop),
            "target_price": str(target),
        },
    )
    # Stop and target of a bracket go with whole shares.
    plan["quantity"] = str(Decimal(size["quantity"]).to_integral_value(ROUND_DOWN))
    print(f"{plan['quantity']} {symbol} at {entry}, each risking {entry - stop}; bound by {size['bound_by']}")

    trade = desk.post("/trades/", plan, key=str(uuid.uuid4()))
    # Listen before the order leaves, so that nothing happens unheard.
    events = desk.events("order")
    order = desk.post(f"/trades/{trade['id']}/submit/", {"type": "market"}, key=str(uuid.uuid4()))
    print(f"order {order['client_order_id']} is {order['status']}")
    order = followed(desk, order, events)
    print(f"{order['filled_quantity']} filled at {order['filled_average_price']}, commission {order['commission']}")
    for leg in order["legs"]:
        print(f"  {leg['side']} {leg['quantity']} {leg['type']}: {leg['status']}")


def followed(desk: Desk, order: Json, events: Iterator[Json]) -> Json:
    """Read the order again whenever it changed, until the broker has said its last word."""
    while order["status"] not in DONE:
        event = next(events)
        if event["type"] == "reset" or event["object"].get("id") == order["id"]:
            order = desk.get(f"/orders/{order['id']}/")
            print(f"order {order['client_order_id']} is {order['status']}")
    return order


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "NVDA")
