"""What a broker was asked about an order, kept with it: when, by which id, and what came back or did not.

A call is written before the broker is asked and completed by the answer: one without an answer says that the process
that asked has ended. Nothing here changes an order, and no text of a problem the house does not know is kept.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from brokers.base import OrderReport
from brokers.errors import (
    BrokerError,
    CredentialsInvalid,
    MarketClosed,
    Refused,
    TryLater,
    UnknownOrder,
    Unsupported,
)
from brokers.http import last_call_forget, last_request_id
from trades.models import CallAnswer, CallVerb, Order, OrderCall

# So many equal answers in a row are kept one by one; those after them are counted in the last.
KEPT_APART = 10
# What makes two calls the same.
_SAME = ("verb", "asked_by", "ref", "answer", "status", "code", "sentence")
# The first row that fits decides; what none knows is no certain answer.
_ANSWERS: tuple[tuple[type[BrokerError], CallAnswer], ...] = (
    (UnknownOrder, CallAnswer.UNKNOWN),
    (Refused, CallAnswer.REFUSED),
    (MarketClosed, CallAnswer.REFUSED),
    (Unsupported, CallAnswer.NOT_SENT),
    (TryLater, CallAnswer.NOT_PROCESSED),
    (CredentialsInvalid, CallAnswer.NOT_PROCESSED),
)


class Answer:
    """What came back of a call; the caller says it, errors say it themselves."""

    def __init__(self) -> None:
        self.columns: dict[str, Any] = {"answer": CallAnswer.TAKEN}

    def found(self, report: OrderReport | None) -> OrderReport | None:
        """The broker's report, or its word that it does not know the order."""
        known = {"answer": CallAnswer.SHOWN, "status": report.raw_status[:40]} if report else None
        self.columns = known or {"answer": CallAnswer.UNKNOWN}
        return report


@contextmanager
def asked(order: Order, verb: CallVerb, *, ref: str, now: datetime, by: str = "worker") -> Iterator[Answer]:
    """Keep one call to the broker about `order`, asked at `now` by the id `ref`. Errors go on to the caller."""
    call = OrderCall.objects.create(order=order, at=now, verb=verb, ref=ref[:255], asked_by=by)
    answer, began = Answer(), time.monotonic()
    last_call_forget()
    try:
        yield answer
    except Exception as problem:
        answer.columns = _told(problem)
        _keep(call, answer, answered_at=now + timedelta(seconds=time.monotonic() - began))
        raise
    _keep(call, answer, answered_at=now + timedelta(seconds=time.monotonic() - began))


def not_sent_note(order: Order, *, code: str, sentence: str, now: datetime) -> None:
    """A worker that had claimed an order left it alone, and nothing went out."""
    OrderCall.objects.create(
        order=order,
        at=now,
        answered_at=now,
        verb=CallVerb.SUBMIT,
        ref=order.client_order_id,
        answer=CallAnswer.NOT_SENT,
        code=code,
        sentence=sentence,
    )


def _told(error: Exception) -> dict[str, Any]:
    if not isinstance(error, BrokerError):
        return {"answer": CallAnswer.UNREADABLE}
    answer = next((word for kind, word in _ANSWERS if isinstance(error, kind)), CallAnswer.NO_ANSWER)
    number = {"request_id": error.request_id[:64]} if error.request_id else {}
    return {"answer": answer, "code": error.code[:60], "sentence": error.sentence[:300], **number}


def _keep(call: OrderCall, answer: Answer, *, answered_at: datetime) -> None:
    columns = {"request_id": last_request_id(), **answer.columns}
    for name, value in columns.items():
        setattr(call, name, value)
    earlier = list(OrderCall.objects.filter(order=call.order_id, pk__lt=call.pk).order_by("-pk")[:KEPT_APART])
    if len(earlier) < KEPT_APART or any(_words(one) != _words(call) for one in earlier):
        OrderCall.objects.filter(pk=call.pk).update(answered_at=answered_at, **columns)
        return
    with transaction.atomic():
        again = {"times": F("times") + 1, "last_at": call.at, "request_id": call.request_id}
        if OrderCall.objects.filter(pk=earlier[0].pk).update(**again):
            OrderCall.objects.filter(pk=call.pk).delete()


def _words(call: OrderCall) -> tuple[str, ...]:
    return tuple(str(getattr(call, name)) for name in _SAME)
