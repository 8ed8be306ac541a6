"""Which account of the journal follows a connection."""

import uuid
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from accounts.models import AccountType, Broker, TradingAccount, User
from accounts.selectors import account_get_locked
from accounts.services import AccountError, AccountTerms, account_create
from brokers import registry, vault
from brokers.base import AccountReport
from brokers.errors import BrokerError
from brokers.models import BrokerConnection
from brokers.services.credentials import credentials_prove, refusal_of
from brokers.services.errors import ConnectionRefusal
from brokers.services.nudges import sync_nudge
from brokers.services.snapshots import snapshot_keep

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class NewAccount:
    """Open an account of the journal for the connection; its balance is what the broker says."""

    name: str


def connection_link(*, connection: BrokerConnection, account: TradingAccount | NewAccount) -> TradingAccount:
    """Have an account follow a connection that has none yet; the broker is asked for currency and balance first.

    Raises ConnectionRefusal, Http404 (another's account) and VaultError.
    """
    if isinstance(account, NewAccount):
        check_new_account(connection.user, account)
    credentials = vault.unseal(connection.credentials, row_id=connection.pk)
    try:
        report = credentials_prove(connection, credentials)
    except BrokerError as error:
        raise refusal_of(connection, error) from None
    with transaction.atomic():
        locked = BrokerConnection.objects.select_for_update().get(pk=connection.pk)
        if locked.account_id is not None:
            raise ConnectionRefusal("linked_already", "This connection has an account already.", "account")
        locked.account = linked = account_linked(locked, account, report)
        locked.journal_since = timezone.now()
        # Whoever armed it typed the name of another account, which has been deleted since.
        locked.live_armed_at = locked.live_used_at = None
        locked.save(update_fields=["account", "journal_since", "live_armed_at", "live_used_at", "updated_at"])
        snapshot_keep(locked, report)
        sync_nudge(locked.pk)
    return linked


def check_new_account(user: User, wanted: NewAccount) -> None:
    """Before the broker is asked. Raises ConnectionRefusal."""
    name = wanted.name.strip()
    if not name:
        raise ConnectionRefusal("missing", "Give the new account a name, or choose one you have.", "account_name")
    if TradingAccount.objects.filter(owner=user, name__iexact=name).exists():
        sentence = "You already have an account with this name: choose another."
        raise ConnectionRefusal("name_taken", sentence, "account_name")


def account_linked(
    connection: BrokerConnection, wanted: TradingAccount | NewAccount, report: AccountReport
) -> TradingAccount:
    """The account of the journal that follows this connection from now on; inside the transaction."""
    if isinstance(wanted, NewAccount):
        return _account_opened(connection, wanted, report)
    account = account_get_locked(connection.user, wanted.pk)
    if BrokerConnection.objects.filter(account=account).exists():
        raise ConnectionRefusal("account_taken", "This account has a connection already: choose another.", "account")
    if account.is_archived or account.broker not in {connection.broker, Broker.MANUAL}:
        sentence = "Choose an account in use, of this broker or kept by hand until now."
        raise ConnectionRefusal("not_linkable", sentence, "account")
    if account.currency != report.currency:
        sentence = f"The broker keeps {report.currency} and this account {account.currency}: choose another."
        raise ConnectionRefusal("other_currency", sentence, "account")
    account.broker, account.account_type = connection.broker, _account_type(connection)
    account.save(update_fields=["broker", "account_type", "updated_at"])
    return account


def _account_opened(connection: BrokerConnection, wanted: NewAccount, report: AccountReport) -> TradingAccount:
    today: date = timezone.localdate()
    terms = AccountTerms(
        name=wanted.name.strip(),
        broker=connection.broker,
        account_type=_account_type(connection),
        currency=report.currency,
        exchange=TradingAccount._meta.get_field("exchange").get_default(),
        cost_method=TradingAccount._meta.get_field("cost_method").get_default(),
        break_even_band=Decimal(0),
        allows_fractions=registry.capabilities_of(connection.broker).fractions,
        starting_balance=max(report.equity, Decimal(0)).quantize(CENT),
        opened_on=today,
    )
    # A key of its own that is the same however often the form is sent.
    key = uuid.uuid5(connection.pk, "account")
    try:
        return account_create(owner=connection.user, terms=terms, today=today, creation_key=key)
    except AccountError as refusal:
        field = "account_name" if refusal.field == "name" else "account"
        raise ConnectionRefusal(refusal.code, refusal.sentence, field) from refusal


def _account_type(connection: BrokerConnection) -> str:
    return AccountType.PAPER if connection.is_paper else AccountType.LIVE
