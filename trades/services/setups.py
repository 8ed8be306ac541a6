"""Setups with their checklist and their own risk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import Http404

from accounts.models import TradingAccount, User
from trades.models import AuditEntry, Setup, SetupCriterion, SetupRisk, Trade
from trades.services.audit import audit_record_many
from trades.services.tags import accounts_locked, trades_following
from trenddojo.domain.errors import DomainError


class SetupError(DomainError):
    """A setup that cannot be kept so."""


class StaleSetup(SetupError):
    """Somebody else wrote the setup since it was read; `version` is what it is now, `setup` what it says."""

    def __init__(self, setup: Setup, version: str) -> None:
        super().__init__(
            "stale",
            "This setup was changed elsewhere since you opened this page, and nothing was saved. "
            f"{_told(setup)} Your entries are kept: look at them, then save again.",
        )
        self.setup, self.version = setup, version


def _told(setup: Setup) -> str:
    lines = [f"“{line.text}”" for line in setup.criteria.all() if line.is_active]
    return f"It is now “{setup.name}”, and its checklist is {', '.join(lines) or 'empty'}."


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
    version: str = ""


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
    """Change a setup, its checklist and its risks; what is kept already is kept once.

    Raises StaleSetup when it was written since `typed.version`, SetupError for a taken name, Http404 for another's.
    """
    # A plan is checked against a setup's risks, and answers its criteria, under its account's lock.
    accounts_locked(owner)
    setup = Setup.objects.select_for_update().filter(pk=setup_id, owner=owner).first()
    if setup is None:
        raise Http404
    version = setup_version(setup)
    if typed.version != version:
        if _says(setup) == _typed_words(setup, typed):
            return setup
        raise StaleSetup(setup, version)
    return _save(setup, typed, is_new=False)


@transaction.atomic
def setup_change(*, owner: User, setup_id: UUID, changes: Mapping[str, Any], version: str) -> Setup:
    """Change what is named of SetupInput and leave the rest; criteria and risks are all there are to be.

    Raises as setup_edit.
    """
    accounts_locked(owner)
    setup = Setup.objects.filter(pk=setup_id, owner=owner).first()
    if setup is None:
        raise Http404
    typed = SetupInput(
        name=changes.get("name", setup.name),
        description=changes.get("description", setup.description),
        is_active=changes.get("is_active", setup.is_active),
        criteria=_lines_after(setup, changes.get("criteria")),
        risks=_risks_after(setup, changes.get("risks")),
        version=version,
    )
    return setup_edit(owner=owner, setup_id=setup_id, typed=typed)


def _lines_after(setup: Setup, wanted: Sequence[CriterionLine] | None) -> list[CriterionLine]:
    """The lines wanted, and without text those that are to go; without a wish the lines there are."""
    known = list(setup.criteria.all())
    if wanted is None:
        return [CriterionLine(line.text, number, line.is_active, line.pk) for number, line in enumerate(known)]
    kept = {line.key for line in wanted}
    return [*wanted, *(CriterionLine("", len(wanted), key=line.pk) for line in known if line.pk not in kept)]


def _risks_after(setup: Setup, wanted: Mapping[UUID, RiskLine] | None) -> dict[UUID, RiskLine]:
    if wanted is None:
        return {}
    return {**{risk.account_id: RiskLine() for risk in setup.risks.all()}, **wanted}


def setup_version(setup: Setup) -> str:
    """A short digest of everything the page of a setup shows: two readers of the same setup hold the same version."""
    lines = list(setup.criteria.order_by("pk").values_list("pk", "text", "position", "is_active"))
    words = (setup.name, setup.description, setup.is_active, lines, sorted(_risk_lines(setup).items()))
    return sha256(repr(words).encode()).hexdigest()[:16]


def _risk_lines(setup: Setup) -> dict[str, tuple[str, str]]:
    return {
        str(risk.account_id): (str(risk.risk_per_trade_percent), str(risk.max_position_percent))
        for risk in setup.risks.all()
    }


Words = tuple[str, str, bool, list[tuple[str, bool]], dict[UUID, RiskLine]]


def _says(setup: Setup) -> Words:
    risks = {
        risk.account_id: RiskLine(risk.risk_per_trade_percent, risk.max_position_percent) for risk in setup.risks.all()
    }
    lines = [(line.text, line.is_active) for line in setup.criteria.order_by("position", "text")]
    return setup.name, setup.description, setup.is_active, lines, risks


def _typed_words(setup: Setup, typed: SetupInput) -> Words:
    """What was typed in the shape of `_says`; accounts the page did not show keep their risk."""
    shown = {key: line for key, line in (typed.risks or {}).items() if line != RiskLine()}
    others = {key: line for key, line in _says(setup)[4].items() if key not in (typed.risks or {})}
    lines = sorted((line for line in typed.criteria if line.text), key=lambda line: line.position)
    words = [(line.text, line.is_active) for line in lines]
    return typed.name, typed.description, typed.is_active, words, {**others, **shown}


def _save(setup: Setup, typed: SetupInput, *, is_new: bool) -> Setup:
    setup.name, setup.description, setup.is_active = typed.name, typed.description, typed.is_active
    try:
        with transaction.atomic():
            setup.save(force_insert=is_new)
    except IntegrityError as known:
        first = Setup.objects.filter(pk=setup.pk, owner=setup.owner_id).first() if is_new else None
        if first is not None:
            # The same form, sent twice at once.
            return first
        raise SetupError("taken", "You already have a setup with this name: choose another one.", "name") from known
    _criteria_save(setup, typed.criteria)
    _risks_save(setup, typed.risks or {})
    return setup


def _criteria_save(setup: Setup, lines: Sequence[CriterionLine]) -> None:
    """Lines keep their key, so that answers stay with them; a line without text goes, its answers keep their words."""
    known = {criterion.pk: criterion for criterion in setup.criteria.all()}
    for number, line in enumerate(sorted(lines, key=lambda line: line.position)):
        key = line.key if line.key in known else None
        if line.key is not None and key is None and SetupCriterion.objects.filter(pk=line.key).exists():
            raise Http404
        if not line.text:
            SetupCriterion.objects.filter(pk=key, setup=setup).delete()
            continue
        # A line that was removed elsewhere and is typed here again is a new one.
        SetupCriterion.objects.update_or_create(
            pk=key or SetupCriterion().pk,
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
    account_of = dict(trades.values_list("pk", "account_id"))
    with trades_following(owner, account_of):
        trades.update(setup=None, version=F("version") + 1)
        setup.delete()
    audit_record_many(
        AuditEntry(
            account_id=account_id,
            trade_id=trade_id,
            actor=owner,
            action="setup.deleted",
            subject_id=setup_id,
            before={"setup": setup.name},
            after={"setup": ""},
        )
        for trade_id, account_id in account_of.items()
    )
