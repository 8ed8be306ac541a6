"""The states of an order and the only ways from one to another: data, read by one function that writes them."""

from enum import StrEnum


class OrderState(StrEnum):
    """`in_doubt`: it was sent and nobody knows yet whether the broker has it. `queued`: ours, waits for the open."""

    NEW = "new"
    DENIED = "denied"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    IN_DOUBT = "in_doubt"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REPLACED = "replaced"


class OrderFact(StrEnum):
    """What happened to an order: asked by us, or reported by the broker."""

    DENY = "deny"
    QUEUE = "queue"
    RELEASE = "release"
    CLAIM = "claim"
    RETURN = "return"  # provably not processed: back to where it can be claimed again
    DOUBT = "doubt"
    ABANDON = "abandon"  # never sent: cancelled by the trader, or its time ran out
    LAPSE = "lapse"  # never sent: the trader's expiry came first
    NEVER_ARRIVED = "never_arrived"
    ASK_CANCEL = "ask_cancel"
    CANCEL_REFUSED = "cancel_refused"
    ACCEPT = "accept"
    PARTIAL = "partial"
    FILL = "fill"
    CANCEL = "cancel"
    REJECT = "reject"
    EXPIRE = "expire"
    REPLACE = "replace"


S, F = OrderState, OrderFact

TERMINAL = frozenset({S.DENIED, S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.REPLACED})
# The broker has it, or may have it.
AT_BROKER = frozenset({S.SUBMITTING, S.IN_DOUBT, S.ACCEPTED, S.PARTIALLY_FILLED, S.CANCELLING})
# Ours alone: nothing was sent.
UNSENT = frozenset({S.NEW, S.QUEUED})
WORKING = UNSENT | AT_BROKER
