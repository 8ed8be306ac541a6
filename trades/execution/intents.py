"""Everything a trader can mean to do with orders, in one place to call; keyword arguments only."""

from trades.execution.cancel_all import orders_cancel
from trades.execution.changing import OrderEdit, order_cancel, order_replace
from trades.execution.flatten import account_flatten, positions_close_all, trader_flatten
from trades.execution.halts import account_halt, account_resume, desk_halt, desk_resume, trader_halt, trader_resume
from trades.execution.placing import OrderPreview, order_create, order_from_trade, order_preview
from trades.execution.positions import (
    position_close,
    position_stop,
    position_trail,
    scale_out,
    stop_move,
    stop_trail,
)
from trades.execution.releases import orders_release
from trades.execution.shapes import OrderInput

__all__ = [
    "OrderEdit",
    "OrderInput",
    "OrderPreview",
    "account_flatten",
    "account_halt",
    "account_resume",
    "desk_halt",
    "desk_resume",
    "order_cancel",
    "order_create",
    "order_from_trade",
    "order_preview",
    "order_replace",
    "orders_cancel",
    "orders_release",
    "position_close",
    "position_stop",
    "position_trail",
    "positions_close_all",
    "scale_out",
    "stop_move",
    "stop_trail",
    "trader_flatten",
    "trader_halt",
    "trader_resume",
]
