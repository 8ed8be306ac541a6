"""What a broker will charge: schedules as dated data. An estimate until the broker reports the real figure.

Sources: METRICS "Costs by broker" for the brokers' own commissions; regulatory fees (SEC Section 31, FINRA TAF) by
the SEC's and FINRA's dated rates, which US brokers pass on for sales. Alpaca reports its fees in account
activities, so none are estimated for it. A day for which no rate is known costs nothing.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass
from trenddojo.domain.money import NO_MONEY, ZERO, cents, exact

ALWAYS = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Money in cents; `schedule_name` says which schedule and since when ("" when none applies)."""

    commission: Decimal
    fees: Decimal
    schedule_name: str
    is_estimate: bool = True


@dataclass(frozen=True, slots=True)
class Schedule:
    """A broker's commission for one asset class from a day on; `until` is the last day, None while it applies.

    `minimum` is money an order, `maximum_percent` a percent of the trade value that also caps the minimum.
    """

    broker: str
    asset_class: AssetClass
    since: date
    until: date | None = None
    per_unit: Decimal = ZERO
    minimum: Decimal = ZERO
    maximum_percent: Decimal | None = None

    @property
    def name(self) -> str:
        """The broker, and since when where an earlier schedule may have differed."""
        return self.broker if self.since == ALWAYS else f"{self.broker} since {self.since.isoformat()}"


@dataclass(frozen=True, slots=True)
class RegulatoryFee:
    """A fee on sales between two days (both included): a share of the value or an amount a unit, with a cap."""

    name: str
    asset_classes: frozenset[AssetClass]
    since: date
    until: date | None
    per_value: Decimal = ZERO
    per_unit: Decimal = ZERO
    cap: Decimal | None = None


_TD_AMERITRADE_ENDED = date(2024, 5, 10)
_SHARE_CLASSES = (AssetClass.STOCK, AssetClass.ETF)
_SHARES = frozenset(_SHARE_CLASSES)
_OPTIONS = frozenset({AssetClass.OPTION})

_PER_SHARE = Decimal("0.005")
_PER_CONTRACT = Decimal("0.65")
_ZERO_STOCK_COMMISSIONS = date(2019, 10, 7)

SCHEDULES: tuple[Schedule, ...] = (
    *(Schedule("alpaca", asset_class, ALWAYS) for asset_class in (*_SHARE_CLASSES, AssetClass.OPTION)),
    *(
        Schedule("interactive_brokers", asset_class, ALWAYS, None, _PER_SHARE, Decimal(1), Decimal(1))
        for asset_class in _SHARE_CLASSES
    ),
    *(Schedule("schwab", asset_class, _ZERO_STOCK_COMMISSIONS) for asset_class in _SHARE_CLASSES),
    Schedule("schwab", AssetClass.OPTION, _ZERO_STOCK_COMMISSIONS, None, _PER_CONTRACT),
    # TD Ameritrade's accounts became Schwab's; from then on the name means Schwab.
    *(
        Schedule("td_ameritrade", asset_class, _ZERO_STOCK_COMMISSIONS, _TD_AMERITRADE_ENDED)
        for asset_class in _SHARE_CLASSES
    ),
    Schedule("td_ameritrade", AssetClass.OPTION, _ZERO_STOCK_COMMISSIONS, _TD_AMERITRADE_ENDED, _PER_CONTRACT),
)

REGULATORY_FEES: tuple[RegulatoryFee, ...] = (
    RegulatoryFee("SEC", _SHARES | _OPTIONS, date(2024, 5, 22), date(2025, 5, 13), per_value=Decimal("0.0000278")),
    RegulatoryFee("SEC", _SHARES | _OPTIONS, date(2026, 4, 4), None, per_value=Decimal("0.0000206")),
    RegulatoryFee(
        "TAF", _SHARES, date(2024, 1, 1), date(2025, 12, 31), per_unit=Decimal("0.000166"), cap=Decimal("8.30")
    ),
    RegulatoryFee(
        "TAF", _SHARES, date(2026, 1, 1), date(2026, 9, 30), per_unit=Decimal("0.000195"), cap=Decimal("9.79")
    ),
    RegulatoryFee("TAF", _OPTIONS, date(2026, 1, 1), date(2026, 9, 30), per_unit=Decimal("0.00329")),
)
_PASSES_FEES_ON = frozenset({"interactive_brokers", "schwab", "td_ameritrade"})


def estimate(
    broker: str,
    asset_class: AssetClass,
    *,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    multiplier: Decimal,
    on: date,
) -> CostEstimate:
    """Estimate the costs of one order filled at once; money in cents.

    A broker, class or day without a schedule (a manual account among them) costs nothing and names no schedule.
    """
    schedule = _schedule(broker, asset_class, on)
    if schedule is None:
        return CostEstimate(NO_MONEY, NO_MONEY, "")
    with exact():
        value = quantity * price * multiplier
        commission = max(schedule.per_unit * quantity, schedule.minimum)
        if schedule.maximum_percent is not None:
            commission = min(commission, value * schedule.maximum_percent / 100)
        fees = ZERO
        if side is Side.SELL and broker in _PASSES_FEES_ON:
            fees = _regulatory(asset_class, quantity=quantity, value=value, on=on)
        return CostEstimate(cents(commission), cents(fees), schedule.name)


def _schedule(broker: str, asset_class: AssetClass, on: date) -> Schedule | None:
    if broker == "td_ameritrade" and on > _TD_AMERITRADE_ENDED:
        broker = "schwab"
    matching = (row for row in SCHEDULES if (row.broker, row.asset_class) == (broker, asset_class))
    return next((row for row in matching if _applies(row.since, row.until, on)), None)


def _applies(since: date, until: date | None, on: date) -> bool:
    return since <= on and (until is None or on <= until)


def _regulatory(asset_class: AssetClass, *, quantity: Decimal, value: Decimal, on: date) -> Decimal:
    total = ZERO
    for fee in REGULATORY_FEES:
        if asset_class in fee.asset_classes and _applies(fee.since, fee.until, on):
            amount = fee.per_value * value + fee.per_unit * quantity
            total += amount if fee.cap is None else min(amount, fee.cap)
    return total
