"""What docs/runbook.md tells an operator to type, to do at the broker's and to look at: alarms end, causes are named."""

import itertools
import json
import re
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tests.runtime.operated import Operated, desk, ids, running, until
from tests.runtime.test_remedies import is_each_at_the_exchange_once, state

__all__ = ["desk", "running"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="stops processes by their groups"),
]

RUNBOOK = Path(__file__).resolve().parent.parent.parent / "docs" / "runbook.md"
QUERY = re.compile(r"`(SELECT [^`]+)`|```sql\n(SELECT .+?);\n```", re.DOTALL)
# One that a running desk at rest does without for a while.
APP, MISSING, BEFORE = "trades", "0007_evidence", "0006_events_of_many"


def test_a_database_that_misses_a_migration_is_migrated_under_the_running_desk(desk: Operated) -> None:
    desk.shell(f"manage.py migrate {APP} {BEFORE}")
    assert desk.sql("SELECT to_regclass('order_calls')") == [(None,)]
    desk.fires("MigrationsPending", within=60)
    assert desk.ready()[0] == 503
    assert desk.shell("manage.py showmigrations --plan | grep '\\[ \\]'").split() == ["[", "]", f"{APP}.{MISSING}"]

    desk.shell("manage.py migrate")
    until(lambda: "MigrationsPending" not in desk.fires(), "a database as new as the code", 60)
    until(lambda: desk.ready()[0] == 200, "visitors", 60)
    is_each_at_the_exchange_once(desk, ids([desk.order()]))


def test_a_further_worker_works_off_what_waits_for_the_desks_own(desk: Operated) -> None:
    with desk.stopped("worker"), desk.queue() as queue:
        pile_up(desk, 5010)
        desk.fires("DeskQueueLong")
        with desk.another("desk"):
            until(lambda: "DeskQueueLong" not in desk.fires(), "a shorter queue", 120)
            until(lambda: queue.llen("desk") < 100, "the end of what piled up", 300)
            until(lambda: "WorkersMissing" not in desk.fires(), "a sign of life")
    desk.quiet()


def pile_up(desk: Operated, count: int) -> None:
    """Messages as beat sends them, each one of its own."""
    with desk.piled_up(pattern=1), desk.queue() as queue:
        (pattern,) = queue.lrange("pattern", 0, 0)
        messages = []
        for _ in range(count):
            message, number = json.loads(pattern), str(uuid4())
            message["headers"]["id"] = message["properties"]["correlation_id"] = number
            message["properties"]["delivery_tag"] = str(uuid4())
            messages.append(json.dumps(message))
        queue.rpush("desk", *messages)


def test_an_order_that_is_cancelled_on_the_brokers_page_is_cancelled_here(desk: Operated) -> None:
    control = desk.exchange.control
    (order,) = ids([desk.order()])
    until(lambda: state(desk, order) == "accepted", "the order")
    # Our requests to cancel do not get through; all others do.
    control.fault("status_before", method="DELETE", path="/v2/orders/*", times=10_000, status=500)
    assert desk.cancel(order).ok
    until(lambda: state(desk, order) == "cancelling", "the wish")
    desk.sql("UPDATE orders SET cancel_asked_at = cancel_asked_at - interval '2 minutes' WHERE id = %s", order)
    desk.fires("CancelsUnanswered", within=60)

    ((number,),) = desk.sql("SELECT broker_order_id FROM orders WHERE id = %s", order)
    control.cancel_external(desk.exchange.account, number)
    until(lambda: state(desk, order) == "cancelled", "the end of the order", 90)
    until(lambda: "CancelsUnanswered" not in desk.fires(), "quiet")


def queries(name: str) -> list[str]:
    """The questions that an alarm's section has for the database, as they are written there."""
    section = RUNBOOK.read_text(encoding="utf-8").split(f"### {name}\n")[1].split("\n### ")[0]
    return [one or other for one, other in QUERY.findall(section)]


def test_what_the_database_is_asked_about_a_broker_that_fails_names_what_fails(desk: Operated) -> None:
    errors, calls = queries("BrokerTroubled")
    desk.exchange.control.fault("status_before", method="GET", path="*", times=10_000, status=500)
    desk.fires("BrokerTroubled", within=120)
    assert [count for error, count in desk.sql(errors) if error] == [1]
    failing = desk.sql(calls)
    assert {row[0] for row in failing} == {"GET"}
    assert {row[3] for row in failing} == {500}
    # The broker is well again: nothing was to be done here, and nothing is left to be told.
    desk.quiet()
    until(lambda: desk.sql(calls) == [], "the end of every call that failed", 120)


def test_every_question_to_the_database_is_one_it_understands(desk: Operated) -> None:
    names = re.findall(r"^### (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    asked = {name: queries(name) for name in names if queries(name)}
    assert set(asked) == {"DeskDown", "DatabaseDown", "OrdersInDoubt", "OrdersNotSent", "BrokerTroubled", "SyncOld"}
    for query in itertools.chain.from_iterable(asked.values()):
        desk.sql(query)
