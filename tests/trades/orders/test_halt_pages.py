"""The pages of the brake: halting and resuming at every level, the banner on every page, and closing everything."""

from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from accounts.models import Halt, TradingAccount, User
from accounts.services.pulses import WORKER, pulse_write
from brokers.models import BrokerConnection
from tests.factories import make_account
from tests.trades.orders.kit import connected_account, d, make_order, make_position
from trades.execution import silences
from trades.execution.intents import desk_halt, trader_halt
from trades.models import Order
from trades.tasks import halts_sweep_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return connected_account(alice)


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return " ".join(answer.content.decode().split())


def test_all_accounts_are_halted_and_resumed(alice_client: Client, account: TradingAccount) -> None:
    entry = make_order(account)
    assert "The kill switch of everything you trade" in read(alice_client, "/halt/")
    alice_client.post("/halt/", {"reason": "The feed looks wrong", "exits": "keep"})
    entry.refresh_from_db()
    assert entry.status == "cancelling"
    halt = Halt.objects.get()
    assert (halt.reason, halt.by_name, halt.cancels_exits) == ("The feed looks wrong", "alice", False)
    for path in ("/", "/settings/", "/journal/", "/halt/"):
        text = read(alice_client, path)
        assert "All your accounts are halted</strong> by you since" in text, path
        assert ": The feed looks wrong." in text, path
    assert "Resume all accounts" in read(alice_client, "/halt/")
    alice_client.post("/halt/resume/")
    assert "are halted" not in read(alice_client, "/settings/")


def test_a_reason_is_part_of_the_sentence_that_tells_it(alice_client: Client, account: TradingAccount) -> None:
    TradingAccount.objects.update(halted_at=timezone.now(), halt_reason="It was <restored>.")
    text = read(alice_client, "/settings/")
    assert f"{account.name} is halted</strong> since " in text
    assert ": It was &lt;restored&gt;. No new entry leaves" in text


def test_a_halt_needs_a_reason(alice_client: Client, account: TradingAccount) -> None:
    for path in ("/halt/", f"/accounts/{account.pk}/halt/"):
        answer = alice_client.post(path, {"reason": "  ", "exits": "keep"})
        assert "Say why, in a word or two." in answer.content.decode()
    assert not Halt.objects.exists()
    account.refresh_from_db()
    assert not account.is_halted


@pytest.mark.parametrize("path", ["/halt/", "/accounts/{}/halt/"])
def test_stops_stay_unless_they_are_to_go(alice_client: Client, account: TradingAccount, path: str) -> None:
    stop = make_order(account, "KO", type="stop", side="sell", stop_price=d(90), limit_price=None, role="stop_loss")
    Order.objects.filter(pk=stop.pk).update(is_reducing=True)
    alice_client.post(path.format(account.pk), {"reason": "Tilt"})
    stop.refresh_from_db()
    assert stop.status == "accepted"
    alice_client.post("/halt/resume/")
    alice_client.post(f"/accounts/{account.pk}/resume/")
    alice_client.post(path.format(account.pk), {"reason": "Tilt", "exits": "cancel"})
    stop.refresh_from_db()
    assert stop.status == "cancelling"


@pytest.mark.parametrize("path", ["/halt/", "/accounts/{}/halt/"])
def test_a_halt_that_kept_stops_is_widened_on_the_same_page(
    alice_client: Client, account: TradingAccount, path: str
) -> None:
    stop = make_order(account, "KO", type="stop", side="sell", stop_price=d(90), limit_price=None, role="stop_loss")
    Order.objects.filter(pk=stop.pk).update(is_reducing=True)
    where = path.format(account.pk)
    alice_client.post(where, {"reason": "Tilt", "exits": "keep"})
    asked = read(alice_client, where)
    assert "Cancel stops and targets" in asked
    assert '<input type="hidden" name="exits" value="cancel"' in asked
    assert "Say why, in a word or two." in alice_client.post(where, {"exits": "cancel"}).content.decode()
    answer = alice_client.post(where, {"reason": "Fire", "exits": "cancel"}, follow=True).content.decode()
    assert "Stops and targets are cancelled, too: positions are without protection." in answer
    stop.refresh_from_db()
    assert stop.status == "cancelling"
    assert ": Tilt. No new entry leaves" in " ".join(answer.split())
    if path == "/halt/":
        assert '<input type="hidden" name="exits"' not in answer


