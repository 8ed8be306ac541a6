"""Halts of a trader and of the whole desk: marked first, refused everywhere at once, swept by any worker."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Halt, Notification, TradingAccount, User
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.desk_kit import NOW, d
from tests.trades.execution.gate_kit import at_broker, broker, codes, connected, held, placed, quoted, sell
from tests.trades.execution.recording_kit import book, desk, events, fresh, order_of
from trades.execution import halt_sweep
from trades.execution.intents import (
    OrderEdit,
    account_halt,
    account_resume,
    desk_halt,
    desk_resume,
    order_create,
    order_replace,
    position_close,
    trader_halt,
    trader_resume,
)
from trades.execution.releases import orders_release
from trades.execution.replace import order_replace_send
from trades.execution.submit import order_submit
from trades.models import AuditEntry, Order
from trades.services.errors import LimitsBroken
from trades.tasks import halts_sweep_task

pytestmark = pytest.mark.django_db
__all__ = ["book", "broker", "desk"]

BOTH = pytest.mark.parametrize("level", ["trader", "desk"])
REFUSED = {"trader": "trader_halted", "desk": "desk_halted"}


def halt(level: str, owner: User, **terms: Any) -> Halt:
    if level == "trader":
        return trader_halt(user=owner, reason="Out of my mind", now=NOW, **terms)
    return desk_halt(by="bob", reason="The broker is on fire", now=NOW, **terms)


def resume(level: str, owner: User) -> Halt | None:
    return trader_resume(user=owner, now=NOW) if level == "trader" else desk_resume(by="bob", now=NOW)


def told_of(user: User) -> list[str]:
    return list(Notification.objects.filter(user=user).order_by("created_at").values_list("key", flat=True))


def statuses(account: TradingAccount) -> dict[str, str]:
    return dict(Order.objects.filter(account=account).values_list("symbol", "status"))


@BOTH
@pytest.mark.usefixtures("broker")
class TestGate:
    def test_new_entries_are_refused_in_every_account_with_the_reason(self, alice: User, level: str) -> None:
        accounts = [connected(alice), connected(alice, "Second")]
        halt(level, alice)
        for account in accounts:
            order = placed(account)
            assert (order.status, codes(order)) == ("denied", [REFUSED[level]])
            assert ("Out of my mind" if level == "trader" else "The broker is on fire") in order.reason_detail

    def test_exits_pass(self, alice: User, level: str) -> None:
        account = connected(alice)
        held(account, 100)
        held(account, 50, "TSLA")
        halt(level, alice)
        assert order_create(owner=alice, given=sell(account, 60), creation_key=uuid4(), now=NOW).status == "new"
        closing = position_close(owner=alice, account_id=account.pk, symbol="TSLA", creation_key=uuid4(), now=NOW)
        assert (closing.status, closing.quantity) == ("new", d(50))

    def test_once_it_is_resumed_entries_pass_again(self, alice: User, level: str) -> None:
        account = connected(alice)
        halt(level, alice)
        found = resume(level, alice)
        assert found is not None
        assert found.resumed_at == NOW
        assert found.resumed_by_name == ("alice" if level == "trader" else "bob")
        assert placed(account).status == "new"

    def test_twice_is_once_and_keeps_the_first_reason(self, alice: User, level: str) -> None:
        connected(alice)
        assert halt(level, alice).pk == halt(level, alice).pk
        halts_sweep_task()
        assert Halt.objects.count() == 1
        assert Notification.objects.filter(user=alice).count() == 1

    def test_a_change_that_takes_more_room_is_refused(self, alice: User, level: str) -> None:
        order = at_broker(placed(connected(alice)))
        _mark_only(level, alice)
        with pytest.raises(LimitsBroken, match="halted"):
            order_replace(
                owner=alice, order_id=order.pk, changes=OrderEdit(quantity=d(150)), creation_key=uuid4(), now=NOW
            )

    def test_what_waits_for_the_open_is_denied_when_its_time_comes(self, alice: User, level: str) -> None:
        order = placed(connected(alice))
        Order.objects.filter(pk=order.pk).update(status="queued", send_after=NOW)
        _mark_only(level, alice)
        assert orders_release(NOW) == []
        kept = fresh(order)
        assert (kept.status, kept.reason_code) == ("denied", REFUSED[level])


def _mark_only(level: str, user: User) -> Halt:
    """The mark, before any sweep."""
    is_desk = level == "desk"
    return Halt.objects.create(
        level="desk" if is_desk else "user", user=None if is_desk else user, reason="", by_name="bob", halted_at=NOW
    )


@pytest.mark.usefixtures("broker")
def test_resuming_one_level_lifts_no_other(alice: User) -> None:
    account = connected(alice)
    account_halt(owner=alice, account_id=account.pk, reason="Tilt", now=NOW)
    halt("trader", alice)
    halt("desk", alice)
    assert codes(placed(account)) == ["halted", "desk_halted", "trader_halted"]
    resume("desk", alice)
    assert codes(placed(account)) == ["halted", "trader_halted"]
    account_resume(owner=alice, account_id=account.pk)
    assert codes(placed(account)) == ["trader_halted"]
    resume("trader", alice)
    assert placed(account).status == "new"


@pytest.mark.usefixtures("broker")
def test_a_halted_account_that_kept_stops_takes_them_when_that_is_asked_for(alice: User) -> None:
    account = connected(alice)
    held(account, 100)
    given = sell(account, 60, type="stop", stop_price=d(90))
    stop = at_broker(order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW))
    account_halt(owner=alice, account_id=account.pk, reason="Tilt", now=NOW)
    assert fresh(stop).status == "accepted"

    for _ in range(2):
        account_halt(owner=alice, account_id=account.pk, reason="Fire", cancels_exits=True, now=NOW)

    account.refresh_from_db()
    assert (fresh(stop).status, account.halt_reason) == ("cancelling", "Tilt")
    entry = AuditEntry.objects.get(action="account.halt_widened")
    assert entry.after == {"reason": "Fire", "orders_cancelled": 1, "cancels_exits": True}
    titles = Notification.objects.filter(user=alice).order_by("created_at").values_list("title", flat=True)
    assert list(titles) == ["Main is halted", "Main: stops and targets are cancelled"]


@pytest.mark.usefixtures("broker")
def test_a_traders_halt_is_the_traders_alone(alice: User, charlie: User) -> None:
    connected(alice)
    theirs = connected(charlie)
    halt("trader", alice)
    assert placed(theirs).status == "new"
    assert trader_resume(user=charlie) is None
    assert not Notification.objects.filter(user=charlie).exists()


@BOTH
@pytest.mark.usefixtures("broker")
class TestSweep:
    def test_entries_are_cancelled_and_protective_exits_stay(self, alice: User, level: str) -> None:
        account = connected(alice)
        held(account, 100, "TSLA")
        quoted("MSFT", "99.99", "100.01")
        unsent, working = placed(account), at_broker(placed(account, symbol="MSFT"))
        stop = at_broker(
            order_create(
                owner=alice,
                given=sell(account, 100, symbol="TSLA", type="stop", stop_price=d(90)),
                creation_key=uuid4(),
                now=NOW,
            )
        )
        found = halt(level, alice)
        halts_sweep_task()
        assert [fresh(order).status for order in (unsent, working, stop)] == ["cancelled", "cancelling", "accepted"]
        found.refresh_from_db()
        assert found.swept_at is not None
        assert found.orders_cancelled == 2
        entry = AuditEntry.objects.get(action="halt.orders_cancelled")
        assert (entry.account, entry.after["orders_cancelled"]) == (account, 2)

    def test_stops_and_targets_go_too_when_that_is_asked_for(self, alice: User, level: str) -> None:
        account = connected(alice)
        held(account, 100)
        given = sell(account, 60, type="stop", stop_price=d(90))
        stop = at_broker(order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW))
        closing = at_broker(order_create(owner=alice, given=sell(account, 40), creation_key=uuid4(), now=NOW))
        halt(level, alice, cancels_exits=True)
        halts_sweep_task()
        assert [fresh(order).status for order in (stop, closing)] == ["cancelling", "accepted"]

    def test_a_halt_that_kept_stops_takes_them_when_that_is_asked_for(self, alice: User, level: str) -> None:
        account = connected(alice)
        held(account, 100)
        given = sell(account, 60, type="stop", stop_price=d(90))
        stop = at_broker(order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW))
        first = halt(level, alice)
        halts_sweep_task()
        assert (fresh(stop).status, told_of(alice)) == ("accepted", [f"halt:{first.pk}"])

        widened = halt(level, alice, cancels_exits=True)
        halts_sweep_task()

        assert (widened.pk, widened.cancels_exits, widened.reason) == (first.pk, True, first.reason)
        assert fresh(stop).status == "cancelling"
        assert told_of(alice) == [f"halt:{first.pk}", f"halt:{first.pk}:exits"]
        widened.refresh_from_db()
        assert widened.swept_at is not None
        trail = AuditEntry.objects.filter(action="trader.halt_widened").values_list("account", "actor__username")
        assert list(trail) == ([(account.pk, "alice")] if level == "trader" else [])

    def test_a_halt_that_took_stops_never_gives_them_back(self, alice: User, level: str) -> None:
        connected(alice)
        halt(level, alice, cancels_exits=True)
        assert halt(level, alice).cancels_exits
        assert halt(level, alice, cancels_exits=True).cancels_exits
        halts_sweep_task()
        assert Halt.objects.count() == 1
        assert Notification.objects.filter(user=alice).count() == 1
        assert not AuditEntry.objects.filter(action="trader.halt_widened").exists()

    def test_a_halt_that_is_widened_while_its_sweep_ends_is_swept_on(
        self, alice: User, level: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = connected(alice)
        held(account, 100)
        given = sell(account, 60, type="stop", stop_price=d(90))
        stop = at_broker(order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW))
        _mark_only(level, alice)
        finish = halt_sweep._finish

        def widened_meanwhile(*args: Any) -> bool:
            Halt.objects.update(cancels_exits=True)
            return finish(*args)

        monkeypatch.setattr(halt_sweep, "_finish", widened_meanwhile)
        halts_sweep_task()
        assert fresh(stop).status == "cancelling"
        assert Halt.objects.get().swept_at is not None

    def test_a_sweep_that_is_killed_goes_on_where_it_was(
        self, alice: User, charlie: User, level: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        accounts = [connected(alice, name) for name in ("One", "Two", "Three")]
        for account in accounts:
            placed(account)
        _mark_only(level, alice)
        one = halt_sweep._account_sweep
        done: list[Any] = []

        def killed(*args: Any, **named: Any) -> bool:
            if done:
                raise KeyboardInterrupt
            done.append(args)
            return one(*args, **named)

        monkeypatch.setattr(halt_sweep, "_account_sweep", killed)
        with pytest.raises(KeyboardInterrupt):
            halts_sweep_task()
        assert Order.objects.filter(status="cancelled").count() == 1
        monkeypatch.setattr(halt_sweep, "_account_sweep", one)
        halts_sweep_task()
        assert Order.objects.filter(status="cancelled").count() == 3
        assert Notification.objects.filter(user=alice, key__startswith="halt:").count() == 1

    def test_a_sweep_stops_when_it_is_resumed(self, alice: User, level: str) -> None:
        order = placed(connected(alice))
        _mark_only(level, alice)
        resume(level, alice)
        halts_sweep_task()
        assert fresh(order).status == "new"


@pytest.mark.usefixtures("broker")
def test_everybody_with_a_broker_is_told_of_the_desks_halt_and_of_its_end(
    alice: User, bob: User, charlie: User
) -> None:
    connected(alice)
    connected(charlie)
    found = halt("desk", bob)
    halts_sweep_task()
    resume("desk", bob)
    told = [(name, f"halt:{found.pk}{end}") for name in ("alice", "charlie") for end in ("", ":over")]
    assert sorted(Notification.objects.values_list("user__username", "key")) == sorted(told)


@pytest.mark.usefixtures("broker")
def test_a_halt_of_the_desk_asks_few_questions_however_many_orders_work(
    alice: User, django_assert_max_num_queries: Any
) -> None:
    """The mark is one small transaction: what works is the sweep's."""
    account = connected(alice, policy={"max_orders_per_minute": None, "max_position_percent": d(100)})
    for _ in range(5):
        placed(account, quantity=d(1))
    with django_assert_max_num_queries(4):
        halt("desk", alice)
    assert Order.objects.filter(status="new").count() == 5


