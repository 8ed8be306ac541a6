"""Recording money that came or went other than by a trade."""

import uuid
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.http import Http404

from accounts.currencies import currency_places
from accounts.models import CashMovement, CashMovementKind, TradingAccount, User
from accounts.selectors import account_get_locked
from accounts.services.errors import AccountError, check_version
from trenddojo.domain.money import check_decimal, check_positive


@dataclass(frozen=True, slots=True)
class CashTerms:
    """One movement: the amount is positive, the kind says the way, the day is a day of the account."""

    kind: str
    amount: Decimal
    moved_on: date
    note: str = ""


def cash_movement_create(
    *, owner: User, account_pk: uuid.UUID, terms: CashTerms, today: date, creation_key: uuid.UUID
) -> CashMovement:
    """Record a movement; the same form sent twice records it once. Raises Http404, AccountError and NumberError."""
    with transaction.atomic():
        account = account_get_locked(owner, account_pk)
        found = account.cash_movements.filter(creation_key=creation_key).first()
        if found is not None:
            return found
        _check(account, terms, today)
        try:
            with transaction.atomic():
                return CashMovement.objects.create(account=account, creation_key=creation_key, **asdict(terms))
        except IntegrityError as problem:
            # The key is in use in another account: a form that was tampered with.
            raise AccountError("sent_twice", "This form was used before: open a new one and try again.") from problem


def cash_movement_edit(*, owner: User, pk: uuid.UUID, terms: CashTerms, version: str, today: date) -> CashMovement:
    """Change a movement. Raises Http404, StaleVersion, AccountError and NumberError."""
    with transaction.atomic():
        movement = _locked(owner, pk)
        check_version(movement, version, asdict(terms))
        _check(movement.account, terms, today)
        for name, value in asdict(terms).items():
            setattr(movement, name, value)
        movement.save(update_fields=list(asdict(terms)))
    return movement


def cash_movement_delete(*, owner: User, pk: uuid.UUID) -> TradingAccount:
    """Delete a movement and return its account. Raises Http404."""
    with transaction.atomic():
        movement = _locked(owner, pk)
        movement.delete()
    return movement.account


def _locked(owner: User, pk: uuid.UUID) -> CashMovement:
    """The account's row first, then the movement as it is now: everybody locks in this order."""
    found = CashMovement.objects.filter(account__owner=owner, pk=pk).values_list("account_id", flat=True).first()
    if found is None:
        raise Http404
    account = account_get_locked(owner, found)
    movement = account.cash_movements.filter(pk=pk).first()
    if movement is None:
        raise Http404
    movement.account = account
    return movement


def _check(account: TradingAccount, terms: CashTerms, today: date) -> None:
    if terms.kind not in CashMovementKind.values:
        raise AccountError("bad_kind", "Choose one of the kinds of the list.", "kind")
    places = currency_places(account.currency)
    check_positive(terms.amount, field="amount", name="amount")
    check_decimal(terms.amount, max_digits=18 + places, places=places, field="amount", name="amount")
    if terms.moved_on > today:
        raise AccountError("future", "This day is in the future: give the day the money moved.", "moved_on")
    if terms.moved_on < account.opened_on:
        raise AccountError(
            "before_opening",
            f"The account was opened on {account.opened_on}: give that day or a later one, "
            "or move the account's opening day.",
            "moved_on",
        )
