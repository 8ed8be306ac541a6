"""One import in a process of its own, so that its memory is its own: account and file are its arguments."""

import json
import resource
import sys
import time
import uuid
from pathlib import Path

import django


def main() -> None:
    django.setup()
    from django.core.files import File

    from accounts.calendars import sessions_warm
    from accounts.models import TradingAccount
    from trades.models import FillImport
    from trades.services.import_work import import_work
    from trades.services.imports import MAYBE_CUT_OFF, import_commit, import_create

    # As every worker does at its start.
    sessions_warm()
    account = TradingAccount.objects.get(pk=sys.argv[1])
    path = Path(sys.argv[2])
    started = time.perf_counter()
    with path.open("rb") as file:
        made = import_create(
            account=account, file=File(file, name=path.name), creation_key=uuid.uuid4(), nudge=import_work
        )
        import_work(made.pk)
    read = time.perf_counter()
    found = FillImport.objects.get(pk=made.pk)
    import_commit(fill_import=found, nudge=import_work, confirmed=[MAYBE_CUT_OFF])
    import_work(made.pk)
    booked = time.perf_counter()
    found.refresh_from_db()
    if found.state != "committed" or found.executions_created != found.rows:
        raise SystemExit(f"the import is {found.state}: {found.errors}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"read": read - started, "book": booked - read, "peak_mb": peak}) + "\n")


if __name__ == "__main__":
    main()
