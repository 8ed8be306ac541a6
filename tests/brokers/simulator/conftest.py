"""An exchange for each test, a client that shows what goes over the wire, and the published specification."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.brokers.simulator_server import RunningSimulator, simulator

SHARED = Path(__file__).resolve().parents[4] / "shared"
# A Wednesday morning in New York, an hour and a half after the open.
MORNING = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)


class Wire:
    """Plain HTTP with an account's keys."""

    def __init__(self, url: str, key_id: str, secret_key: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers.update({"APCA-API-KEY-ID": key_id, "APCA-API-SECRET-KEY": secret_key})

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}{path}", timeout=10, **options)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(self, **fields: Any) -> requests.Response:
        """A market order for one SPY, but for what is said otherwise."""
        usual = {"symbol": "SPY", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
        return self.call("POST", "/v2/orders", json={**usual, **fields})

    def ordered(self, **fields: Any) -> dict[str, Any]:
        answer = self.order(**fields)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refused(self, answer: requests.Response) -> tuple[int, int | None, str]:
        body = answer.json()
        return answer.status_code, body.get("code"), body["message"]


@pytest.fixture
def exchange() -> Iterator[RunningSimulator]:
    """A scripted market on a Wednesday morning; time stands until it is stepped."""
    with simulator(start=MORNING) as running:
        running.control.set_quote("SPY", bid="100.00", ask="100.02")
        yield running


@pytest.fixture
def wire(exchange: RunningSimulator) -> Wire:
    return Wire(exchange.url, exchange.key_id, exchange.secret_key)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Recorded prices and published specifications; not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the shared folder is not beside this checkout")
    return SHARED
