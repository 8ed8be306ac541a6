"""A trade with its journal in one step: planned, or recorded as it happened."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import User
from trades.models import Trade
from trades.services.journal import words_change
from trades.services.plan_input import PlanInput
from trades.services.plans import plan_create
from trades.services.recording import RecordInput, trade_record


@transaction.atomic
def trade_make(
    *, owner: User, given: PlanInput | RecordInput, words: Mapping[str, Any], creation_key: UUID, now: datetime
) -> Trade:
    """Keep a plan, or a trade with its executions, and its journal; the same key a second time returns the first one.

    Raises as plan_create, trade_record and words_change; nothing is kept then.
    """
    if isinstance(given, RecordInput):
        trade = trade_record(owner=owner, given=given, creation_key=creation_key, now=now)
    else:
        trade = plan_create(owner=owner, plan=given, creation_key=creation_key, now=now)
    return words_change(owner=owner, trade=trade, changes=words)
