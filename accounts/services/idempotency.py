"""The same request twice is one: who may work on it, and the answer the first one got.

A request is claimed by a row of its own before anything is done, and what it creates is made with the row's id: a
process that dies halfway leaves a claim that another takes over, and finds what was made already.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import IdempotencyKey, User
from accounts.sealing import CannotOpen, opened, secret_box
from accounts.services.retention import rows_delete
from trenddojo.statements import NOT_AWAITED, preparing_cursor

# Whoever holds a claim for so long has died: no request of ours works for as long.
DEAD_AFTER = timedelta(seconds=90)
KEPT_FOR = timedelta(hours=48)
WAIT_SECONDS, STEP_SECONDS = 5.0, 0.05
_PURPOSE = b"replayed-answer"


@dataclass(frozen=True, slots=True)
class Claim:
    """Leave to do the work: the `id` to create with, and when it was given, which tells later claims apart.

    Before one that was taken over somebody else had it, and nobody knows how far they got.
    """

    id: UUID
    at: datetime
    is_taken_over: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request got."""

    status: int
    headers: dict[str, str]
    body: bytes


class KeyReused(Exception):
    """The key came with another request before."""


class StillWorking(Exception):
    """The first request with this key has no answer yet."""


class AnswerLost(Exception):
    """The first request was answered, and the answer cannot be read any more: the desk's SECRET_KEY was changed."""


def answer_claim(*, user: User, key: str, fingerprints: Sequence[str]) -> Claim | Answer:
    """The claim with which the caller is to do the work, or the answer that was given before to the same request: one
    with any of these fingerprints, of which the first is kept.

    Waits some seconds for a first request that is still at work. Raises KeyReused, StillWorking and AnswerLost.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = _claimed(user, key, fingerprints, now=timezone.now())
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise StillWorking
        # The connection of a waiting request holds no transaction: whoever works is not in its way.
        time.sleep(STEP_SECONDS)


def answer_keep(claim: Claim, answer: Answer) -> None:
    """What every later request with the same key gets; the first answer stays."""
    given = {
        "id": claim.id,
        "status": answer.status,
        "headers": json.dumps(answer.headers),
        "body": secret_box(_PURPOSE).encrypt(answer.body).decode(),
    }
    with preparing_cursor() as cursor:
        cursor.execute(_KEEP, given)


def claim_release(claim: Claim) -> None:
    """Nobody works on it any more and nobody knows how far it got: the next request goes on with the same id."""
    _still_held(claim).update(claimed_at=None)


def claim_forget(claim: Claim) -> None:
    """Nothing was done: the key is free for a corrected request. A claim that another took over is the other's.

    One that was taken over is only given back: something may have been made with its id before.
    """
    if claim.is_taken_over:
        claim_release(claim)
    else:
        _still_held(claim).delete()


def _still_held(claim: Claim) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(pk=claim.id, claimed_at=claim.at, status__isnull=True)


def idempotency_clean(*, now: datetime) -> int:
    """Delete keys that are older than what is promised; how many."""
    return rows_delete(IdempotencyKey.objects.filter(created_at__lt=now - KEPT_FOR))


# Neither statement waits for the disk; each is a transaction of its own. A power cut that takes a claim takes what was
# made under it too, which is written later to the same log; one that takes an answer leaves a claim to be taken over.
_KEEP = f"""
    UPDATE idempotency_keys SET status = %(status)s, headers = %(headers)s, body = %(body)s, claimed_at = NULL
    WHERE id = %(id)s AND status IS NULL AND {NOT_AWAITED}
"""  # noqa: S608 - NOT_AWAITED is a constant
# One statement: two that come at once cannot both be the first.
_INSERT = f"""
    INSERT INTO idempotency_keys (id, user_id, key, fingerprint, claimed_at, headers, body, created_at)
    SELECT gen_random_uuid(), %s, %s, %s, %s, '{{}}', '', %s WHERE {NOT_AWAITED}
    ON CONFLICT (user_id, key) DO NOTHING RETURNING id
"""


def _claimed(user: User, key: str, fingerprints: Sequence[str], *, now: datetime) -> Claim | Answer | None:
    """As answer_claim; None while another works on it."""
    with preparing_cursor() as cursor:
        cursor.execute(_INSERT, [user.pk, key, fingerprints[0], now, now])
        row = cursor.fetchone()
    if row:
        return Claim(UUID(str(row[0])), now)
    known = IdempotencyKey.objects.filter(user=user, key=key).first()
    if known is None:
        return None
    # Under another secret key neither the answer opens nor can its request be compared.
    answer = _answer_opened(known.body) if known.status is not None else b""
    if known.fingerprint not in fingerprints:
        raise KeyReused
    if known.status is not None:
        return Answer(known.status, known.headers, answer)
    is_free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=now - DEAD_AFTER)
    taken = IdempotencyKey.objects.filter(is_free, pk=known.pk, status__isnull=True).update(claimed_at=now)
    return Claim(known.pk, now, is_taken_over=True) if taken else None


def _answer_opened(body: str) -> bytes:
    try:
        return opened(_PURPOSE, body)
    except CannotOpen:
        raise AnswerLost from None
