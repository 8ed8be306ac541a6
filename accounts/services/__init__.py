"""What changes users, accounts, risk policies and cash: one function a change."""

from accounts.services.accounts import (
    AccountTerms,
    RiskTerms,
    account_archive,
    account_create,
    account_delete,
    account_edit,
    account_unarchive,
    risk_policy_save,
)
from accounts.services.cash import CashTerms, cash_movement_create, cash_movement_delete, cash_movement_edit
from accounts.services.errors import AccountError, StaleVersion, version_of

__all__ = [
    "AccountError",
    "AccountTerms",
    "CashTerms",
    "RiskTerms",
    "StaleVersion",
    "account_archive",
    "account_create",
    "account_delete",
    "account_edit",
    "account_unarchive",
    "cash_movement_create",
    "cash_movement_delete",
    "cash_movement_edit",
    "risk_policy_save",
    "version_of",
]