def test_a_halted_account_leads_to_cancelling_its_stops(alice_client: Client, account: TradingAccount) -> None:
    here, there = f"/accounts/{account.pk}/", f'href="/accounts/{account.pk}/halt/"'
    assert "Cancel stops and targets" not in read(alice_client, here)
    TradingAccount.objects.update(halted_at=timezone.now(), halt_reason="Tilt")
    text = read(alice_client, here)
    assert "Cancel stops and targets" in text
    assert there in text


def test_the_desks_halt_is_on_every_page_and_only_staff_see_the_way_to_lift_it(
    alice_client: Client, bob_client: Client, account: TradingAccount
) -> None:
    desk_halt(by="bob", reason="The broker is on fire")
    words = "The whole desk is halted</strong> by its administrator bob since"
    for client in (alice_client, bob_client):
        assert words in read(client, "/settings/")
    assert "Resume the desk" not in read(alice_client, "/settings/")
    assert "/admin/accounts/halt/resume/" in read(bob_client, "/settings/")
    assert "by bob since" in read(alice_client, "/halt/")


def test_a_missed_worker_is_on_every_page_of_those_it_concerns_and_noticed_by_it(
    alice_client: Client, charlie_client: Client, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silences, "STARTED", silences.time.monotonic() - 3600)
    pulse_write(WORKER)
    with database.cursor() as cursor:
        cursor.execute("UPDATE pulses SET at = at - interval '5 minutes'")
    text = read(alice_client, "/settings/")
    assert "New entries are held" in text
    assert "the desk hears nothing of the worker" in text
    assert "New entries are held" not in read(charlie_client, "/settings/")
    assert "The desk is not working" in read(alice_client, "/notifications/")


def test_a_connection_out_of_step_is_on_every_page(alice_client: Client, account: TradingAccount) -> None:
    BrokerConnection.objects.update(last_sync=timezone.now() - timedelta(minutes=10))
    assert "New entries at Main at the mock broker are held" in read(alice_client, "/settings/")


def test_the_banner_costs_a_page_one_question_and_a_stranger_none(
    alice_client: Client, client: Client, account: TradingAccount, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20) as asked:
        read(alice_client, "/settings/tokens/")
    assert len([one for one in asked if "FROM halts" in one["sql"]]) == 1
    with django_assert_max_num_queries(20) as asked:
        client.get("/auth/login/")
    assert not [one for one in asked if "halts" in one["sql"]]


def test_everything_in_all_accounts_is_closed_and_followed(
    alice: User, alice_client: Client, account: TradingAccount
) -> None:
    make_position(account, "KO", "50")
    make_position(connected_account(alice, "Second"), "AAPL", "-20")
    trader_halt(user=alice, reason="Tilt")
    assert "Close every position of all accounts?" in read(alice_client, "/flatten/")
    answer = alice_client.post("/flatten/", {"creation_key": str(uuid4())}, follow=True)
    text = answer.content.decode()
    assert "You placed 2 orders to close what is held." in text
    assert "2 positions left" in text
    assert sorted(Order.objects.values_list("symbol", "side")) == [("AAPL", "buy"), ("KO", "sell")]


def test_what_cannot_be_closed_is_said(alice_client: Client, alice: User, account: TradingAccount) -> None:
    make_position(account, "KO", "50")
    BrokerConnection.objects.update(is_active=False, status="disabled")
    answer = alice_client.post("/flatten/", {"creation_key": str(uuid4())}, follow=True)
    text = answer.content.decode()
    assert "Main could not be closed. The connection is disabled: reconnect it first." in text
    assert "The connection is disabled: reconnect it, or close the position at the broker." in text
    assert "Close what is left" in text


