"""Whether there is a chart of a trade, and if not, why."""

from enum import StrEnum

from brokers.models import Bar, BarSeries
from brokers.registry import ADAPTERS, capabilities_of
from trades.models import Trade, TradeStatus


class ChartState(StrEnum):
    READY = "ready"
    # The market has not told all yet, or nobody has asked.
    WAITING = "waiting"
    NO_FEED = "no_feed"
    NO_BARS = "no_bars"


# Why a trade has no MAE and MFE.
REASONS = {
    ChartState.READY: "No whole bar lies between its fills, or the bars' prices lie far from them.",
    ChartState.WAITING: "Its bars are being fetched: it is measured within minutes of the close.",
    ChartState.NO_FEED: "This account has no feed of price bars: connect a broker, or import bars of this symbol.",
    ChartState.NO_BARS: "The broker's feed has no bars of this time: import bars of this symbol.",
}


def chart_state(trade: Trade) -> ChartState:
    """For a trade with fills and its account's connection joined; at most two queries."""
    if trade.excursion_bar:
        return ChartState.READY
    if BarSeries.objects.filter(user=trade.owner_id, symbol=trade.symbol).exists():
        return ChartState.READY
    if not has_feed(trade):
        return ChartState.NO_FEED
    if trade.status == TradeStatus.ACTIVE:
        return ChartState.READY
    if trade.measured_version != trade.version:
        return ChartState.WAITING
    bars = Bar.objects.filter(feed=trade.account.connection.feed, symbol=trade.symbol)
    in_time = bars.filter(start__lte=trade.exit_date, start__gte=trade.entry_date.replace(hour=0, minute=0))
    return ChartState.READY if in_time.exists() else ChartState.NO_BARS


def has_feed(trade: Trade) -> bool:
    """Whether the trade's account is connected to a broker whose feed has bars."""
    connection = getattr(trade.account, "connection", None)
    if connection is None or not connection.is_active or connection.broker not in ADAPTERS:
        return False
    return capabilities_of(connection.broker).bars
