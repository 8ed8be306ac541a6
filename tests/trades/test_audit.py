"""The audit trail keeps what a row said, and tells it in words."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from tests.factories import make_setup
from tests.trades.desk_kit import NOW, a_plan, at, d, make_account, make_fill, make_plan
from trades.models import AuditEntry, Trade
from trades.selectors.history import trade_history
from trades.services.audit import audit_record, snapshot
from trades.services.plans import plan_edit

pytestmark = pytest.mark.django_db


def test_a_snapshot_has_what_was_said_and_nothing_about_the_writing(alice: User) -> None:
    fill = make_fill(make_plan(make_account(alice)), "buy", 10, 100, at(3))
    kept = snapshot(fill)
    assert (kept["side"], kept["quantity"], kept["trade_id"]) == ("buy", d(10), fill.trade_id)
    assert not {"version", "created_at", "updated_at", "creation_key"} & kept.keys()


def test_an_entry_says_who_when_before_and_after(alice: User) -> None:
    trade = make_plan(make_account(alice))
    started = timezone.now()
    entry = audit_record(
        account=trade.account,
        actor=alice,
        action="trade.edited",
        subject=trade,
        before={"rating": None},
        after={"rating": 4},
        trade_id=trade.pk,
    )
    entry.refresh_from_db()
    assert started <= entry.at <= timezone.now()
    assert (entry.actor, entry.subject_id, entry.before, entry.after) == (
        alice,
        trade.pk,
        {"rating": None},
        {"rating": 4},
    )


def test_the_history_speaks_words(alice: User) -> None:
    account, setup = make_account(alice), make_setup(alice, "Breakout", ("Trend up",))
    trade = make_plan(account)
    plan = a_plan(account, setup_id=setup.pk, checklist={setup.criteria.get().pk: True}, thesis="Why " * 100)
    plan_edit(owner=alice, trade_id=trade.pk, plan=plan, version=1, now=NOW)
    latest = trade_history(trade, limit=1)[0]
    assert (latest.what, latest.who) == ("Plan changed", "alice")
    assert latest.changes[:1] == [("Setup", "", "Breakout")]
    assert ("Checklist", "", "Trend up: yes") in latest.changes
    thesis = {name: after for name, _, after in latest.changes}["Thesis"]
    assert (len(thesis), thesis[-1]) == (201, "…")


def test_what_happened_before_is_left_out_and_strangers_entries_too(alice: User, charlie: User) -> None:
    trade = make_plan(make_account(alice))
    make_plan(make_account(charlie))
    assert len(trade_history(trade)) == 1
    assert trade_history(trade, since=timezone.now() + timedelta(seconds=1)) == []


def test_a_trail_outlives_its_writer_and_its_setup(alice: User, bob: User) -> None:
    account, setup = make_account(alice), make_setup(alice)
    trade = make_plan(account, setup_id=setup.pk)
    AuditEntry.objects.update(actor=bob)
    bob.delete()
    setup.delete()
    told = trade_history(Trade.objects.get(pk=trade.pk))[0]
    assert told.who == "somebody who left"
    assert ("Setup", "", "a deleted setup") in told.changes
