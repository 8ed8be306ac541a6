"""One of everything there is an address for."""

from typing import Any
from urllib.parse import urlencode

from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.models import Authenticator
from django.urls import reverse

from brokers.models import BrokerPosition
from tests.test_ownership import CONNECTION, KEYED_BY_WORDS, OBJECT_OF

# Places that need more than the name of an address and the thing it takes.
OF_THE_ADMIN: dict[str, dict[str, Any]] = {
    "admin:app_list": {"app_label": "trades"},
    "admin:view_on_site": {"content_type_id": "1", "object_id": "1"},
}


def address_of(name: str, objects: dict[str, Any]) -> str:
    """The address under this name, of what alice owns."""
    if name in SPECIAL:
        return SPECIAL[name](name, objects)
    if name in OBJECT_OF:
        return reverse(name, kwargs={"pk": objects[OBJECT_OF[name]].pk})
    return reverse(name, kwargs=KEYED_BY_WORDS.get(name) or OF_THE_ADMIN.get(name) or {})


def _symbol(name: str, objects: dict[str, Any]) -> str:
    """A position is named by account and symbol."""
    connection = objects[CONNECTION]
    BrokerPosition.objects.get_or_create(
        connection=connection,
        symbol="SPY",
        defaults={"quantity": 5, "average_price": 500, "asset_class": "stock", "as_of": connection.created_at},
    )
    return f"{reverse(name)}?{urlencode({'account': connection.account_id, 'symbol': 'SPY'})}"


def _linked(name: str, objects: dict[str, Any]) -> str:
    return reverse(name, kwargs={"pk": objects[CONNECTION].account_id})


def _confirmation(name: str, objects: dict[str, Any]) -> str:
    user = objects[CONNECTION].user
    address, _ = EmailAddress.objects.get_or_create(user=user, email=user.email)
    return reverse(name, kwargs={"key": EmailConfirmationHMAC(address).key})


def _without_passkey(name: str, objects: dict[str, Any]) -> str:
    """The one there is opens nothing, and the page would ask the browser for it."""
    Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN).delete()
    return reverse(name)


def _user(name: str, objects: dict[str, Any]) -> str:
    return reverse(name, args=[objects[CONNECTION].user_id])


def _connection(name: str, objects: dict[str, Any]) -> str:
    return reverse(name, args=[objects[CONNECTION].pk])


def _suggestions(name: str, objects: dict[str, Any]) -> str:
    return f"{reverse(name)}?{urlencode({'app_label': 'trades', 'model_name': 'setup', 'field_name': 'owner'})}"


def _nowhere(name: str, objects: dict[str, Any]) -> str:
    return "/admin/nothing/here" if name.startswith("admin:") else "/api/v1/nothing/here/"


SPECIAL = {
    "account_confirm_email": _confirmation,
    "admin:auth_user_password_change": _user,
    "admin:brokers_brokerconnection_reconnect": _connection,
    "admin:autocomplete": _suggestions,
    "admin:None": _nowhere,
    "api:nothing": _nowhere,
    "brokers:live-off": _linked,
    "mfa_reauthenticate_webauthn": _without_passkey,
    "trades:position-adopt": _symbol,
    "trades:position-close-symbol": _symbol,
}
