"""Two at once, with real threads on a real database: the account's lock decides who was first."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.trades.desk_kit import NOW, a_plan, at, d, make_account, make_fill, make_plan
from trades.models import AuditEntry, FigureTotal, Fill, Trade
from trades.services.errors import LimitsBroken, StaleVersion, TradeError
from trades.services.fills import FillInput, fill_create
from trades.services.plans import plan_create, plan_edit
from trenddojo.domain.errors import DomainError, FillError

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run the calls in threads that start together; each answers with its result or its refusal."""
    gate = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait(timeout=20)
            answers[number] = call()
        except DomainError as refusal:
            answers[number] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def exit_of(trade: Trade, quantity: int) -> Callable[[], Fill]:
    given = FillInput(side="sell", quantity=d(quantity), price=d(110), executed_at=at(3))
    return lambda: fill_create(owner=trade.owner, trade_id=trade.pk, given=given, creation_key=uuid4(), now=NOW)


def test_two_exits_at_once_cannot_oversell(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(2))
    answers = at_once([exit_of(trade, 60), exit_of(trade, 60)])
    refused = [answer for answer in answers if isinstance(answer, FillError)]
    assert [refusal.code for refusal in refused] == ["exit_exceeds_position"]
    trade.refresh_from_db()
    assert (trade.open_quantity, trade.net_pnl, trade.fills.count()) == (d(40), d(600), 2)


def test_exits_that_fit_are_both_kept_and_counted(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 100, 100, at(2))
    answers = at_once([exit_of(trade, 50), exit_of(trade, 50)])
    assert all(isinstance(answer, Fill) for answer in answers)
    trade.refresh_from_db()
    assert (trade.status, trade.net_pnl, trade.version) == ("closed", d(1000), 4)
    assert FigureTotal.objects.get(account=trade.account, dimension="all").sum_net == d(1000)


def test_two_plans_cannot_both_use_the_last_heat(alice: User) -> None:
    account = make_account(alice, policy={"max_open_risk_percent": d("1.50")})
    plans = [a_plan(account, symbol=symbol, quantity=d(200)) for symbol in ("AAPL", "MSFT")]
    answers = at_once(
        [lambda plan=plan: plan_create(owner=alice, plan=plan, creation_key=uuid4(), now=NOW) for plan in plans]
    )
    refused = [answer for answer in answers if isinstance(answer, LimitsBroken)]
    assert [breach.code for refusal in refused for breach in refusal.breaches] == ["max_open_risk"]
    assert Trade.objects.count() == 1


@pytest.mark.usefixtures("turns_for_all")
def test_the_same_form_posted_ten_times_at_once_makes_one_trade(alice: User) -> None:
    account = make_account(alice)
    data = {
        "creation_key": str(uuid4()),
        "account": str(account.pk),
        "symbol": "AAPL",
        "asset_class": "stock",
        "direction": "long",
        "entry": "100",
        "stop": "95",
    }

    def post() -> str:
        client = Client()
        client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
        answer = client.post(reverse("trades:plan-create"), data)
        return answer.headers.get("Location", f"{answer.status_code}")

    answers = at_once([post] * 10)
    trade = Trade.objects.get()
    assert set(answers) == {reverse("trades:trade-detail", args=[trade.pk])}
    assert AuditEntry.objects.count() == 1


def test_two_tabs_that_save_at_once_leave_one_told(alice: User) -> None:
    account = make_account(alice)
    trade = make_plan(account)
    edits = [a_plan(account, thesis=thesis) for thesis in ("One", "Two")]
    answers = at_once(
        [
            lambda plan=plan: plan_edit(owner=alice, trade_id=trade.pk, plan=plan, version=1, now=NOW).thesis
            for plan in edits
        ]
    )
    assert sum(isinstance(answer, StaleVersion) for answer in answers) == 1
    trade.refresh_from_db()
    assert (trade.thesis in answers, trade.version) == (True, 2)


def test_two_plans_of_one_symbol_cannot_both_become_positions(alice: User) -> None:
    account = make_account(alice)
    trades = [make_plan(account, quantity=d(10)) for _ in range(2)]
    given = FillInput(side="buy", quantity=d(10), price=d(100), executed_at=at(3))
    answers = at_once(
        [
            lambda pk=trade.pk: fill_create(owner=alice, trade_id=pk, given=given, creation_key=uuid4(), now=NOW)
            for trade in trades
        ]
    )
    assert [answer.code for answer in answers if isinstance(answer, TradeError)] == ["position_exists"]
    assert (Trade.objects.filter(status="active").count(), Fill.objects.count()) == (1, 1)
