"""The states of an order and the only ways from one to another: data, read by one function that writes them.

Legs are rows of their own: NEW until a report shows them, abandoned when their parent ends without having been taken.
"""

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
    RESTORE = "restore"  # the row is older than the present: it may have left since
    ABANDON = "abandon"  # never sent: cancelled by the trader, or its time ran out
    LAPSE = "lapse"  # never sent: the trader's expiry came first
    NEVER_ARRIVED = "never_arrived"
    REWRITE = "rewrite"  # changed before it was sent
    ASK_REPLACE = "ask_replace"
    REPLACE_REFUSED = "replace_refused"
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

# What a broker says of an order that it has, whoever asked and however late.
_REPORTS = {
    F.FILL: S.FILLED,
    F.CANCEL: S.CANCELLED,
    F.REJECT: S.REJECTED,
    F.EXPIRE: S.EXPIRED,
    F.REPLACE: S.REPLACED,
}
_WORKS = {F.ACCEPT: S.ACCEPTED, F.PARTIAL: S.PARTIALLY_FILLED}

# The broker is the truth: a newer report corrects whatever we took for the end, in one step, because what was reported
# between may have been lost. Callers drop reports older than the last. What is filled stays filled.
_LATE: dict[tuple[OrderState, OrderFact], OrderState] = {
    # Denied after it had come back from a doubt: "never arrived" was the broker's own word, and it changed its mind.
    # Rejected: the same, or a refusal that was taken back.
    # Cancelled or expired: given up here before it was sent, or so it seemed, or a fill won the race.
    # Replaced: the replacement was refused after all, and the original works on or came to its own end.
    (ended, fact): state
    for ended in (S.DENIED, S.REJECTED, S.CANCELLED, S.EXPIRED, S.REPLACED)
    for fact, state in {**_WORKS, **_REPORTS}.items()
    if state is not ended
}

# (state, fact) -> state. What is not here changes nothing: repeated, overtaken or impossible.
TRANSITIONS: dict[tuple[OrderState, OrderFact], OrderState] = {
    (S.NEW, F.DENY): S.DENIED,
    (S.NEW, F.QUEUE): S.QUEUED,
    (S.NEW, F.CLAIM): S.SUBMITTING,
    (S.NEW, F.ABANDON): S.CANCELLED,
    (S.NEW, F.LAPSE): S.EXPIRED,
    (S.QUEUED, F.DENY): S.DENIED,
    (S.QUEUED, F.RELEASE): S.NEW,
    (S.QUEUED, F.ABANDON): S.CANCELLED,
    (S.QUEUED, F.LAPSE): S.EXPIRED,
    # The adapter found before sending that the broker cannot do this.
    (S.SUBMITTING, F.DENY): S.DENIED,
    # The broker said that the market is shut, and took nothing.
    (S.SUBMITTING, F.QUEUE): S.QUEUED,
    (S.SUBMITTING, F.RETURN): S.NEW,
    (S.SUBMITTING, F.DOUBT): S.IN_DOUBT,
    (S.NEW, F.REWRITE): S.NEW,
    (S.QUEUED, F.REWRITE): S.QUEUED,
    # A change is kept in pending_change until the broker shows the replacement; the order works on as it is.
    (S.ACCEPTED, F.ASK_REPLACE): S.ACCEPTED,
    (S.PARTIALLY_FILLED, F.ASK_REPLACE): S.PARTIALLY_FILLED,
    (S.ACCEPTED, F.REPLACE_REFUSED): S.ACCEPTED,
    (S.PARTIALLY_FILLED, F.REPLACE_REFUSED): S.PARTIALLY_FILLED,
    # The desk was restored from a backup in which it had not left, or nobody knew.
    **{(state, F.RESTORE): S.IN_DOUBT for state in (S.NEW, S.QUEUED, S.SUBMITTING, S.IN_DOUBT)},
    # Proven absent where the broker refuses a second order with the same id: it may be sent again.
    (S.IN_DOUBT, F.RETURN): S.NEW,
    (S.IN_DOUBT, F.NEVER_ARRIVED): S.REJECTED,
    # While it is on its way the sender owns the row: the wish is kept in cancel_asked_at and followed afterwards.
    (S.SUBMITTING, F.ASK_CANCEL): S.SUBMITTING,
    (S.IN_DOUBT, F.ASK_CANCEL): S.IN_DOUBT,
    (S.ACCEPTED, F.ASK_CANCEL): S.CANCELLING,
    (S.PARTIALLY_FILLED, F.ASK_CANCEL): S.CANCELLING,
    # Asked again, because the first asking may have been lost.
    (S.CANCELLING, F.ASK_CANCEL): S.CANCELLING,
    # The report that is pulled next says how much of it is filled.
    (S.CANCELLING, F.CANCEL_REFUSED): S.ACCEPTED,
    # A part filled while the cancellation is on its way does not take the asking back.
    (S.CANCELLING, F.PARTIAL): S.CANCELLING,
    (S.ACCEPTED, F.PARTIAL): S.PARTIALLY_FILLED,
    # The next part of the same order.
    (S.PARTIALLY_FILLED, F.PARTIAL): S.PARTIALLY_FILLED,
    # A leg is new until the broker shows it; an entry may be shown before the answer to sending it has come, and even
    # when we took it for unsent.
    **{(state, fact): to for state in (S.NEW, S.QUEUED, S.SUBMITTING, S.IN_DOUBT) for fact, to in _WORKS.items()},
    **{(state, fact): to for state in WORKING for fact, to in _REPORTS.items()},
    **_LATE,
}

# The fact that a broker's report in this state amounts to; CANCELLING is a cancellation asked for, here or elsewhere.
REPORTED: dict[OrderState, OrderFact] = {
    S.ACCEPTED: F.ACCEPT,
    S.PARTIALLY_FILLED: F.PARTIAL,
    S.FILLED: F.FILL,
    S.CANCELLING: F.ASK_CANCEL,
    S.CANCELLED: F.CANCEL,
    S.REJECTED: F.REJECT,
    S.EXPIRED: F.EXPIRE,
    S.REPLACED: F.REPLACE,
}

# Only of an order that works can be said that its cancellation was asked for.
_SHOWN_AS_WORKING = frozenset({S.ACCEPTED, S.PARTIALLY_FILLED, S.CANCELLING})


def told_fact(state: OrderState, told: OrderState, *, is_filled: bool) -> OrderFact | None:
    """What a broker's report in state `told` amounts to for an order that is in `state` here.

    One that is being cancelled elsewhere is there, first of all: the next report tells of the cancellation.
    """
    if told is S.ACCEPTED or (told is S.CANCELLING and state not in _SHOWN_AS_WORKING):
        return F.PARTIAL if is_filled else F.ACCEPT
    return REPORTED.get(told)


def next_state(state: OrderState, fact: OrderFact) -> OrderState | None:
    """The state after the fact; None when the fact changes nothing and is not written down."""
    return TRANSITIONS.get((state, fact))
