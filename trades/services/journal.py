"""What a trader writes: notes, rating, words and checklist of a trade, and the page of a day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.http import Http404

from accounts.models import User
from trades.models import ChecklistAnswer, JournalDay, SetupCriterion, Tag, TagKind, Trade
from trades.services.audit import audit_record
from trades.services.claims import trade_locked, trade_write
from trades.services.errors import StaleVersion, TradeError
from trades.services.figures import figures_following
from trades.services.tags import tags_named

NOTES = ("thesis", "notes_during", "notes_after")
ANSWER, CRITERION = "answer", "criterion"


@dataclass(frozen=True)
class TradeNotes:
    """The journal of a trade as typed. ``words`` are names by kind; ``met`` are keys of ``checklist_of``.

    ``words_before`` are the names the form was opened with: only what its writer changed is changed. None: all of
    ``words``, and nothing else, is meant.
    """

    thesis: str = ""
    notes_during: str = ""
    notes_after: str = ""
    rating: int | None = None
    words: dict[str, list[str]] = field(default_factory=dict)
    words_before: dict[str, list[str]] | None = None
    met: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DayNotes:
    """The page of a day as typed."""

    plan: str = ""
    review: str = ""
    rating: int | None = None
    words: dict[str, list[str]] = field(default_factory=dict)
    words_before: dict[str, list[str]] | None = None


@dataclass(frozen=True)
class ChecklistLine:
    """A criterion of a trade: as worded when it was answered, or of its setup when it was not yet."""

    key: str
    text: str
    is_met: bool


class StaleDay(StaleVersion):
    """The page of a day was written elsewhere since it was read."""

    def __init__(self, current: JournalDay) -> None:
        super().__init__()
        self.sentence = (
            "This day was changed elsewhere since you opened this page. "
            "Your entries are kept: look at what changed, then save again."
        )
        self.day = current


def checklist_of(trade: Trade) -> list[ChecklistLine]:
    """The trade's checklist: its answers, then the criteria of its setup it has not answered."""
    answers = list(trade.checklist.order_by("position", "pk"))
    lines = [ChecklistLine(f"{ANSWER}-{answer.pk}", answer.text, answer.is_met) for answer in answers]
    return lines + [ChecklistLine(f"{CRITERION}-{row.pk}", row.text, False) for row in _unanswered(trade, answers)]


def _unanswered(trade: Trade, answers: Iterable[ChecklistAnswer]) -> list[SetupCriterion]:
    if trade.setup_id is None:
        return []
    answered = {answer.criterion_id for answer in answers}
    active = SetupCriterion.objects.filter(setup_id=trade.setup_id, is_active=True)
    return [criterion for criterion in active if criterion.pk not in answered]


@transaction.atomic
def journal_save(*, owner: User, trade_id: UUID, version: int, notes: TradeNotes) -> Trade:
    """Keep the journal of a trade. What is kept already is kept once: a form sent twice changes nothing.

    Raises StaleVersion when the trade was written since ``version``, Http404 for another's trade.
    """
    trade = trade_locked(owner=owner, trade_id=trade_id)
    columns = {name: getattr(notes, name) for name in (*NOTES, "rating")}
    has_same_columns = all(getattr(trade, name) == value for name, value in columns.items())
    tags = list(trade.tags.all())
    words = _merged(tags, notes)
    has_same_words = _names_of(tags) == _folded(words)
    lines = checklist_of(trade)
    met = notes.met & {line.key for line in lines}
    has_same_checklist = met == {line.key for line in lines if line.is_met}
    if has_same_columns and has_same_words and has_same_checklist:
        return trade
    if trade.version != version:
        raise StaleVersion(trade)
    before = _told(trade)
    if has_same_words and has_same_checklist:
        trade_write(trade, columns)
    else:
        with figures_following(trade.account, [trade.pk]):
            trade.tags.set(_tags(owner, words))
            _checklist_write(trade, met)
            trade_write(trade, columns)
    _audit(trade, owner, before)
    return trade


@transaction.atomic
def words_change(*, owner: User, trade: Trade, changes: Mapping[str, Any]) -> Trade:
    """Change some of a trade's journal: of NOTES, rating, tag_ids (all its tags) and criteria (ids of those that are
    met) what is named, and nothing else.

    Raises StaleVersion when the trade was written since it was read, Http404 for another's trade or tag, and TradeError
    (unknown_criterion) for one that is not on the trade's checklist.
    """
    if not changes:
        return trade
    columns = {name: changes.get(name, getattr(trade, name)) for name in (*NOTES, "rating")}
    tags = tags_chosen(owner, changes["tag_ids"]) if "tag_ids" in changes else list(trade.tags.all())
    words = words_of(tags)
    if "criteria" in changes:
        met = _met_of(trade, frozenset(changes["criteria"]))
    else:
        met = frozenset(line.key for line in checklist_of(trade) if line.is_met)
    notes = TradeNotes(**columns, words=words, met=met)
    return journal_save(owner=owner, trade_id=trade.pk, version=trade.version, notes=notes)


