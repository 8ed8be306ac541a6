"""What Alpaca's answers mean, and which words orders are sent in."""

from datetime import UTC, date, datetime
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.alpaca import mapping, prices
from brokers.base import OrderChanges, OrderRequest
from brokers.errors import BrokerError, OutcomeUnknown
from tests.brokers.alpaca import answers
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.order_state import OrderState as S
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, StopLoss, TakeProfit, TimeInForce

# --- reading ----------------------------------------------------------------------------------------------------------


def test_an_order_is_read_to_the_last_field() -> None:
    report = mapping.order_report(answers.ORDER)

    assert report.broker_order_id == "61e69015-8549-4bfd-b9c3-01e75843f47d"
    assert report.client_order_id == "td-5680c4bc9ac14a12a44cdf427ba53032"
    assert (report.symbol, report.asset_class, report.side) == ("AAPL", AssetClass.STOCK, Side.BUY)
    assert (report.type, report.time_in_force) == (OrderType.STOP_LIMIT, TimeInForce.GTC)
    assert report.order_class is OrderClass.SIMPLE
    assert (report.quantity, report.filled_quantity, report.filled_average_price) == (D(15), D(0), None)
    assert (report.limit_price, report.stop_price) == (D("107.125"), D("106.5"))
    assert (report.state, report.raw_status) == (S.ACCEPTED, "accepted")
    assert report.submitted_at == datetime(2026, 3, 16, 18, 38, 1, 937734, UTC)
    assert report.updated_at == datetime(2026, 3, 16, 18, 38, 2, 942282, UTC)
    assert (report.filled_at, report.replaces, report.replaced_by, report.legs) == (None, "", "", ())


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("new", S.ACCEPTED),
        ("accepted", S.ACCEPTED),
        ("pending_new", S.ACCEPTED),
        ("accepted_for_bidding", S.ACCEPTED),
        ("held", S.ACCEPTED),
        ("stopped", S.ACCEPTED),
        ("suspended", S.ACCEPTED),
        ("done_for_day", S.ACCEPTED),
        ("pending_replace", S.ACCEPTED),
        ("pending_review", S.ACCEPTED),
        ("calculated", S.ACCEPTED),
        ("partially_filled", S.PARTIALLY_FILLED),
        ("filled", S.FILLED),
        ("pending_cancel", S.CANCELLING),
        ("canceled", S.CANCELLED),
        ("expired", S.EXPIRED),
        ("rejected", S.REJECTED),
        ("replaced", S.REPLACED),
        ("under_consideration", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_every_status_has_one_state_and_an_unknown_one_has_none(status: Any, state: S | None) -> None:
    report = mapping.order_report(answers.order(status=status))

    assert report.state is state
    assert report.raw_status == (status if isinstance(status, str) else "")


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("new", "5", S.PARTIALLY_FILLED),
        ("done_for_day", "5", S.PARTIALLY_FILLED),
        ("pending_replace", "5", S.PARTIALLY_FILLED),
        ("calculated", "5", S.PARTIALLY_FILLED),
        ("calculated", "15", S.FILLED),
        ("canceled", "5", S.CANCELLED),
        ("expired", "5", S.EXPIRED),
    ],
)
def test_what_is_filled_decides_between_working_and_partly_filled(status: str, filled: str, state: S) -> None:
    report = mapping.order_report(answers.order(status=status, filled_qty=filled, filled_avg_price="107.1"))

    assert (report.state, report.filled_quantity, report.filled_average_price) == (state, D(filled), D("107.1"))


def test_legs_are_inside_their_parent_and_replacements_are_named() -> None:
    target = answers.order(id="leg-1", side="sell", type="limit", status="new", order_class="bracket")
    stop = answers.order(id="leg-2", side="sell", type="stop", status="held", order_class="bracket")
    report = mapping.order_report(
        answers.order(order_class="bracket", legs=[target, stop], replaces="old", replaced_by="new")
    )

    assert (report.replaces, report.replaced_by, report.order_class) == ("old", "new", OrderClass.BRACKET)
    assert [(leg.broker_order_id, leg.type, leg.state) for leg in report.legs] == [
        ("leg-1", OrderType.LIMIT, S.ACCEPTED),
        ("leg-2", OrderType.STOP, S.ACCEPTED),
    ]


