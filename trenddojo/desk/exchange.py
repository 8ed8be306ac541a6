"""The stand-in exchange of a desk: where it listens, and the key pair of the demo account there."""

import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

from trenddojo.desk import dotenv
from trenddojo.desk.settings import HOST
from trenddojo.secret_files import file_setting

NAME = "simulator"
# What `manage.py` in another terminal needs to find it.
TOLD = ("SIMULATOR_URL", "SIMULATOR_API_KEY", "SIMULATOR_SECRET_KEY")
KEYS = "SIMULATOR_API_KEY={key_id}\nSIMULATOR_SECRET_KEY={secret_key}\n"


def settings(var: Path, given: Mapping[str, str]) -> dict[str, str]:
    """What every process is told of the exchange; empty where SIMULATOR_URL names one that runs elsewhere.

    The pair is made once and kept beside the exchange's state: an account is found again by its keys.
    """
    if given.get("SIMULATOR_URL"):
        return {}
    port = str(_free_port())
    keys = {name: given[name] for name in ("SIMULATOR_API_KEY", "SIMULATOR_SECRET_KEY") if given.get(name)}
    # Not beside a file that holds the value: it would be given twice.
    pair = {name: key for name, key in _pair(var / "simulator.env").items() if not given.get(file_setting(name))}
    return {
        **pair,
        **keys,
        "SIMULATOR_PORT": port,
        "SIMULATOR_URL": f"http://{HOST}:{port}",
    }


def _pair(path: Path) -> dict[str, str]:
    """Written whole under another name first: a killed start leaves no half file."""
    if not path.exists():
        content = KEYS.format(key_id=f"PK{secrets.token_hex(9).upper()}", secret_key=secrets.token_urlsafe(30))
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(content)
        fresh.replace(path)
    return dotenv.read(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
