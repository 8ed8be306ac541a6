"""Setups with their checklist and their own risk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import Http404

from accounts.models import TradingAccount, User
from trades.models import Setup, SetupCriterion, SetupRisk, Trade
from trades.services.tags import accounts_locked, trades_following
from trenddojo.domain.errors import DomainError


class SetupError(DomainError):
    """A setup that cannot be kept so."""


@dataclass(frozen=True)
class CriterionLine:
    """A line of the checklist as typed; an empty text takes the line away."""

    text: str
    position: int
    is_active: bool = True
    key: UUID | None = None


@dataclass(frozen=True)
class RiskLine:
    """What the setup may risk in one account; None leaves it to the account's policy."""

    risk_per_trade_percent: Decimal | None = None
    max_position_percent: Decimal | None = None


@dataclass(frozen=True)
class SetupInput:
    name: str
    description: str = ""
    is_active: bool = True
    criteria: Sequence[CriterionLine] = ()
    risks: Mapping[UUID, RiskLine] | None = None


@transaction.atomic
def setup_create(*, owner: User, key: UUID, typed: SetupInput) -> Setup:
    """Make a setup under this key; the same form sent twice finds the first. Raises SetupError for a taken name."""
    sent = Setup.objects.filter(pk=key, owner=owner).first()
    if sent is not None:
        return sent
    setup = Setup(pk=key, owner=owner)
    return _save(setup, typed, is_new=True)


@transaction.atomic
def setup_edit(*, owner: User, setup_id: UUID, typed: SetupInput) -> Setup:
    """Change a setup, its checklist and its risks. Raises SetupError for a taken name, Http404 for another's."""
    setup = Setup.objects.select_for_update().filter(pk=setup_id, owner=owner).first()
    if setup is None:
        raise Http404
    return _save(setup, typed, is_new=False)


def _save(setup: Setup, typed: SetupInput, *, is_new: bool) -> Setup:
    setup.name, setup.description, setup.is_active = typed.name, typed.description, typed.is_active
    try:
        with transaction.atomic():
            setup.save(force_insert=is_new)
    except IntegrityError as known:
        raise SetupError("taken", "You already have a setup with this name: choose another one.", "name") from known
    _criteria_save(setup, typed.criteria)
    _risks_save(setup, typed.risks or {})
    return setup


def _criteria_save(setup: Setup, lines: Sequence[CriterionLine]) -> None:
    """Lines keep their key, so that answers stay with them; a line without text goes, its answers keep their words."""
    known = {criterion.pk: criterion for criterion in setup.criteria.all()}
    for number, line in enumerate(sorted(lines, key=lambda line: line.position)):
        if line.key is not None and line.key not in known:
            raise Http404
        if not line.text:
            SetupCriterion.objects.filter(pk=line.key, setup=setup).delete()
            continue
        SetupCriterion.objects.update_or_create(
            pk=line.key or SetupCriterion().pk,
            setup=setup,
            defaults={"text": line.text, "position": number, "is_active": line.is_active},
        )


def _risks_save(setup: Setup, risks: Mapping[UUID, RiskLine]) -> None:
    mine = set(TradingAccount.objects.filter(owner=setup.owner_id, pk__in=risks).values_list("pk", flat=True))
    if mine != set(risks):
        raise Http404
    for account_id, line in risks.items():
        if line == RiskLine():
            SetupRisk.objects.filter(setup=setup, account_id=account_id).delete()
            continue
        columns = {
            "risk_per_trade_percent": line.risk_per_trade_percent,
            "max_position_percent": line.max_position_percent,
        }
        SetupRisk.objects.update_or_create(setup=setup, account_id=account_id, defaults=columns)


@transaction.atomic
def setup_delete(*, owner: User, setup_id: UUID) -> None:
    """Delete a setup; its trades stay, without a setup, with the checklist they were answered by. Raises Http404."""
    setup = Setup.objects.filter(pk=setup_id, owner=owner).first()
    if setup is None:
        raise Http404
    accounts_locked(owner)
    trades = Trade.objects.filter(setup=setup)
    with trades_following(owner, list(trades.values_list("pk", flat=True))):
        trades.update(setup=None, version=F("version") + 1)
        setup.delete()