def test_what_is_null_new_or_missing_does_not_hide_an_order_that_was_accepted() -> None:
    odd = answers.order(
        submitted_at=None, updated_at=None, created_at=None, asset_class="ipo", type="iceberg", order_type="iceberg",
        side="lend", time_in_force="forever", order_class="pyramid", qty=None, filled_qty=None, notional="500", legs="none",
    )  # fmt: skip
    report = mapping.order_report(odd)

    assert (report.broker_order_id, report.asset_class) == (answers.ORDER["id"], AssetClass.STOCK)
    assert (report.side, report.type, report.time_in_force, report.order_class) == (None, None, None, None)
    assert (report.quantity, report.filled_quantity, report.submitted_at, report.legs) == (None, D(0), None, ())


@pytest.mark.parametrize("said", ["", None, "simple"])
def test_an_order_of_no_named_class_is_a_simple_one(said: str | None) -> None:
    assert mapping.order_report(answers.order(order_class=said)).order_class is OrderClass.SIMPLE


@pytest.mark.parametrize("missing", ["id", "symbol"])
def test_an_order_nobody_could_act_on_is_an_answer_that_cannot_be_read(missing: str) -> None:
    with pytest.raises(OutcomeUnknown) as problem:
        mapping.order_report(answers.order(**{missing: None}))

    assert problem.value.code == "unreadable"
    assert missing in problem.value.sentence


def test_a_multi_leg_option_order_is_told_by_its_legs() -> None:
    legs = [
        answers.order(id="leg-1", symbol="AAPL241213C00250000", asset_class="us_option", type="", order_class="mleg"),
        answers.order(id="leg-2", symbol="AAPL241213C00260000", asset_class="us_option", type="", order_class="mleg"),
    ]
    parent = answers.order(symbol="", side="", asset_class="", asset_id="", order_class="mleg", legs=legs)
    reports = mapping.order_reports([parent, answers.ORDER])

    assert [report.broker_order_id for report in reports] == ["leg-1", "leg-2", answers.ORDER["id"]]
    assert [report.asset_class for report in reports] == [AssetClass.OPTION, AssetClass.OPTION, AssetClass.STOCK]


def test_a_fill_is_this_execution_and_not_the_sum() -> None:
    report = mapping.fill_report(answers.FILL)

    assert report.execution_id == report.cursor == answers.FILL["id"]
    assert report.broker_order_id == answers.ORDER["id"]
    assert (report.side, report.quantity, report.price) == (Side.BUY, D(6), D("107.0833333"))
    assert report.executed_at == datetime(2026, 3, 16, 18, 40, 5, 732000, UTC)
    assert (report.commission, report.fees) == (None, None)


def test_a_short_sale_is_a_sale_of_so_many() -> None:
    report = mapping.fill_report({**answers.FILL, "side": "sell_short", "qty": "-6"})

    assert (report.side, report.quantity) == (Side.SELL, D(6))


@pytest.mark.parametrize(
    ("kind", "amount", "expected"),
    [
        ("CSD", "100.00", "deposit"),
        ("CSW", "-100.00", "withdrawal"),
        ("JNLC", "12.5", "deposit"),
        ("JNLC", "-12.5", "withdrawal"),
        ("DIV", "1.02", "dividend"),
        ("DIVNRA", "-0.15", "dividend"),
        ("INT", "-3.10", "interest"),
        ("FEE", "-0.02", "fee"),
        ("CFEE", "-0.3", "fee"),
        ("SPLIT", "0", None),
        ("SPLIT", "5", None),
        ("DIV", "0", None),
    ],
)
def test_money_is_named_and_keeps_its_sign(kind: str, amount: str, expected: str | None) -> None:
    report = mapping.cash_report({**answers.DIVIDEND, "activity_type": kind, "net_amount": amount})

    assert (report and (report.kind, report.amount, report.moved_on)) == (
        expected and (expected, D(amount), date(2026, 8, 1))
    )


def test_the_moment_money_was_booked_is_kept_where_it_is_told() -> None:
    told = mapping.cash_report(answers.DIVIDEND)
    silent = mapping.cash_report({**answers.DIVIDEND, "created_at": None})

    assert told is not None
    assert told.booked_at == datetime(2026, 8, 2, 6, 11, 32, 100_000, tzinfo=UTC)
    assert silent is not None
    assert silent.booked_at is None