def test_a_flat_desk_says_so(alice_client: Client, alice: User) -> None:
    make_account(alice)
    assert "Nothing is held through a broker" in read(alice_client, "/flatten/progress/")


class TestAdministrators:
    def test_the_desk_is_halted_and_resumed_in_the_admin(self, bob_client: Client, account: TradingAccount) -> None:
        assert "Halt the whole desk" in read(bob_client, "/admin/accounts/halt/")
        assert "I mean every trader of this desk" in read(bob_client, "/admin/accounts/halt/add/")
        bob_client.post("/admin/accounts/halt/add/", {"reason": "Fire", "exits": "keep"})
        assert not Halt.objects.exists()
        bob_client.post("/admin/accounts/halt/add/", {"reason": "Fire", "exits": "keep", "is_meant": "on"})
        halt = Halt.objects.get()
        assert (halt.level, halt.by_name, halt.reason) == ("desk", "bob", "Fire")
        assert "Resume the desk" in read(bob_client, "/admin/accounts/halt/")
        read(bob_client, "/admin/accounts/halt/resume/")
        bob_client.post("/admin/accounts/halt/resume/")
        halt.refresh_from_db()
        assert halt.resumed_by_name == "bob"

    def test_a_halt_of_the_desk_that_kept_stops_is_widened_in_the_admin(
        self, bob_client: Client, account: TradingAccount
    ) -> None:
        desk_halt(by="eve", reason="Smoke")
        assert "stops and targets that were kept can be cancelled, too" in read(bob_client, "/admin/accounts/halt/add/")
        bob_client.post("/admin/accounts/halt/add/", {"reason": "Fire", "exits": "cancel", "is_meant": "on"})
        halt = Halt.objects.get()
        assert (halt.cancels_exits, halt.reason, halt.by_name) == (True, "Smoke", "eve")
        entry = LogEntry.objects.get(object_id=halt.pk)
        assert (entry.user.username, entry.change_message) == (
            "bob",
            "Halted the whole desk (stops and targets, too): Fire",
        )

    def test_a_trader_cannot(self, alice_client: Client, account: TradingAccount) -> None:
        desk_halt(by="bob", reason="Fire")
        for path in ("/admin/accounts/halt/add/", "/admin/accounts/halt/resume/"):
            assert alice_client.post(path, {"reason": "x", "is_meant": "on"}).status_code in (302, 403, 404)
        assert Halt.objects.get().resumed_at is None

    def test_staff_without_the_right_cannot(
        self, charlie: User, charlie_client: Client, account: TradingAccount
    ) -> None:
        charlie.is_staff = True
        charlie.save(update_fields=["is_staff"])
        assert charlie_client.post("/admin/accounts/halt/add/", {"reason": "x"}).status_code == 403
        desk_halt(by="bob", reason="Fire")
        assert charlie_client.post("/admin/accounts/halt/resume/").status_code == 403
        assert Halt.objects.get().resumed_at is None

    def test_the_command_line_halts_and_resumes(self, account: TradingAccount, monkeypatch: pytest.MonkeyPatch) -> None:
        order = make_order(account)
        monkeypatch.setattr("builtins.input", lambda question: "no")
        with pytest.raises(CommandError, match="Nothing was halted"):
            call_command("desk_halt", reason="Fire")
        out = StringIO()
        call_command("desk_halt", "--yes", reason="Fire", stdout=out)
        assert "at the command line: Fire" in out.getvalue()
        halts_sweep_task()
        order.refresh_from_db()
        assert order.status == "cancelling"
        call_command("desk_resume", stdout=out)
        call_command("desk_resume", stdout=out)
        assert "The desk trades again." in out.getvalue()
        assert "The desk was not halted." in out.getvalue()

    def test_the_command_line_says_what_to_do_where_nobody_can_be_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", StringIO())
        with pytest.raises(CommandError, match="Add --yes where it is meant"):
            call_command("desk_halt", reason="Fire")
        assert not Halt.objects.exists()
