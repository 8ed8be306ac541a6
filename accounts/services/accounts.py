"""Opening, changing, archiving and deleting trading accounts, and their risk policies."""

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils.module_loading import import_string

from accounts.calendars import EXCHANGES
from accounts.currencies import CURRENCIES, currency_places
from accounts.models import RiskPolicy, TradingAccount, User
from accounts.selectors import (
    account_get_locked,
    account_has_history,
    account_has_working_orders,
    first_day_of,
    policy_of,
)
from accounts.services.errors import AccountError, check_version
from accounts.services.removal import rows_delete
from trenddojo.domain.money import check_decimal

# A change of one of these means other results for the same fills.
RULES = ("cost_method", "exchange", "break_even_band")

# No account is older than what its fills may be.
FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What the trader says about an account. Money is in the account's currency."""

    name: str
    broker: str
    account_type: str
    currency: str
    exchange: str
    cost_method: str
    break_even_band: Decimal
    allows_fractions: bool
    starting_balance: Decimal
    opened_on: date


@dataclass(frozen=True, slots=True)
class RiskTerms:
    """The limits of a risk policy, percent of equity; None for no limit."""

    risk_per_trade_percent: Decimal
    max_position_percent: Decimal
    max_open_risk_percent: Decimal | None
    max_daily_loss_percent: Decimal | None
    max_weekly_loss_percent: Decimal | None
    max_open_positions: int | None
    allows_overrides: bool
    # Orders through a broker alone.
    max_orders_per_minute: int | None = 20
    price_collar_percent: Decimal | None = Decimal("5.00")
    max_quote_age_seconds: int = 60


def account_create(
    *, owner: User, terms: AccountTerms, today: date, creation_key: uuid.UUID, risk: RiskTerms | None = None
) -> TradingAccount:
    """Open an account with its risk policy. The creation key becomes its id: sent twice, the form opens one account.

    Raises AccountError (name_taken, bad_currency, bad_exchange, bad_day, NumberError for amounts).
    """
    found = TradingAccount.objects.filter(owner=owner, pk=creation_key).first()
    if found is not None:
        return found
    _check_terms(terms, today)
    account = TradingAccount(id=creation_key, owner=owner, **asdict(terms))
    with transaction.atomic():
        _check_name(account)
        try:
            with transaction.atomic():
                account.save(force_insert=True)
        except IntegrityError as problem:
            return _made_meanwhile(owner, creation_key, problem)
        RiskPolicy.objects.create(account=account, **(asdict(risk) if risk else {}))
    return account


def _made_meanwhile(owner: User, creation_key: uuid.UUID, problem: IntegrityError) -> TradingAccount:
    found = TradingAccount.objects.filter(owner=owner, pk=creation_key).first()
    if found is None:
        raise _name_taken() from problem
    return found


def account_edit(*, owner: User, pk: uuid.UUID, terms: AccountTerms, version: str, today: date) -> TradingAccount:
    """Change an account; trades are computed anew when a rule they are computed by changed.

    Raises Http404, StaleVersion and AccountError (as account_create, and currency_fixed, opened_late, connected).
    """
    _check_terms(terms, today)
    with transaction.atomic():
        account = account_get_locked(owner, pk)
        check_version(account, version, asdict(terms))
        _check_history(account, terms)
        _check_connected(account, terms)
        changed = [name for name, value in asdict(terms).items() if getattr(account, name) != value]
        for name in changed:
            setattr(account, name, getattr(terms, name))
        _check_name(account)
        if changed:
            _save(account, changed)
        if rules := [name for name in changed if name in RULES]:
            _recompute()(account, rules)
    return account


def _save(account: TradingAccount, changed: list[str]) -> None:
    """Write the columns; the same name given to another account at the same moment is refused by the database."""
    try:
        with transaction.atomic():
            account.save(update_fields=[*changed, "updated_at"])
    except IntegrityError as problem:
        raise _name_taken() from problem


def account_archive(*, owner: User, pk: uuid.UUID) -> TradingAccount:
    """Put an account out of use; its trades and figures stay. Raises Http404."""
    return _archived_set(owner, pk, True)


def account_unarchive(*, owner: User, pk: uuid.UUID) -> TradingAccount:
    """Bring an archived account back into use. Raises Http404."""
    return _archived_set(owner, pk, False)


