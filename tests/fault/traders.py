"""The traders of a lab, each with an account of their own at the exchange."""

import json
from dataclasses import dataclass
from typing import Protocol

from tests.brokers.simulator_server import SimulatorControl

CASH = 100_000_000


@dataclass(frozen=True)
class Trader:
    """Somebody with an account of their own at the exchange."""

    name: str
    password: str
    token: str
    user: str
    account: str
    connection: str
    # The account's id at the exchange, and the keys it was opened with.
    exchange: str
    key_id: str
    secret_key: str


class Run(Protocol):
    """A program of the desk to its end: what it said."""

    def __call__(self, *words: str, given: str = "") -> str: ...


def traders_make(control: SimulatorControl, run: Run, count: int) -> list[Trader]:
    """Open their accounts, and have a process of the desk make its users, connected to them."""
    accounts = {name: control.open_account(CASH) for name in (f"trader{number}" for number in range(1, count + 1))}
    given = [
        {"name": name, "keys": {"api_key": one.key_id, "secret_key": one.secret_key}} for name, one in accounts.items()
    ]
    made = json.loads(run("-m", "tests.fault.people", given=json.dumps(given)))
    return [
        Trader(**one, exchange=found.id, key_id=found.key_id, secret_key=found.secret_key)
        for one in made
        for found in [accounts[one["name"]]]
    ]
