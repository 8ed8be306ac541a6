"""Changing a part of an account and of its risk policy at once, all or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction

from accounts.models import RiskPolicy, TradingAccount, User
from accounts.selectors import policy_of
from accounts.services.accounts import (
    AccountTerms,
    RiskTerms,
    account_archive,
    account_edit,
    account_unarchive,
    initial_of,
    risk_policy_save,
)
from accounts.services.errors import version_of


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What shall be different: fields of AccountTerms, fields of RiskTerms, and whether it is out of use."""

    terms: Mapping[str, Any] = field(default_factory=dict)
    risk: Mapping[str, Any] = field(default_factory=dict)
    is_archived: bool | None = None


def account_change(*, owner: User, account: TradingAccount, change: AccountChange, today: date) -> None:
    """Change only what is named. `account` is as the caller read it, its policy too: both are compared under the lock.

    Raises Http404, StaleVersion and AccountError (as account_edit).
    """
    terms = AccountTerms(**initial_of(account, AccountTerms) | dict(change.terms))
    policy = policy_of(account)
    with transaction.atomic():
        if change.terms:
            account_edit(owner=owner, pk=account.pk, terms=terms, version=version_of(account), today=today)
        if change.risk:
            risk_policy_save(
                owner=owner, pk=account.pk, terms=risk_with(change.risk, policy), version=version_of(policy)
            )
        if change.is_archived is not None and change.is_archived != account.is_archived:
            (account_archive if change.is_archived else account_unarchive)(owner=owner, pk=account.pk)


def risk_with(changes: Mapping[str, Any], policy: RiskPolicy | None = None) -> RiskTerms:
    """The policy's limits, or the default ones, with these changes."""
    return RiskTerms(**initial_of(policy or RiskPolicy(), RiskTerms) | dict(changes))
