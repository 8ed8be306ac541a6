"""docs/security.md goes through the whole standard, and the tests it names are there."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
POINT = re.compile(r"^\| ([0-9]+\.[0-9., ]+) \| .+? \| (met|not applicable|\*\*NOT met\*\*) \| (.+) \|$", re.MULTILINE)


def test_every_test_that_is_named_is_there() -> None:
    missing = []
    for path, name in NAMED.findall(PAGE):
        file = ROOT / path
        if not file.is_file() or (name and f"def {name}(" not in file.read_text(encoding="utf-8")):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_every_point_has_one_verdict_and_the_sums_are_right() -> None:
    verdicts = Counter()
    numbers = []
    for points, verdict, _ in POINT.findall(PAGE):
        found = points.split(", ")
        numbers += found
        verdicts[verdict.strip("*")] += len(found)
    assert len(numbers) == len(set(numbers)) == 253
    told = re.search(r"(\d+) met, (\d+) not applicable, (\d+) not met", PAGE)
    assert told is not None
    assert tuple(map(int, told.groups())) == (verdicts["met"], verdicts["not applicable"], verdicts["NOT met"])
