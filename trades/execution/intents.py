"""Everything a trader can mean to do with orders, in one place to call: each is one function, keyword arguments only."""

from trades.execution.placing import OrderPreview, order_create, order_from_trade, order_preview
from trades.execution.shapes import OrderInput

__all__ = [
    "OrderInput",
    "OrderPreview",
    "order_create",
    "order_from_trade",
    "order_preview",
]
