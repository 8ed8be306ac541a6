"""What brokers can do is data: the adapters, the documentation and the registry agree."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from brokers.base import Capabilities, ConnectionSettings, OrderRequest
from brokers.capabilities import unsupported
from brokers.capabilities_text import BROKERS, as_markdown
from brokers.errors import Unsupported
from brokers.manual.adapter import ManualAdapter
from brokers.registry import ADAPTERS, capabilities_of
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, TimeInForce

PAGE = Path(__file__).resolve().parents[2] / "docs" / "broker-capabilities.md"
LITTLE = Capabilities(
    order_types=frozenset({OrderType.MARKET}),
    times_in_force=frozenset({TimeInForce.DAY}),
    order_classes=frozenset({OrderClass.SIMPLE}),
    asset_classes=frozenset({AssetClass.STOCK}),
)


def terms(**changes: Any) -> OrderTerms:
    given = {"symbol": "AAPL", "side": Side.BUY, "type": OrderType.MARKET, "quantity": D(1), **changes}
    return OrderTerms(**given)


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == as_markdown(), "Run python -m tools.capabilities_page."


def test_the_page_tells_of_every_broker_with_the_table_its_adapter_uses() -> None:
    assert set(BROKERS) == set(ADAPTERS)
    for broker, (label, capabilities) in BROKERS.items():
        assert ADAPTERS[broker].label == label
        assert capabilities_of(broker) is capabilities


@pytest.mark.parametrize(
    ("changes", "asset_class", "sentence"),
    [
        ({}, AssetClass.STOCK, ""),
        ({}, AssetClass.CRYPTO, "This broker does not know instruments of the class “crypto”; choose stock."),
        ({"type": OrderType.STOP_LIMIT}, AssetClass.STOCK, "This broker does not know orders of the type “stop limit”; choose market."),
        ({"time_in_force": TimeInForce.GTC}, AssetClass.STOCK, "This broker does not know the time in force “gtc”; choose day."),
        ({"order_class": OrderClass.OCO}, AssetClass.STOCK, "This broker does not know orders of the class “oco”; choose simple."),
        ({"extended_hours": True}, AssetClass.STOCK, "This broker does not trade in extended hours."),
        ({"quantity": D("0.5")}, AssetClass.STOCK, "This broker takes whole shares only."),
        ({"trail_price": D(1)}, AssetClass.STOCK, "This broker trails by percent only."),
    ],
)  # fmt: skip
def test_what_the_table_excludes_is_said_in_a_sentence(
    changes: dict[str, Any], asset_class: AssetClass, sentence: str
) -> None:
    assert unsupported(LITTLE, terms(**changes), asset_class) == sentence


def test_what_does_not_go_together_names_what_does() -> None:
    alpaca = capabilities_of("alpaca")
    part = terms(quantity=D("0.5"), time_in_force=TimeInForce.GTC)

    assert unsupported(alpaca, part, AssetClass.STOCK) == (
        "Orders for parts of a share are possible at this broker only with the time in force day."
    )
    assert unsupported(alpaca, part, AssetClass.CRYPTO) == ""


def test_an_account_without_a_broker_says_what_to_do_instead() -> None:
    manual = ManualAdapter(ConnectionSettings("c", "manual", is_paper=True, base_url=""))
    with pytest.raises(Unsupported, match="record what you did at the broker"):
        manual.submit(OrderRequest("td-1", terms()))
    with pytest.raises(Unsupported):
        manual.verify()

    assert unsupported(manual.capabilities, terms(), AssetClass.STOCK).endswith("record what you did at the broker.")