def account_delete(*, owner: User, pk: uuid.UUID, typed_name: str) -> None:
    """Delete an account with everything in it, pictures and imported files too.

    Raises Http404 and AccountError (name_differs, orders_working): the name typed is the question whether it is meant.
    """
    with transaction.atomic():
        account = account_get_locked(owner, pk)
        if typed_name.strip() != account.name:
            raise AccountError("name_differs", f"Type the account's name exactly: {account.name}", "typed_name")
        if account_has_working_orders(account):
            raise AccountError("orders_working", "Orders still work or wait: cancel them, or let them end, first.")
        rows_delete(account)


def risk_policy_save(*, owner: User, pk: uuid.UUID, terms: RiskTerms, version: str) -> RiskPolicy:
    """Set the limits of an account's plans from now on. Raises Http404 and StaleVersion."""
    with transaction.atomic():
        policy = policy_of(account_get_locked(owner, pk))
        check_version(policy, version, asdict(terms))
        for name, value in asdict(terms).items():
            setattr(policy, name, value)
        policy.save()
    return policy


def _archived_set(owner: User, pk: uuid.UUID, archived: bool) -> TradingAccount:  # noqa: FBT001 - the value stored
    with transaction.atomic():
        account = account_get_locked(owner, pk)
        account.is_archived = archived
        account.save(update_fields=["is_archived", "updated_at"])
    return account


def _recompute() -> Callable[[TradingAccount, list[str]], Any]:
    # Named in the settings, because accounts know nothing of the trades whose results hang on these rules.
    return import_string(settings.ACCOUNT_RULES_CHANGED)


def _check_terms(terms: AccountTerms, today: date) -> None:
    if terms.currency not in CURRENCIES:
        raise AccountError("bad_currency", "Choose one of the currencies of the list.", "currency")
    if terms.exchange not in EXCHANGES:
        raise AccountError("bad_exchange", "Choose one of the exchanges of the list.", "exchange")
    if not FIRST_DAY <= terms.opened_on <= today:
        raise AccountError("bad_day", "Give a day from 1970-01-01 until today.", "opened_on")
    places = currency_places(terms.currency)
    for field in ("starting_balance", "break_even_band"):
        amount = check_decimal(getattr(terms, field), max_digits=18 + places, places=places, field=field, name="amount")
        if amount < 0:
            raise AccountError("negative", "Give zero or a positive amount.", field)


def _check_history(account: TradingAccount, terms: AccountTerms) -> None:
    """What was recorded already must still be true of the account."""
    if terms.currency != account.currency and account_has_history(account):
        raise AccountError(
            "currency_fixed",
            f"The currency stays {account.currency}: this account already has trades or cash movements. "
            "Open another account for another currency.",
            "currency",
        )
    first = first_day_of(account)
    if terms.opened_on != account.opened_on and first is not None and terms.opened_on > first:
        raise AccountError(
            "opened_late", f"Something is recorded on {first}: give that day or one before.", "opened_on"
        )


def _check_connected(account: TradingAccount, terms: AccountTerms) -> None:
    """What the broker decides is not decided here."""
    # Connections are met by the name of their relation alone: accounts may not import them.
    if getattr(account, "connection", None) is None:
        return
    for name in ("broker", "account_type", "currency"):
        if getattr(terms, name) != getattr(account, name):
            sentence = "This account follows a connection to its broker, which decides this: leave it as it is."
            raise AccountError("connected", sentence, name)


def _check_name(account: TradingAccount) -> None:
    same = TradingAccount.objects.filter(owner=account.owner_id, name__iexact=account.name)
    if same.exclude(pk=account.pk).exists():
        raise _name_taken()


def _name_taken() -> AccountError:
    return AccountError("name_taken", "You already have an account with this name: choose another.", "name")


def model_fields(terms: type[AccountTerms] | type[RiskTerms]) -> list[str]:
    """The columns a form of these terms has."""
    return list(terms.__dataclass_fields__)


def initial_of(row: models.Model, terms: type[AccountTerms] | type[RiskTerms]) -> dict[str, Any]:
    """What the row says now, as the first values of a form."""
    return {name: getattr(row, name) for name in model_fields(terms)}
