"""The web process is small: every page, form and adapter is there without alpaca-py and without pandas."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
import trenddojo.wsgi
from django.urls import get_resolver
from brokers.registry import ADAPTERS, capabilities_of
get_resolver().url_patterns
for broker in ADAPTERS:
    capabilities_of(broker)
heavy = {name.partition(".")[0] for name in sys.modules} & {"alpaca", "pandas", "pydantic", "exchange_calendars"}
print(", ".join(sorted(heavy)))
"""


def test_the_whole_site_and_every_adapter_load_without_the_heavy_libraries() -> None:
    answer = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, check=True, capture_output=True, text=True)

    assert answer.stdout.strip() == ""