def _met_of(trade: Trade, wanted: frozenset[UUID]) -> frozenset[str]:
    """The keys of the checklist's lines with these criteria."""
    answers = list(trade.checklist.all())
    keys = {answer.criterion_id: f"{ANSWER}-{answer.pk}" for answer in answers if answer.criterion_id}
    keys |= {row.pk: f"{CRITERION}-{row.pk}" for row in _unanswered(trade, answers)}
    if wanted - keys.keys():
        raise TradeError("unknown_criterion", "Name criteria of the trade's own setup.", "criteria")
    return frozenset(keys[key] for key in wanted)


def tags_chosen(owner: User, tag_ids: Iterable[UUID]) -> list[Tag]:
    """The owner's tags with these ids. Raises Http404 when one of them is not the owner's."""
    wanted = set(tag_ids)
    found = list(Tag.objects.filter(owner=owner, pk__in=wanted))
    if len(found) < len(wanted):
        raise Http404
    return found


def words_of(tags: Iterable[Tag]) -> dict[str, list[str]]:
    """The names of tags by their kind."""
    words: dict[str, list[str]] = {}
    for tag in tags:
        words.setdefault(str(tag.kind), []).append(tag.name)
    return words


def _told(trade: Trade) -> dict[str, Any]:
    """The journal of a trade as it is kept now."""
    columns = {name: getattr(trade, name) for name in (*NOTES, "rating")}
    checklist = dict(trade.checklist.order_by("position", "pk").values_list("text", "is_met"))
    return {**columns, "tags": sorted(trade.tags.values_list("name", flat=True)), "checklist": checklist}


def _audit(trade: Trade, actor: User, before: dict[str, Any]) -> None:
    """What was written before stays readable; long notes that did not change are not copied."""
    after = _told(trade)
    changed = [name for name in after if after[name] != before[name]]
    audit_record(
        account=trade.account,
        actor=actor,
        action="journal.edited",
        subject=trade,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
        trade_id=trade.pk,
    )


def _checklist_write(trade: Trade, met: frozenset[str]) -> None:
    answers = list(trade.checklist.all())
    for answer in answers:
        answer.is_met = f"{ANSWER}-{answer.pk}" in met
    ChecklistAnswer.objects.bulk_update(answers, ["is_met"])
    after = max((answer.position for answer in answers), default=-1) + 1
    ChecklistAnswer.objects.bulk_create(
        ChecklistAnswer(
            trade=trade,
            criterion=criterion,
            text=criterion.text,
            position=after + number,
            is_met=f"{CRITERION}-{criterion.pk}" in met,
        )
        for number, criterion in enumerate(_unanswered(trade, answers))
    )


@transaction.atomic
def day_save(*, owner: User, day: date, version: int, notes: DayNotes) -> JournalDay:
    """Keep the page of a day; ``version`` 0 means that there was none. Raises StaleDay."""
    page, is_new = JournalDay.objects.get_or_create(owner=owner, day=day)
    page = JournalDay.objects.select_for_update().get(pk=page.pk)
    columns: dict[str, Any] = {"plan": notes.plan, "review": notes.review, "rating": notes.rating}
    is_same = all(getattr(page, name) == value for name, value in columns.items())
    tags = list(page.tags.all())
    words = _merged(tags, notes)
    if is_same and _names_of(tags) == _folded(words):
        return page
    if not is_new and page.version != version and not _is_blank(page):
        raise StaleDay(page)
    JournalDay.objects.filter(pk=page.pk).update(**columns, version=F("version") + 1, updated_at=Now())
    page.tags.set(_tags(owner, words))
    page.refresh_from_db()
    return page


def _is_blank(page: JournalDay) -> bool:
    """A page made only to hold a screenshot: nobody's text is written over."""
    return not (page.plan or page.review or page.rating or page.tags.exists())


def _tags(owner: User, words: dict[str, list[str]]) -> list[Tag]:
    return [tag for kind in TagKind for tag in tags_named(owner=owner, kind=kind, names=words.get(kind, []))]


def _merged(tags: Iterable[Tag], notes: TradeNotes | DayNotes) -> dict[str, list[str]]:
    """The words as they are to be: those there are now, less what the writer took off, with what the writer put on."""
    if notes.words_before is None:
        return notes.words
    before, typed = _folded(notes.words_before), _folded(notes.words)
    words = {
        str(kind): [name for name in names if (str(kind), name.casefold()) not in before]
        for kind, names in notes.words.items()
    }
    for tag in tags:
        folded = (str(tag.kind), tag.name.casefold())
        if folded in typed or folded not in before:
            words.setdefault(str(tag.kind), []).append(tag.name)
    return words


def _names_of(tags: Iterable[Tag]) -> set[tuple[str, str]]:
    return {(str(tag.kind), tag.name.casefold()) for tag in tags}


def _folded(words: dict[str, list[str]]) -> set[tuple[str, str]]:
    return {(str(kind), name.casefold()) for kind, names in words.items() for name in names}