class TestClaim:
    @BOTH
    def test_an_entry_that_is_written_already_is_not_sent(self, desk: BrokerConnection, book: Book, level: str) -> None:
        order = order_of(desk)
        _mark_only(level, desk.user)
        order_submit(order.pk, now=NOW)
        kept = fresh(order)
        assert (kept.status, kept.reason_code) == ("denied", REFUSED[level])
        assert "submit" not in book.calls

    @BOTH
    def test_an_exit_is_sent(self, desk: BrokerConnection, book: Book, level: str) -> None:
        book.script("submit", Outcome.ACCEPT)
        order = order_of(desk, side="sell")
        Order.objects.filter(pk=order.pk).update(is_reducing=True)
        _mark_only(level, desk.user)
        order_submit(order.pk, now=order.created_at)
        assert fresh(order).status == "accepted"

    def test_anothers_halt_is_not_ones_own(self, desk: BrokerConnection, book: Book, charlie: User) -> None:
        book.script("submit", Outcome.ACCEPT)
        order = order_of(desk)
        _mark_only("trader", charlie)
        order_submit(order.pk, now=NOW)
        assert fresh(order).status == "accepted"

    @BOTH
    def test_a_change_of_an_entry_is_dropped(self, desk: BrokerConnection, book: Book, level: str) -> None:
        book.script("submit", Outcome.ACCEPT)
        order = order_of(desk)
        order_submit(order.pk, now=NOW)
        change = {"client_order_id": "other", "creation_key": str(uuid4()), "asked_at": NOW, "quantity": d(20)}
        Order.objects.filter(pk=order.pk).update(pending_change=change)
        _mark_only(level, desk.user)
        order_replace_send(order.pk, now=NOW)
        assert "replace" not in book.calls
        assert fresh(order).pending_change is None
        assert ("replace_refused", "accepted", "accepted") in events(order)