def test_money_that_was_taken_back_did_not_move() -> None:
    assert mapping.cash_report({**answers.DIVIDEND, "status": "canceled"}) is None


@pytest.mark.parametrize(("side", "sent", "held"), [("long", "5", "5"), ("short", "-5", "-5"), ("short", "5", "-5")])
def test_a_position_is_signed_by_its_side(side: str, sent: str, held: str) -> None:
    report = mapping.position_report({**answers.POSITION, "side": side, "qty": sent})

    assert (report.quantity, report.average_price) == (D(held), D("100.0666667"))
    assert (report.market_price, report.market_value, report.unrealized_pnl) == (D(120), D(600), D("99.6666665"))


@pytest.mark.parametrize(
    ("symbol", "asset_class", "ours"),
    [
        ("BTCUSD", "crypto", "BTC/USD"),
        ("BTC/USD", "crypto", "BTC/USD"),
        ("ETHUSDT", "crypto", "ETH/USDT"),
        ("UNIUSDC", "crypto", "UNI/USDC"),
        ("BRK.B", "us_equity", "BRK.B"),
        ("AAPL250117C00150000", "us_option", "AAPL250117C00150000"),
    ],
)
def test_crypto_is_written_with_a_slash_here_however_alpaca_writes_it(symbol: str, asset_class: str, ours: str) -> None:
    position = {**answers.POSITION, "symbol": symbol, "asset_class": asset_class}

    assert mapping.position_report(position).symbol == ours
    assert mapping.order_report(answers.order(symbol=symbol, asset_class=asset_class)).symbol == ours
    assert mapping.fill_report({**answers.FILL, "symbol": symbol}).symbol == ours


def test_an_account_says_what_it_may_do() -> None:
    report = mapping.account_report(answers.ACCOUNT)

    assert (report.broker_account_id, report.currency) == ("PA2B3C4D5E6F", "USD")
    assert (report.equity, report.cash, report.buying_power) == (D("103820.56"), D("-23140.2"), D("262113.632"))
    assert (report.block, report.allows_shorts) == ("", True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account_blocked": True}, "Alpaca has blocked this account."),
        ({"trading_blocked": True}, "Alpaca has blocked trading in this account."),
        ({"trade_suspended_by_user": True}, "Trading is suspended in the account's own settings at Alpaca."),
        ({"status": "ACCOUNT_CLOSED_PENDING"}, "The account is not active at Alpaca: account closed pending."),
        ({"status": "SOMETHING_NEW"}, "The account is not active at Alpaca: something new."),
    ],
)
def test_an_account_that_may_not_trade_says_why(changes: dict[str, Any], said: str) -> None:
    assert mapping.account_report({**answers.ACCOUNT, **changes}).block == said


def test_the_clock_is_in_utc() -> None:
    report = mapping.clock_report(answers.CLOCK)

    assert report.now == datetime(2026, 3, 16, 18, 40, 5, 732123, UTC)
    assert report.next_close == datetime(2026, 3, 16, 20, tzinfo=UTC)
    assert report.next_open == datetime(2026, 3, 17, 13, 30, tzinfo=UTC)


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "sent"),
    [("100", "100"), ("1E+2", "100"), ("0.00000843", "0.00000843"), ("0.30", "0.3"), ("1.123456789", "1.123456789")],
)
def test_numbers_go_out_as_plain_exact_digits(value: str, sent: str) -> None:
    assert mapping.number(D(value)) == sent


def test_a_bracket_is_sent_whole() -> None:
    terms = OrderTerms(
        symbol="AAPL",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=D(100),
        limit_price=D("107.10"),
        time_in_force=TimeInForce.GTC,
        stop_loss=StopLoss(D("101.5"), D("101.25")),
        take_profit=TakeProfit(D(120)),
        order_class=OrderClass.BRACKET,
    )

    assert mapping.order_body(OrderRequest("td-1", terms)) == {
        "client_order_id": "td-1",
        "symbol": "AAPL",
        "side": "buy",
        "type": "limit",
        "qty": "100",
        "time_in_force": "gtc",
        "order_class": "bracket",
        "limit_price": "107.1",
        "take_profit": {"limit_price": "120"},
        "stop_loss": {"stop_price": "101.5", "limit_price": "101.25"},
    }


