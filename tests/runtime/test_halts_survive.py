"""A halt is a row: whatever process is killed and started anew, entries are refused and every page says why."""

import re
import shutil
import sys
from collections.abc import Iterator

import pytest
import requests

from tests.runtime.desk_process import ROOT, copy_checkout
from tests.runtime.operated import Operated, desk, ids, operated, until
from tests.runtime.test_remedies import is_each_at_the_exchange_once, state

__all__ = ["desk"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="stops processes by their groups"),
]

TOKEN_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
REASONS = {"halted": "The account", "trader_halted": "The trader", "desk_halted": "The desk"}


PROCESSES = ("web", "orders", "worker", "beat", "stream")


@pytest.fixture(scope="module")
def running() -> Iterator[Operated]:
    """With what pages need to be shown."""
    folder = copy_checkout()
    shutil.copytree(ROOT / "static" / "vendor", folder / "static" / "vendor")
    with operated(folder) as made:
        yield made


def call(desk: Operated, path: str, **body: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {desk.trader['token']}"}
    answer = requests.post(desk.url(f"/api/v1/{path}"), json=body, headers=headers, timeout=30)
    assert answer.ok, answer.text
    return answer


def signed_in(desk: Operated) -> requests.Session:
    """The trader's browser."""
    browser, address = requests.Session(), desk.url("/auth/login/")
    page = browser.get(address, timeout=30)
    token = TOKEN_FIELD.search(page.text)
    assert token is not None, page.text
    form = {"csrfmiddlewaretoken": token[1], "login": "trader", "password": "a long password of nobody"}
    assert browser.post(address, data=form, headers={"Referer": address}, timeout=30).url != address
    return browser


def banner(desk: Operated, browser: requests.Session) -> list[str]:
    """Which of the reasons a page without any order tells."""
    page = browser.get(desk.url("/settings/"), timeout=30)
    assert page.ok
    return [reason for reason in REASONS.values() if f": {reason}. " in " ".join(page.text.split())]


def refused(desk: Operated) -> set[str]:
    """The codes of halts for which a new entry is denied."""
    answer = desk.order()
    assert answer.status_code == requests.codes.unprocessable, answer.text
    return {code for code in REASONS if f'"{code}"' in answer.text}


def test_halts_of_every_level_survive_a_restart_of_all_processes(desk: Operated) -> None:
    browser, account = signed_in(desk), f"accounts/{desk.trader['account']}"
    (resting,) = ids([desk.order()])
    until(lambda: state(desk, resting) == "accepted", "an order from before")
    call(desk, f"{account}/halt/", reason=REASONS["halted"])
    call(desk, "halt/", reason=REASONS["trader_halted"])
    desk.shell(f"manage.py desk_halt --yes --reason '{REASONS['desk_halted']}'")
    until(lambda: state(desk, resting) == "cancelled", "the end of the order from before", 60)

    with desk.killed(*PROCESSES):
        pass
    until(desk.is_quiet, "a desk at work again", 120)
    assert banner(desk, browser) == list(REASONS.values())
    assert refused(desk) == set(REASONS)

    # Each level is lifted by itself, by whoever may.
    desk.shell("manage.py desk_resume")
    assert refused(desk) == {"halted", "trader_halted"}
    call(desk, "resume/")
    assert refused(desk) == {"halted"}
    call(desk, f"{account}/resume/")
    assert banner(desk, browser) == []
    is_each_at_the_exchange_once(desk, ids([desk.order()]))
