"""An entry that would leave late is worth nothing: where too many orders wait, it is not taken. Exits always are."""

from typing import Any, Final

from django.conf import settings

from accounts.models import User
from trades.execution.shapes import OrderInput
from trenddojo.domain.instruments import AssetClass, validate_symbol
from trenddojo.domain.orders import OrderError
from trenddojo.statements import rows_of

DESK_BUSY: Final = "desk_busy"
# What an order of this side may take away from: direction of the trade, sign at the broker, side of what filled.
HELD: Final = {"buy": ("short", -1, "sell"), "sell": ("long", 1, "buy")}

# No row: no account of theirs, which is said in full elsewhere. Fills that are not booked yet count for a day.
_HELD = """
SELECT EXISTS (
    SELECT FROM trades WHERE account_id = a.id AND symbol = %(symbol)s AND status = 'active' AND direction = %(held)s
) OR EXISTS (
    SELECT FROM broker_positions p JOIN broker_connections c ON c.id = p.connection_id
    WHERE c.account_id = a.id AND p.symbol = %(symbol)s AND sign(p.quantity) = %(sign)s
) OR EXISTS (
    SELECT FROM orders o WHERE o.account_id = a.id AND o.symbol = %(symbol)s AND o.side = %(filled)s
        AND o.filled_quantity > 0 AND o.created_at > now() - interval '1 day'
) FROM accounts a WHERE a.id = %(account)s AND a.owner_id = %(owner)s
"""


def crowd_refuse(waiting: int) -> None:
    """Raise OrderError where more orders wait than workers send within seconds."""
    if waiting > settings.ORDERS_WAITING_MOST:
        raise OrderError(
            DESK_BUSY,
            f"{waiting} orders wait to be sent, so this one would leave late and was not taken. Send it again in some "
            "seconds; what closes a position is taken at once.",
        )


def entry_refuse(owner: User, given: OrderInput, waiting: int) -> None:
    """As crowd_refuse, for what can be nothing but an entry: before its limits are reckoned, which takes longest."""
    if waiting > settings.ORDERS_WAITING_MOST and not _may_reduce(owner, given):
        crowd_refuse(waiting)


def _may_reduce(owner: User, given: OrderInput) -> bool:
    # Coins have several names for one symbol.
    if given.side not in HELD or given.asset_class == AssetClass.CRYPTO:
        return True
    held, sign, filled = HELD[given.side]
    words: dict[str, Any] = {"symbol": validate_symbol(given.symbol), "held": held, "sign": sign, "filled": filled}
    found = rows_of(_HELD, words | {"account": given.account_id, "owner": owner.pk})
    return not found or bool(found[0][0])
