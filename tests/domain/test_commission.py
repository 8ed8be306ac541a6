"""Each broker's dated schedule, and the regulatory fees on sales."""

from datetime import date
from decimal import Decimal as D

import pytest

from trenddojo.domain.commission import REGULATORY_FEES, SCHEDULES, CostEstimate, estimate
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.positions import Side


def cost(
    broker: str, asset_class: str, side: str, quantity: str, price: str, on: date, multiplier: str = "1"
) -> CostEstimate:
    return estimate(
        broker,
        AssetClass(asset_class),
        side=Side(side),
        quantity=D(quantity),
        price=D(price),
        multiplier=D(multiplier),
        on=on,
    )


DAY = date(2025, 9, 1)


@pytest.mark.parametrize(
    ("broker", "asset_class", "quantity", "price", "commission"),
    [
        ("alpaca", "stock", "1000", "25", "0.00"),
        ("alpaca", "option", "10", "2", "0.00"),
        ("interactive_brokers", "stock", "100", "25", "1.00"),
        ("interactive_brokers", "etf", "1000", "25", "5.00"),
        # at most 1 % of the trade value, also below the minimum
        ("interactive_brokers", "stock", "1000", "0.25", "2.50"),
        ("interactive_brokers", "stock", "1", "25", "0.25"),
        ("interactive_brokers", "stock", "201", "25", "1.01"),
        ("schwab", "stock", "1000", "25", "0.00"),
        ("schwab", "option", "3", "2", "1.95"),
        ("td_ameritrade", "option", "3", "2", "1.95"),
        ("manual", "stock", "1000", "25", "0.00"),
    ],
)
def test_the_commission_of_a_purchase(
    broker: str, asset_class: str, quantity: str, price: str, commission: str
) -> None:
    found = cost(broker, asset_class, "buy", quantity, price, DAY)
    assert (found.commission, found.fees, found.is_estimate) == (D(commission), 0, True)


@pytest.mark.parametrize(
    ("broker", "on", "name"),
    [
        ("schwab", DAY, "schwab since 2019-10-07"),
        ("schwab", date(2019, 10, 6), ""),
        ("td_ameritrade", date(2024, 5, 10), "td_ameritrade since 2019-10-07"),
        ("td_ameritrade", date(2024, 5, 11), "schwab since 2019-10-07"),
        ("alpaca", DAY, "alpaca"),
        ("manual", DAY, ""),
        ("unheard_of", DAY, ""),
    ],
)
def test_the_schedule_is_the_one_of_the_day(broker: str, on: date, name: str) -> None:
    assert cost(broker, "stock", "buy", "1", "1", on).schedule_name == name


@pytest.mark.parametrize(
    ("on", "fees"),
    [
        # SEC 27.80 a million of 50,000 is 1.39; TAF 1000 * 0.000166 is 0.166
        (date(2025, 5, 13), "1.56"),
        (date(2025, 5, 14), "0.17"),
        (date(2026, 1, 1), "0.20"),
        # SEC 20.60 a million is 1.03; TAF 0.195
        (date(2026, 4, 4), "1.23"),
        (date(2026, 10, 1), "1.03"),
        (date(2023, 6, 1), "0.00"),
    ],
)
def test_a_sale_pays_the_regulatory_fees_of_its_day(on: date, fees: str) -> None:
    assert cost("schwab", "stock", "sell", "1000", "50", on).fees == D(fees)


def test_the_activity_fee_has_a_cap() -> None:
    assert cost("interactive_brokers", "stock", "sell", "1000000", "1", DAY).fees == D("8.30")


def test_an_option_sale_pays_by_contract() -> None:
    # SEC: 10 * 2 * 100 * 0.0000206 = 0.0412; TAF: 10 * 0.00329 = 0.0329
    assert cost("schwab", "option", "sell", "10", "2", date(2026, 5, 1), "100").fees == D("0.07")


def test_alpaca_reports_its_fees_itself() -> None:
    assert cost("alpaca", "stock", "sell", "1000", "50", DAY).fees == 0


def test_no_two_schedules_apply_on_one_day() -> None:
    for row in SCHEDULES:
        others = [one for one in SCHEDULES if (one.broker, one.asset_class) == (row.broker, row.asset_class)]
        assert others == [row]
    for fee in REGULATORY_FEES:
        for other in REGULATORY_FEES:
            if fee is not other and fee.name == other.name and fee.asset_classes & other.asset_classes:
                assert (fee.until or date.max) < other.since or (other.until or date.max) < fee.since
