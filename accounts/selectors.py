"""Reading accounts, always through their owner: another user's account does not exist."""

import uuid
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Case, DecimalField, F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.http import Http404

from accounts.models import (
    ApiToken,
    CashMovement,
    CashMovementKind,
    Event,
    Notification,
    RiskPolicy,
    TradingAccount,
    User,
    Webhook,
    WebhookDelivery,
)
from trenddojo.domain.order_state import WORKING
from trenddojo.domain.risk import RiskLimits

INCOMING = (CashMovementKind.DEPOSIT, CashMovementKind.DIVIDEND, CashMovementKind.INTEREST)
MONEY_FIELD = DecimalField(max_digits=24, decimal_places=2)
SIGNED_AMOUNT = Case(When(kind__in=INCOMING, then=F("amount")), default=-F("amount"), output_field=MONEY_FIELD)
NOTHING = Value(Decimal(0), output_field=MONEY_FIELD)


def accounts_of(user: User) -> QuerySet[TradingAccount]:
    """The user's accounts, archived ones too, the oldest first."""
    return TradingAccount.objects.filter(owner=user).select_related("risk_policy")


def accounts_in_use(user: User) -> QuerySet[TradingAccount]:
    """The user's accounts that are not archived."""
    return accounts_of(user).filter(is_archived=False)


def accounts_with_cash(user: User) -> QuerySet[TradingAccount]:
    """As `accounts_of`, each with `cash_total`: what came less what went other than by trades."""
    movements = CashMovement.objects.filter(account=OuterRef("pk")).order_by().values("account")
    total = movements.annotate(total=Sum(SIGNED_AMOUNT)).values("total")
    return accounts_of(user).annotate(cash_total=Coalesce(Subquery(total), NOTHING))


def account_for(user: User, pk: uuid.UUID | str | None) -> TradingAccount:
    """The user's account with this key, or the first one in use without a key. Raises Http404."""
    found = accounts_in_use(user).first() if pk is None else _by_key(accounts_of(user), pk)
    if found is None:
        raise Http404
    return found


def user_session(*, user: User, pk: int) -> UserSession:
    """One browser the user is signed in with. Raises Http404."""
    session: UserSession | None = UserSession.objects.filter(user=user, pk=pk).first()
    if session is None:
        raise Http404
    return session


def recovery_codes_of(user: User) -> Authenticator | None:
    """The user's set of recovery codes, if there is one."""
    found: Authenticator | None = Authenticator.objects.filter(
        user=user, type=Authenticator.Type.RECOVERY_CODES
    ).first()
    return found


def account_get_locked(user: User, pk: uuid.UUID | str) -> TradingAccount:
    """The user's account with its row locked until the end of the transaction, which the caller has opened.

    Raises Http404; every change of an account's trades or cash begins with this lock.
    """
    found = _by_key(TradingAccount.objects.select_for_update().filter(owner=user), pk)
    if found is None:
        raise Http404
    return found


def _by_key(accounts: QuerySet[TradingAccount], pk: uuid.UUID | str) -> TradingAccount | None:
    try:
        key = pk if isinstance(pk, uuid.UUID) else uuid.UUID(pk)
    except ValueError:
        return None
    return accounts.filter(pk=key).first()


def policy_of(account: TradingAccount) -> RiskPolicy:
    """The account's risk policy; the default one, unsaved, for an account that never had one."""
    try:
        return account.risk_policy
    except RiskPolicy.DoesNotExist:
        return RiskPolicy(account=account)


def limits_for(account: TradingAccount) -> RiskLimits:
    """The account's risk policy in the domain's words. Overrides of a setup are laid over it by who knows setups."""
    policy = policy_of(account)
    return RiskLimits(
        risk_per_trade_percent=policy.risk_per_trade_percent,
        max_position_percent=policy.max_position_percent,
        max_open_risk_percent=policy.max_open_risk_percent,
        max_daily_loss_percent=policy.max_daily_loss_percent,
        max_weekly_loss_percent=policy.max_weekly_loss_percent,
        max_open_positions=policy.max_open_positions,
    )


def cash_movements_of(account: TradingAccount) -> QuerySet[CashMovement]:
    """The account's cash movements, the newest first, each with its `signed_amount`."""
    return account.cash_movements.annotate(signed_amount=SIGNED_AMOUNT)


