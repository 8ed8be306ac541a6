"""The schedule, played through: nobody is left out, turns are spread evenly, no broker is asked too often."""

import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.scale import schedule_simulation as simulation
from benchmarks.scale.schedule_simulation import BEGAN, POLL, SYNC, Scene, play, play_together, polls_may_use
from brokers.services.schedule import next_turn, syncs_take
from tests.factories import make_account, make_connection

CYCLE = 60
# A look comes every five seconds; what it hands out is begun within a second or so.
LATE = 7.0
QUIET = Scene(
    "a few hundred", 600, 20, sync_seconds=0.5, poll_seconds=0.1, requests_a_sync=5, hand_out_seconds=0.001,
    seconds=420, sync_cycle=CYCLE,
)  # fmt: skip


@pytest.fixture(scope="module")
def quiet():
    return play(QUIET)


def test_every_connection_has_its_turn_in_every_cycle(quiet):
    assert {one for _due, _began, one in quiet.turns[SYNC]} == set(range(600))
    assert {one for _due, _began, one in quiet.turns[POLL]} == set(range(60))
    assert quiet.longest_gap(SYNC) < CYCLE + LATE
    times = Counter(one for _due, _began, one in quiet.turns[SYNC])
    assert set(times.values()) <= {QUIET.seconds // CYCLE - 1, QUIET.seconds // CYCLE}


def test_no_turn_waits_for_longer_than_the_next_look(quiet):
    assert quiet.told(SYNC)[2] < LATE
    assert quiet.expired_looks == 0


def test_turns_are_spread_over_the_cycle(quiet):
    seconds = Counter(int(due) % CYCLE for due, _began, _one in quiet.turns[SYNC] if due >= CYCLE)
    assert set(seconds) == set(range(CYCLE))
    # Ten come due in a second on average; ids are random, so some have a few more.
    assert quiet.spread(SYNC, CYCLE) < 2.5


def test_the_same_seed_plays_the_same_and_another_does_not(quiet):
    assert play(QUIET).turns == quiet.turns
    assert play(replace(QUIET, seed=2)).turns != quiet.turns


@pytest.mark.parametrize("streamed", [0.0, 1.0])
def test_no_broker_is_asked_more_than_polls_may(streamed):
    played = play(replace(QUIET, with_orders=1.0, streamed=streamed, workers=60))
    assert 0 < played.most_in_a_minute <= polls_may_use()


def test_after_an_outage_everybody_is_served_and_the_spread_is_as_before():
    played = play(replace(QUIET, seconds=600, away=(120, 300)))
    assert not [began for _due, began, _one in played.turns[SYNC] if 120 <= began < 300]
    # The play is the same every time. The outage, a cycle, and what 20 workers take for 600 syncs of half a second:
    # whoever was last before and is held by a poll when all come due waits for almost all of it.
    assert played.longest_gap(SYNC) == pytest.approx(254.504, abs=0.001)
    assert played.well_again(SYNC, 300, LATE) < CYCLE
    late = [due for due, _began, _one in played.turns[SYNC] if due > 420]
    assert max(Counter(int(due) % CYCLE for due in late).values()) < 2.5 * len(late) / CYCLE


def test_when_workers_are_lost_turns_come_later_and_nobody_is_left_out():
    # Of 20 workers six are enough for what is due; four are not.
    played = play(replace(QUIET, seconds=900, lost=(120, 300), lost_share=0.8))
    assert played.told(SYNC, 180, 300)[2] > LATE
    assert played.told(SYNC, 600)[2] < LATE
    assert {one for due, _began, one in played.turns[SYNC] if due > 120} == set(range(600))
    assert played.longest_gap(SYNC) < 3 * CYCLE


def test_with_too_few_workers_everybody_waits_alike():
    played = play(replace(QUIET, workers=3, with_orders=0))
    assert played.told(SYNC, 240)[0] > LATE
    served = Counter(one for _due, _began, one in played.turns[SYNC])
    assert len(served) == 600
    assert max(served.values()) - min(served.values()) <= 2


@pytest.mark.django_db
def test_the_simulation_hands_out_what_the_desk_does(alice, settings):
    """The same connections over five looks: the same turns, in the same order, by the database and by the play."""
    settings.SYNC_SECONDS = 20
    scene = replace(QUIET, connections=40, with_orders=0, sync_cycle=20, seconds=41, most_turns=8)
    desk = simulation._Desk(scene)
    for number, key in enumerate(desk.ids):
        account = make_account(alice, f"Number {number}")
        make_connection(account, id=key, next_sync_at=next_turn(key, cycle=20, now=BEGAN))
    desk.play()
    played = [one for _due, _began, one in sorted(desk.turns[SYNC], key=lambda turn: turn[1])]
    looks = [syncs_take(now=BEGAN + timedelta(seconds=5 * number), limit=8) for number in range(8)]
    assert all(isinstance(one, uuid.UUID) for look in looks for one in look)
    assert [desk.ids[one] for one in played] == [one for look in looks for one in look]


def test_shards_that_are_played_together_are_each_played_with_connections_of_its_own():
    scene = replace(QUIET, connections=150, workers=5)
    together = play_together(scene, 3)
    alone = [play(replace(scene, seed=seed)) for seed in (1, 2, 3)]
    assert together.shards == 3
    for kind in (SYNC, POLL):
        lags = [lag for one in alone for lag in one.lags(kind, CYCLE)]
        assert list(together.lags[kind]) == lags
        assert together.told(kind)[2] == max(lags)
    assert together.longest_gap == max(one.longest_gap(SYNC) for one in alone)
    assert together.spread == max(one.spread(SYNC, CYCLE) for one in alone)
    assert len({one.turns[SYNC][0] for one in alone}) == 3
