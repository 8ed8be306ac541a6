"""Accounts of the journal that follow a connection from their first day, or from now on."""

import uuid
from datetime import date

from django.http import Http404

from accounts.models import AccountType, TradingAccount, User
from accounts.services import AccountError, AccountTerms, RiskTerms, account_create
from accounts.services.account_changes import AccountChange, account_change
from brokers.models import BrokerConnection
from brokers.services.linking import connection_link
from brokers.vault import VaultError
from trenddojo.domain.errors import DomainError


def account_open(
    *,
    owner: User,
    terms: AccountTerms,
    risk: RiskTerms,
    today: date,
    creation_key: uuid.UUID,
    connection: BrokerConnection | None,
) -> TradingAccount:
    """Open an account; where a connection is given, the terms must say what that decides (`decided_by`).

    Whoever asks twice with one creation key gets one account, also after a death halfway. Raises AccountError,
    ConnectionRefusal, VaultError and Http404; then there is no account.
    """
    if connection is None:
        return account_create(owner=owner, terms=terms, today=today, creation_key=creation_key, risk=risk)
    _check_decided(terms, connection)
    account = account_create(owner=owner, terms=terms, today=today, creation_key=creation_key, risk=risk)
    if connection.account_id == account.pk:
        return account
    try:
        return connection_link(connection=connection, account=account)
    except (DomainError, VaultError, Http404):
        TradingAccount.objects.filter(pk=account.pk, connection=None, trades=None).delete()
        raise


def decided_by(connection: BrokerConnection) -> dict[str, str]:
    """The terms of an account that the connection it follows decides."""
    kind = AccountType.PAPER if connection.is_paper else AccountType.LIVE
    return {"broker": connection.broker, "account_type": kind.value}


def _check_decided(terms: AccountTerms, connection: BrokerConnection) -> None:
    for name, value in decided_by(connection).items():
        if getattr(terms, name) != value:
            raise AccountError("connected", f"The connection decides this: say {value}, or leave it out.", name)


def account_alter(
    *,
    owner: User,
    account: TradingAccount,
    change: AccountChange,
    connection: BrokerConnection | None,
    today: date,
) -> None:
    """Change a part of an account, or have it follow a connection from now on; not both at once.

    Raises what account_change and connection_link do, and AccountError (alone).
    """
    if connection is None:
        account_change(owner=owner, account=account, change=change, today=today)
        return
    if change != AccountChange():
        raise AccountError("alone", "Name the connection in a request of its own.", "connection")
    if connection.account_id != account.pk:
        connection_link(connection=connection, account=account)
