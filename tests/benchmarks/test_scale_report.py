"""The report of a scale run, written of a small world."""

from dataclasses import replace

from benchmarks.scale import report, scenes
from benchmarks.scale.costs import Costs, Streams
from benchmarks.scale.meters import Cost
from benchmarks.scale.schedule_simulation import play, play_together

NAMES = ("changes", "poll", "sync", *(f"order, {part}" for part in scenes.ORDER_PARTS), "page")


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


def test_a_million_are_played_in_whole_shards() -> None:
    assert scenes.MILLION // scenes.SHARD * scenes.shard_of(costs()).connections == scenes.MILLION
    assert "a million: 40 shards of 40, every five minutes" in written()
