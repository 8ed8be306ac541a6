"""docs/scale.md says what the code that writes it says, figures aside."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.scale import report, scenes
from benchmarks.scale.costs import Costs, Streams
from benchmarks.scale.meters import Cost
from benchmarks.scale.schedule_simulation import play, play_together

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ("changes", "poll", "sync", *(f"order, {part}" for part in scenes.ORDER_PARTS), "page")
FIGURE = re.compile(r"—|[0-9][0-9,.:]*")


def costs() -> Costs:
    streams = [Streams("order stream of a broker", 80, 0.1), Streams("event stream of a program", 14, 0.4)]
    operations = {name: Cost(name, 9, 5, 2, 1, 3, 4, 1, 900) for name in NAMES}
    return Costs(operations, streams, {"orders": 3627}, 500, 81, 39)


def written() -> str:
    """A document of a small world."""
    found = costs()
    small = [replace(scene, connections=40, workers=4, seconds=700) for scene in scenes.of(found)]
    shard = replace(scenes.shard_of(found), connections=40, workers=4, seconds=700)
    shards = scenes.MILLION // scenes.SHARD
    return report.document(found, [(scene, play(scene)) for scene in small], shard, play_together(shard, shards))


def sentences(text: str) -> Iterator[str]:
    """What is said in words: tables have figures of their own, and the machine is told of at the top."""
    for paragraph in text.split("\n\n"):
        words = " ".join(paragraph.split())
        if not words.startswith(("|", "Written by")):
            yield FIGURE.sub("…", words)


def worlds(text: str) -> list[str]:
    """The first column of the table of what was played."""
    table = next(part for part in text.split("\n\n") if part.startswith("| world |"))
    return [FIGURE.sub("…", line.split("|")[1].strip()) for line in table.splitlines()]


def test_the_document_is_what_is_written() -> None:
    ours, kept = written(), (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")

    assert list(sentences(ours)) == list(sentences(kept))
    assert worlds(ours) == worlds(kept)


def test_a_million_are_played_in_whole_shards() -> None:
    assert scenes.MILLION // scenes.SHARD * scenes.shard_of(costs()).connections == scenes.MILLION
    assert "a million: 40 shards of 40, every five minutes" in written()