def cash_movement_for(user: User, pk: uuid.UUID) -> CashMovement:
    """The user's cash movement with its account. Raises Http404."""
    found = CashMovement.objects.filter(account__owner=user, pk=pk).select_related("account").first()
    if found is None:
        raise Http404
    return found


def cash_total(account: TradingAccount, *, on: date | None = None) -> Decimal:
    """Money that came less money that went, other than by trades, until the end of `on` (a day of the account)."""
    movements = account.cash_movements.filter(Q() if on is None else Q(moved_on__lte=on))
    return movements.aggregate(total=Coalesce(Sum(SIGNED_AMOUNT), NOTHING))["total"]


def account_has_history(account: TradingAccount) -> bool:
    """Whether anything in the account's currency is recorded already."""
    return any(_related(account, name).exists() for name in ("cash_movements", "trades"))


def account_has_working_orders(account: TradingAccount) -> bool:
    """Whether orders are not done yet: at the broker, or on their way to it."""
    return _related(account, "orders").filter(status__in=WORKING).exists()


def first_day_of(account: TradingAccount) -> date | None:
    """The first day on which something is recorded in the account, None for an empty one."""
    days = (("cash_movements", "moved_on"), ("fills", "session"))
    found = [_related(account, name).aggregate(first=Min(column))["first"] for name, column in days]
    return min((day for day in found if day is not None), default=None)


def account_contents(account: TradingAccount) -> list[tuple[int, str]]:
    """How much would be lost with the account, as (count, noun), without what is empty."""
    nouns = (("trades", "trade"), ("fills", "fill"), ("cash_movements", "cash movement"), ("fill_imports", "import"))
    counted = [(_related(account, name).count(), noun) for name, noun in nouns]
    return [(count, noun if count == 1 else f"{noun}s") for count, noun in counted if count]


def _related(account: TradingAccount, name: str) -> Any:
    # Trades and fills are met by the names of their relations alone: accounts may not import them.
    return getattr(account, name)


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """The user's tokens that were not revoked, expired ones too, the newest first."""
    return ApiToken.objects.filter(user=user, revoked_at__isnull=True)


def token_for(user: User, pk: uuid.UUID) -> ApiToken:
    """The user's token, unless it was revoked. Raises Http404."""
    found = tokens_of(user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def notifications_of(user: User) -> QuerySet[Notification]:
    """What the user is told in the app, the newest first."""
    return Notification.objects.filter(user=user, in_app=True)


def webhooks_of(user: User) -> QuerySet[Webhook]:
    """The user's webhooks, the oldest first."""
    return Webhook.objects.filter(user=user)


def webhook_for(user: User, pk: uuid.UUID) -> Webhook:
    """The user's webhook. Raises Http404."""
    found = webhooks_of(user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def webhook_deliveries(webhook: Webhook) -> QuerySet[WebhookDelivery]:
    """What was or is to be sent there, the newest first."""
    return webhook.deliveries.all()


def delivery_for(user: User, pk: uuid.UUID) -> WebhookDelivery:
    """A message to one of the user's webhooks. Raises Http404."""
    found = WebhookDelivery.objects.filter(webhook__user=user, pk=pk).first()
    if found is None:
        raise Http404
    return found


def events_after(place: int, *, most: int) -> list[Event]:
    """Everybody's numbered events behind this place, in order."""
    return list(Event.objects.filter(seq__gt=place).order_by("seq")[:most])


def events_of(user_id: uuid.UUID, *, after: int, until: int, most: int) -> list[Event]:
    """One user's events from behind one place up to another, in order."""
    return list(Event.objects.filter(user_id=user_id, seq__gt=after, seq__lte=until).order_by("seq")[:most])


def event_first() -> int | None:
    """The smallest number that is kept; None where none is."""
    return Event.objects.aggregate(first=Min("seq"))["first"]


def tokens_open(pks: Collection[uuid.UUID], *, now: datetime) -> set[uuid.UUID]:
    """Those of the tokens that still open something."""
    is_open = Q(revoked_at__isnull=True, expires_at__gt=now, user__is_active=True)
    return set(ApiToken.objects.filter(is_open, pk__in=pks).values_list("pk", flat=True))