def test_extended_hours_and_trails_are_sent_only_where_they_are_asked_for() -> None:
    plain = OrderTerms("AAPL", Side.SELL, OrderType.TRAILING_STOP, D("0.5"), trail_percent=D("2.50"))
    late = OrderTerms("AAPL", Side.SELL, OrderType.LIMIT, D(1), limit_price=D(9), extended_hours=True)

    assert "extended_hours" not in mapping.order_body(OrderRequest("td-1", plain))
    assert mapping.order_body(OrderRequest("td-1", plain))["trail_percent"] == "2.5"
    assert mapping.order_body(OrderRequest("td-1", late))["extended_hours"] is True


def test_a_replacement_sends_what_changes_and_its_own_id() -> None:
    changes = OrderChanges("td-2", quantity=D(12), trail_percent=D("1.50"), time_in_force=TimeInForce.GTC)

    assert mapping.changes_body(changes) == {
        "qty": "12", "trail": "1.5", "time_in_force": "gtc", "client_order_id": "td-2",
    }  # fmt: skip


# --- anything at all --------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["1", "-1e9", "NaN", "1e999"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
READERS = {
    mapping.order_report: answers.ORDER,
    mapping.fill_report: answers.FILL,
    mapping.cash_report: answers.DIVIDEND,
    mapping.position_report: answers.POSITION,
    mapping.account_report: answers.ACCOUNT,
    mapping.clock_report: answers.CLOCK,
}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@given(data=st.data())
def test_whatever_is_in_the_fields_no_other_error_escapes(reader: Any, data: st.DataObject) -> None:
    whole = READERS[reader]
    names = data.draw(st.lists(st.sampled_from(sorted(whole)), max_size=4))
    odd = {**whole, **{name: data.draw(json_values) for name in names}}
    assert said_by(reader, odd).endswith(".")


@given(given_value=json_values)
def test_whatever_is_answered_no_other_error_escapes(given_value: Any) -> None:
    for reader in (*READERS, mapping.order_reports):
        assert said_by(reader, given_value).endswith(".")


PRICES = {
    "quotes": {"AAPL": {"t": "2026-03-16T18:00:00Z", "bp": 1, "ap": 2, "bs": 1, "as": 1}},
    "bars": {"AAPL": [{"t": "2026-03-16T18:00:00Z", "o": 1, "h": 2, "l": 1, "c": 2, "v": 5}]},
    "corporate_actions": {
        "forward_splits": [{"symbol": "AAPL", "new_rate": 2, "old_rate": 1, "ex_date": "2026-03-16"}]
    },
}


def spoiled(whole: Any, draw: Any) -> Any:
    """The answer with something put in the place of any of its parts."""
    if draw(st.integers(0, 3)) == 0:
        return draw(json_values)
    if isinstance(whole, dict):
        return {name: spoiled(value, draw) for name, value in whole.items()}
    return [spoiled(value, draw) for value in whole] if isinstance(whole, list) else whole


@given(data=st.data())
def test_prices_are_sane_or_left_out_whatever_comes(data: st.DataObject) -> None:
    said = spoiled(PRICES, data.draw)
    try:
        quotes = prices.quotes_from(said)
        bars = list(prices.bars_from(said, "AAPL"))
        splits = list(prices.splits_from(said, "AAPL"))
    except BrokerError as problem:
        assert (problem.code, isinstance(said, dict)) == ("unreadable", False)  # noqa: PT017
        return
    assert all(0 < quote.bid <= quote.ask < D("1e11") for quote in quotes.values())
    assert all(0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    assert all(D("0.000001") <= split.ratio <= D(1000000) for split in splits)


def said_by(reader: Any, given_value: Any) -> str:
    try:
        reader(given_value)
    except BrokerError as problem:
        return problem.sentence
    return "It can be read."


@given(value=st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**9, places=9))
def test_a_number_comes_back_as_it_was_sent(value: D) -> None:
    sent = mapping.number(value)

    assert D(sent) == value
    assert "E" not in sent
    assert mapping.position_report({**answers.POSITION, "qty": sent}).quantity == value


@given(value=st.decimals(allow_nan=False, allow_infinity=False, min_value=D("0.0001"), max_value=100_000, places=4))
def test_a_number_sent_as_a_float_is_the_decimal_it_was_written_as(value: D) -> None:
    assert mapping.position_report({**answers.POSITION, "qty": float(value)}).quantity == value
