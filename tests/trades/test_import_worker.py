"""A worker that is killed in the middle leaves nothing behind, and the next one starts again."""

import os
import signal
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from accounts.models import User
from tests.factories import make_account
from tests.trades.import_kit import HEADER, ROUND_TRIP, fill_line, upload
from trades.models import FigureTotal, Fill, FillImport, ImportState, Trade
from trades.services.import_queue import import_claim, imports_waiting
from trades.services.import_work import import_work
from trades.services.imports import import_commit, import_create
from trades.tasks import imports_sweep_task

ROOT = Path(__file__).resolve().parent.parent.parent
LINES = 3_000
# Stops in the middle of the booking's transaction, after fills were written, and says so.
WORKER = """
import sys, time, uuid
import django
django.setup()
from trades.imports import booking
write = booking.Writer.finish
def finish(self):
    self.flush_new()
    print("written", flush=True)
    time.sleep(60)
booking.Writer.finish = finish
from trades.services.import_work import import_work
import_work(uuid.UUID(sys.argv[1]))
"""


def large_file() -> bytes:
    lines = [
        fill_line(
            f"2025-03-{3 + i % 20:02}T15:{i % 60:02}:00Z",
            f"S{i % 40}",
            "buy" if i % 2 else "sell",
            10 + i % 7,
            "10.00",
            execution_id=f"E{i}",
        )
        for i in range(LINES)
    ]
    return (HEADER + "".join(lines)).encode()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_while_booking_leaves_nothing_and_the_work_is_done_again(alice: User, settings: object) -> None:
    account = make_account(alice)
    nudged: list[uuid.UUID] = []
    made = import_create(
        account=account, file=ContentFile(large_file(), name="a.csv"), creation_key=uuid.uuid4(), nudge=nudged.append
    )
    import_work(made.pk)
    made.refresh_from_db()
    assert (made.state, made.new) == (ImportState.PREVIEW, LINES)
    import_commit(fill_import=made, nudge=nudged.append)
    assert nudged[-1] == made.pk

    environment = os.environ | {
        "DATABASE_URL": os.environ["DATABASE_URL"].replace("/postgres?", f"/{connection.settings_dict['NAME']}?"),
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),  # type: ignore[attr-defined]
    }
    environment["TEST_DATABASE_NAME"] = connection.settings_dict["NAME"]
    code = WORKER.replace(
        "django.setup()",
        "django.setup()\nfrom django.conf import settings\nimport os\nfrom django.db import connections\nconnections.databases['default']['NAME'] = os.environ['TEST_DATABASE_NAME']",
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", code, str(made.pk)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "written\n"
    assert import_claim(made.pk) is None
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    assert (Trade.objects.count(), Fill.objects.count(), FigureTotal.objects.count()) == (0, 0, 0)
    made.refresh_from_db()
    assert made.state == ImportState.COMMITTING
    FillImport.objects.filter(pk=made.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    imports_sweep_task()
    made.refresh_from_db()
    assert (made.state, made.executions_created, Fill.objects.filter(part=0).count()) == ("committed", LINES, LINES)


@pytest.mark.django_db
def test_an_import_is_done_by_one_worker_at_a_time(alice: User) -> None:
    made = upload(make_account(alice), ROUND_TRIP)
    FillImport.objects.filter(pk=made.pk).update(state=ImportState.COMMITTING)
    assert imports_waiting(now=timezone.now()) == [made.pk]
    assert import_claim(made.pk) is not None
    assert import_claim(made.pk) is None
    assert imports_waiting(now=timezone.now()) == []
    assert imports_waiting(now=timezone.now() + timedelta(minutes=2)) == [made.pk]


@pytest.mark.django_db
def test_a_file_that_stops_its_worker_again_and_again_is_given_up(alice: User) -> None:
    made = upload(make_account(alice), ROUND_TRIP)
    FillImport.objects.filter(pk=made.pk).update(state=ImportState.COMMITTING, settings={"attempts": 3})
    import_work(made.pk)
    made.refresh_from_db()
    assert (made.state, made.errors[0]["code"]) == (ImportState.PREVIEW, "stopped")
    assert not Fill.objects.exists()
