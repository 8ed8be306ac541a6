"""From a trade's or a plan's own words to the domain's instrument."""

from decimal import Decimal

from accounts.models import TradingAccount
from trades.models import Trade
from trenddojo.domain.instruments import AssetClass, Fractions, Instrument, instrument_for


def account_instrument(
    account: TradingAccount, symbol: str, asset_class: str, multiplier: Decimal | None = None
) -> Instrument:
    """The instrument as this account may trade it. Raises SymbolError and DomainError (bad_multiplier)."""
    return instrument_for(
        symbol,
        AssetClass(asset_class),
        multiplier=multiplier,
        fractions=Fractions.ALLOWED if account.allows_fractions else Fractions.WHOLE,
    )


def instrument_of(trade: Trade) -> Instrument:
    return account_instrument(trade.account, trade.symbol, trade.asset_class, trade.multiplier)
