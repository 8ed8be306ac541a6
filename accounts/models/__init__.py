"""Who trades and with what money: one module per noun."""

from accounts.models.cash import CashMovement, CashMovementKind
from accounts.models.events import Event, EventAction, EventSubject
from accounts.models.halts import Halt, HaltLevel, Pulse, Silence
from accounts.models.notifications import Notification, NotificationChoice, NotificationKind
from accounts.models.people import User, timezone_choices
from accounts.models.tokens import ApiToken, IdempotencyKey, TokenScope
from accounts.models.trading import AccountType, Broker, CostMethod, RiskPolicy, TradingAccount
from accounts.models.webhooks import DeliveryState, Webhook, WebhookDelivery

__all__ = [
    "AccountType",
    "ApiToken",
    "Broker",
    "CashMovement",
    "CashMovementKind",
    "CostMethod",
    "DeliveryState",
    "Event",
    "EventAction",
    "EventSubject",
    "Halt",
    "HaltLevel",
    "IdempotencyKey",
    "Notification",
    "NotificationChoice",
    "NotificationKind",
    "Pulse",
    "RiskPolicy",
    "Silence",
    "TokenScope",
    "TradingAccount",
    "User",
    "Webhook",
    "WebhookDelivery",
    "timezone_choices",
]
