"""What the trader does and learns: one module per noun."""

from trades.models.audit import AuditEntry
from trades.models.evidence import CallAnswer, CallVerb, MatterLook, OrderCall
from trades.models.figures import AccountDay, FigureTotal, StreakDay
from trades.models.fill import Fill, FillKind, Side
from trades.models.imports import FillImport, ImportMapping, ImportState
from trades.models.journal import JournalDay, Screenshot
from trades.models.order import Order, OrderEvent, OrderOrigin
from trades.models.plan import ChecklistAnswer, LimitOverride, StopMove, TradeTarget
from trades.models.saved_filter import SavedFilter
from trades.models.setup import Setup, SetupCriterion, SetupRisk
from trades.models.tag import Tag, TagKind
from trades.models.trade import AssetClass, BrokerSyncStatus, Direction, Outcome, Trade, TradeStatus

__all__ = [
    "AccountDay",
    "AssetClass",
    "AuditEntry",
    "BrokerSyncStatus",
    "CallAnswer",
    "CallVerb",
    "ChecklistAnswer",
    "Direction",
    "FigureTotal",
    "Fill",
    "FillImport",
    "FillKind",
    "ImportMapping",
    "ImportState",
    "JournalDay",
    "LimitOverride",
    "MatterLook",
    "Order",
    "OrderCall",
    "OrderEvent",
    "OrderOrigin",
    "Outcome",
    "SavedFilter",
    "Screenshot",
    "Setup",
    "SetupCriterion",
    "SetupRisk",
    "Side",
    "StopMove",
    "StreakDay",
    "Tag",
    "TagKind",
    "Trade",
    "TradeStatus",
    "TradeTarget",
]
