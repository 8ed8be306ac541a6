"""A trade is computed from its fills, to the cent, and its initial risk is frozen."""

from decimal import Decimal

import pytest

from accounts.models import User
from tests.trades.desk_kit import NOW, at, d, make_account, make_fill, make_plan
from trades.models import AccountDay, FigureTotal, Trade

pytestmark = pytest.mark.django_db


def test_a_plan_filled_and_closed_has_its_result_in_money_and_r(alice: User) -> None:
    trade = make_plan(make_account(alice))
    make_fill(trade, "buy", 200, 101, at(2), commission=d(1), fees=d(0))
    make_fill(trade, "sell", 200, 111, at(3), commission=d(1), fees=d("0.50"))
    trade.refresh_from_db()
    assert (trade.status, trade.outcome) == ("closed", "win")
    assert (trade.gross_pnl, trade.costs, trade.net_pnl) == (d("2000.00"), d("2.50"), d("1997.50"))
    assert trade.initial_risk == d("1000.00")
    assert (trade.r_multiple, trade.gross_r) == (d("1.9975"), d("2.0000"))
    assert (trade.actual_entry, trade.actual_exit) == (d(101), d(111))
    assert (trade.holding_seconds, trade.holding_sessions) == (86_400, 2)
    assert trade.closed_session.isoformat() == "2026-03-03"
    assert (trade.entry_weekday, trade.entry_hour) == (0, 10)
    assert FigureTotal.objects.get(account=trade.account, dimension="all").sum_net == d("1997.50")
    assert AccountDay.objects.get(account=trade.account).realised_net == d("1997.50")
