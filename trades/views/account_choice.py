"""The account a page is about, named in its address."""

import uuid
from collections.abc import Iterable

from django.http import Http404

from accounts.models import TradingAccount


def account_chosen(accounts: Iterable[TradingAccount], text: str | None) -> TradingAccount | None:
    """The account named in the address, None for all of them. Raises Http404 for an unknown or foreign one."""
    if not text:
        return None
    try:
        key = uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error
    found = next((account for account in accounts if account.pk == key), None)
    if found is None:
        raise Http404
    return found
