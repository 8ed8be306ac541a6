"""What each kind of matter that needs a trader's eyes is called, and what it means: on the page and in the API."""

from typing import NamedTuple


class Words(NamedTuple):
    """What a kind of matter is called, and what it means for the trader."""

    title: str
    meaning: str
    tone: str = "warning"


KINDS = {
    "in_doubt": Words(
        "Nobody knows whether it arrived",
        "It was sent and the broker gave no certain answer. The desk asks for it by its number until it knows, and "
        "does not send it twice.",
    ),
    "sending": Words(
        "On its way for too long",
        "A worker took it and has not said what became of it. If this stays, the desk's workers do not run.",
    ),
    "cancel": Words(
        "Cancellation without an answer",
        "You asked to cancel it and the broker has not said that it did: it may still fill.",
    ),
    "change": Words(
        "Change without an answer",
        "You asked to change it and the broker has not shown the new order: it works on as it was.",
    ),
    "unknown_status": Words(
        "A word the desk does not know",
        "The broker tells this order in a state that the desk cannot read. Look at the order at the broker.",
    ),
    "unsent": Words("It has not left", "It is ready to be sent and was not, or was not processed by the broker."),
    "queued": Words(
        "It waits past its time",
        "The moment it waited for is over. It leaves only when its limits, its price and its connection allow it.",
    ),
    "id_taken": Words(
        "Its number is another order's",
        "The broker has a different order under this order's number, so this one was not taken. Look at both.",
        "rejected",
    ),
    "gone": Words(
        "Gone at the broker",
        "The broker does not know this order any more. Look at your position there.",
        "rejected",
    ),
    "never_arrived": Words(
        "It never arrived", "It was sent, and the broker does not know it: nothing of it is at work.", "rejected"
    ),
    "lapsed": Words("Its time passed before it was sent", "It waited until its expiry and was not sent.", "expired"),
    "denied": Words("Refused when it was to be sent", "Your limits refused it when its time had come.", "denied"),
    "drift": Words(
        "Broker and journal differ",
        "They hold different quantities. Sync first; what is then still different can be adopted.",
        "drift",
    ),
    "external": Words(
        "Not in the journal", "The broker holds it and the journal does not know it: adopt it, or close it.", "external"
    ),
    "unprotected": Words(
        "No stop works for all of it", "What this position may lose is not limited at the broker.", "unprotected"
    ),
    "disabled": Words(
        "A connection is off", "Nothing is sent or read through it. What works at the broker goes on working.", "error"
    ),
    "blocked": Words(
        "The broker lets nobody trade in it",
        "New orders are refused there until that is lifted: look at the broker's own page. What works goes on working.",
        "error",
    ),
    "failing": Words(
        "A broker does not answer as it should", "What the desk shows of its orders and positions may be old."
    ),
    "stale": Words("A broker was not read lately", "What the desk shows of its orders and positions may be old."),
}
