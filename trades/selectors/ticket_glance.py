"""How the market and the account stand for an open ticket, in a few letters: what it compares while nobody types."""

import hashlib
import re
from dataclasses import dataclass, replace
from uuid import UUID

from accounts.models import User
from brokers.models import Quote
from trenddojo.statements import rows_of

_TEXT = re.compile(r"([0-9a-f-]{36})\|([!-z]{1,32})\|([0-9a-f]{16})\|([0-9a-f]{16})", re.ASCII)
_QUESTION = """
SELECT q.received_at, q.bid, q.ask, a.halted_at, c.is_active, c.live_armed_at, s.equity, s.buying_power, s.block,
    (SELECT string_agg(h.id::text, ',' ORDER BY h.id) FROM halts h
        WHERE h.resumed_at IS NULL AND (h.user_id IS NULL OR h.user_id = a.owner_id))
FROM accounts a JOIN broker_connections c ON c.account_id = a.id
LEFT JOIN LATERAL (
    SELECT equity, buying_power, block FROM account_snapshots WHERE connection_id = c.id ORDER BY at DESC LIMIT 1
) s ON TRUE
LEFT JOIN quotes q ON q.feed = c.broker AND q.symbol = %(symbol)s
WHERE a.id = %(account)s AND a.owner_id = %(owner)s
"""


@dataclass(frozen=True, slots=True)
class Glance:
    """`price` digests the quote, `standing` whatever else of the account the limits are held against."""

    account: UUID
    symbol: str
    price: str
    standing: str

    def __str__(self) -> str:
        return f"{self.account}|{self.symbol}|{self.price}|{self.standing}"

    def priced(self, quote: Quote | None) -> "Glance":
        """The same at the quote that was shown, which may have come while one looked."""
        told = (quote.received_at, quote.bid, quote.ask) if quote is not None else (None, None, None)
        return replace(self, price=_price(*told))


def glance_at(owner: User, account_id: UUID, symbol: str) -> Glance | None:
    """How it stands now; None for another's account or one without a broker. One query."""
    rows = list(rows_of(_QUESTION, {"owner": owner.pk, "account": account_id, "symbol": symbol}))
    if not rows:
        return None
    received_at, bid, ask, *rest = rows[0]
    return Glance(account_id, symbol, _price(received_at, bid, ask), _digest(*rest))


def glance_read(text: str) -> Glance | None:
    """What an earlier answer gave; None where it cannot be read."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    account, symbol, price, standing = found.groups()
    try:
        return Glance(UUID(account), symbol, price, standing)
    except ValueError:
        return None


def _price(received_at: object, bid: object, ask: object) -> str:
    return _digest(received_at, *(f"{each:f}".rstrip("0") if each is not None else "" for each in (bid, ask)))


def _digest(*words: object) -> str:
    return hashlib.sha256("|".join(map(str, words)).encode()).hexdigest()[:16]
