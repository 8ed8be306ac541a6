"""Two desks from two copies, at the same time: each with its own data, both usable."""

import sys
from collections.abc import Iterator

import pytest

from tests.runtime.desk_process import DeskProcess, copy_checkout
from tests.runtime.test_desk import connect, health

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left"),
]


@pytest.fixture(scope="module")
def desks() -> Iterator[list[DeskProcess]]:
    both: list[DeskProcess] = []
    try:
        for _ in range(2):
            both.append(DeskProcess(copy_checkout()))
            both[-1].start()
        yield both
    finally:
        for desk in both:
            desk.clear_away()


def test_both_answer_and_share_neither_servers_nor_keys(desks: list[DeskProcess]) -> None:
    left, right = desks
    env_files = [(desk.folder / ".env").read_text() for desk in desks]

    assert [health(desk) for desk in desks] == [200, 200]
    assert set(left.addresses().values()) & set(right.addresses().values()) == set()
    assert not {entry.pid for entry in left.entries().values()} & {entry.pid for entry in right.entries().values()}
    keys = [line for line in env_files[0].splitlines() if line.startswith(("SECRET_KEY", "COOKIE_PREFIX"))]
    assert len(keys) == 2
    assert not [line for line in keys if line in env_files[1]]


def test_what_one_writes_the_other_never_sees(desks: list[DeskProcess]) -> None:
    left, right = desks
    with connect(left) as connection:
        connection.execute("CREATE TABLE only_here AS SELECT 1 AS number")

    with connect(left) as here, connect(right) as there:
        seen = [str(side.execute("SELECT to_regclass('only_here')").fetchone()) for side in (here, there)]

    assert seen == ["('only_here',)", "(None,)"]


def test_the_end_of_one_leaves_the_other_running(desks: list[DeskProcess]) -> None:
    left, right = desks

    left.clear_away()

    assert left.survivors() == []
    assert health(right) == 200
    with connect(right) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
