"""What the simulator can be told on its command line and in its environment."""

import re
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from brokers.simulator.errors import SimulatorError
from brokers.simulator.rate_limit import TRADING_LIMIT
from trenddojo.secret_files import CannotUse, value

HOST = "127.0.0.1"
HIGHEST_PORT = 65_535
DEMO_CASH = "100000"


@dataclass(frozen=True, kw_only=True)
class NewAccount:
    """An account to open unless it is there. `cash` in dollars."""

    key_id: str
    secret_key: str
    cash: str

    def __repr__(self) -> str:
        return f"NewAccount({self.key_id})"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Checked values. `port` 0 takes any free one; without `state` everything is forgotten at the end."""

    port: int = 0
    host: str = HOST
    state: Path | None = None
    market: str = "synthetic"
    seed: str = "1"
    replay: Path | None = None
    # Where the exchange's time begins; None: at the machine's present, and on with it.
    start: datetime | None = None
    speed: Decimal = Decimal(1)
    always_open: bool = False
    accounts: tuple[NewAccount, ...] = ()
    control_port: int | None = None
    control_token: str = field(default="", repr=False)
    ready_file: Path | None = None
    rate_limit: int = TRADING_LIMIT

    @property
    def identity(self) -> dict[str, str]:
        """What the kept state depends on."""
        return {
            "market": self.market,
            "seed": self.seed,
            "folder": self.replay.name if self.replay else "",
            "hours": "always" if self.always_open else "New York",
        }


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--port", default="0", help="where to listen; 0 takes any free port")
    parser.add_argument("--host", default=HOST, help="the address to listen at; only this machine by default")
    parser.add_argument("--state", type=Path, help="folder that keeps accounts and orders over restarts")
    parser.add_argument("--market", choices=["synthetic", "scripted"], default="synthetic")
    parser.add_argument("--seed", default="1", help="another seed is another synthetic market")
    parser.add_argument("--replay", type=Path, metavar="FOLDER", help="replay minute/SYMBOL.csv of a folder instead")
    parser.add_argument("--from", dest="start", help="where the exchange's time begins, as 2013-10-04T13:30Z")
    parser.add_argument("--speed", default="1", help="exchange seconds in a second; 0 stands still")
    parser.add_argument("--always-open", action="store_true", help="trade at night, at weekends and on holidays too")
    parser.add_argument("--account", action="append", default=[], metavar="KEY:SECRET:CASH", help="open an account")
    parser.add_argument("--rate-limit", default=str(TRADING_LIMIT), help="requests a minute for each account")
    parser.add_argument("--control-port", help="serve the control port here; off without it")
    parser.add_argument("--control-token-file", type=Path, help="the file that holds the control port's token")
    parser.add_argument("--ready-file", type=Path, help="write the addresses to this file when ready")


def from_arguments(given: Mapping[str, Any], environ: Mapping[str, str]) -> Options:
    """Raises SimulatorError with the sentence that says what to write."""
    return Options(
        port=_whole("--port", given["port"], HIGHEST_PORT),
        host=given["host"],
        state=given["state"],
        market="replay" if given["replay"] else given["market"],
        seed=given["seed"],
        replay=_folder(given["replay"]),
        start=_moment(given["start"]),
        speed=_speed(given["speed"]),
        always_open=given["always_open"],
        accounts=(*_demo_account(environ), *(_account(text) for text in given["account"])),
        control_port=_control_port(given),
        control_token=_control_token(given),
        ready_file=given["ready_file"],
        rate_limit=_whole("--rate-limit", given["rate_limit"], 1_000_000),
    )


def _demo_account(environ: Mapping[str, str]) -> tuple[NewAccount, ...]:
    """The account of the pair the desk has made, if there is one."""
    try:
        key_id, secret_key = (value(environ, name) for name in ("SIMULATOR_API_KEY", "SIMULATOR_SECRET_KEY"))
    except CannotUse as problem:
        raise SimulatorError(str(problem)) from None
    if not key_id or not secret_key:
        return ()
    return (NewAccount(key_id=key_id, secret_key=secret_key, cash=environ.get("SIMULATOR_CASH") or DEMO_CASH),)


def _account(text: str) -> NewAccount:
    parts = text.split(":")
    if not re.fullmatch(r"[^:]+:[^:]+:[0-9]+(\.[0-9]{1,2})?", text):
        # The text is not repeated: it holds a secret.
        raise SimulatorError("The option --account must read KEY:SECRET:CASH, as in PKDEMO:secret:100000.")
    return NewAccount(key_id=parts[0], secret_key=parts[1], cash=parts[2])


def _whole(name: str, text: str, highest: int) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", str(text)) or int(text) > highest:
        raise SimulatorError(f"The option {name} cannot be used: write a whole number up to {highest}.")
    return int(text)


def _folder(folder: Path | None) -> Path | None:
    if folder is not None and not (folder / "minute").is_dir():
        raise SimulatorError(f"There is nothing to replay in {folder}: name a folder that holds minute/SYMBOL.csv.")
    return folder


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        raise SimulatorError("The option --from cannot be used: write a time such as 2013-10-04T13:30Z.") from problem
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _speed(text: str) -> Decimal:
    try:
        speed = Decimal(text)
    except InvalidOperation:
        speed = Decimal(-1)
    if not speed.is_finite() or not 0 <= speed <= 1_000_000:  # noqa: PLR2004 - a year in half a minute
        raise SimulatorError("The option --speed cannot be used: write a number from 0 to 1000000.")
    return speed


def _control_port(given: Mapping[str, Any]) -> int | None:
    if given["control_port"] is None:
        return None
    if given["control_token_file"] is None:
        raise SimulatorError("The control port needs --control-token-file, a file that holds its token.")
    return _whole("--control-port", given["control_port"], HIGHEST_PORT)


def _control_token(given: Mapping[str, Any]) -> str:
    path = given["control_token_file"]
    if path is None:
        return ""
    try:
        token: str = path.read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise SimulatorError(f"The token file {path} cannot be read: write a token into it first.") from problem
    if not token:
        raise SimulatorError(f"The token file {path} is empty: write a token into it first.")
    return token
