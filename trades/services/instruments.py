"""From a trade's or a plan's own words to the domain's instrument."""

from decimal import Decimal

from accounts.models import TradingAccount
from trades.models import Trade
from trenddojo.domain.errors import DomainError
from trenddojo.domain.instruments import AssetClass, Fractions, Instrument, instrument_for

MULTIPLIED = (AssetClass.OPTION, AssetClass.FUTURE)


def account_instrument(
    account: TradingAccount, symbol: str, asset_class: str, multiplier: Decimal | None = None
) -> Instrument:
    """The instrument as this account may trade it. Raises SymbolError, and DomainError (bad_multiplier, no_multiplier)
    at the multiplier."""
    if multiplier not in (None, Decimal(1)) and AssetClass(asset_class) not in MULTIPLIED:
        raise DomainError("no_multiplier", "Only options and futures have a multiplier: leave it empty.", "multiplier")
    fractions = Fractions.ALLOWED if account.allows_fractions else Fractions.WHOLE
    return instrument_for(symbol, AssetClass(asset_class), multiplier=multiplier, fractions=fractions)


def instrument_of(trade: Trade) -> Instrument:
    """The instrument of a trade; what was bought in parts may be sold in parts, whatever the account says since."""
    is_whole = trade.quantity % 1 == 0
    return instrument_for(
        trade.symbol,
        AssetClass(trade.asset_class),
        multiplier=trade.multiplier,
        fractions=Fractions.WHOLE if is_whole and not trade.account.allows_fractions else Fractions.ALLOWED,
    )
