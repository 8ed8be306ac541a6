"""Tags, mistakes and emotions: made by naming them, renamed, merged, deleted, put on trades.

A name's case makes no second tag. Figures are kept by a tag's key, so a new name changes no figure.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.http import Http404

from accounts.models import TradingAccount, User
from accounts.services.errors import check_version
from trades.models import AuditEntry, Tag, TagKind, Trade
from trades.services.audit import audit_record_many
from trades.services.figures import figures_following
from trenddojo.domain.errors import DomainError

LONGEST_NAME = 50
MOST_NAMES = 30


class TagError(DomainError):
    """A tag that cannot be called, merged or put so."""


def tag_names(text: str, *, field: str = "") -> list[str]:
    """The names in a comma-separated text, each once; raises TagError for one that is too long or too many."""
    return names_kept(text.replace("\n", ",").replace(";", ",").split(","), field=field)


def names_kept(texts: Iterable[str], *, field: str = "") -> list[str]:
    """Names as they are kept, each once, without those nothing is left of. Raises as tag_names."""
    found: dict[str, str] = {}
    for text in texts:
        name = tag_name(text, field=field)
        if name:
            found.setdefault(name.casefold(), name)
    if len(found) > MOST_NAMES:
        raise TagError("too_many", f"These are {len(found)} words: {MOST_NAMES} at once are the most.", field)
    return list(found.values())


def tag_name(text: str, *, field: str = "name") -> str:
    """A tag's name as it is kept: composed characters, single spaces, no comma."""
    composed = unicodedata.normalize("NFC", text.replace(",", " "))
    name = " ".join("".join(c if c.isprintable() else " " for c in composed).lstrip("#").split())
    if len(name) > LONGEST_NAME:
        raise TagError("too_long", f"“{name[:20]}…” has {len(name)} characters: {LONGEST_NAME} are the most.", field)
    return name


def tags_named(*, owner: User, kind: str, names: Iterable[str]) -> list[Tag]:
    """The owner's tags of these names; those there are none of are made. The caller is inside a transaction."""
    # Sorted, so that two who make the same names at once wait for each other in one order.
    wanted = sorted(names, key=str.casefold)
    if not wanted:
        return []
    Tag.objects.bulk_create(
        [Tag(owner=owner, kind=kind, name=name) for name in wanted],
        ignore_conflicts=True,
    )
    # Locked until they are put on something: nobody deletes one in between.
    return list(_known(owner, kind, wanted).order_by("pk").select_for_update(no_key=True))


def _known(owner: User, kind: str, names: Iterable[str]) -> QuerySet[Tag]:
    """The owner's tags of these names; case is folded by the database, as in its constraint."""
    folded = [Lower(Value(name)) for name in names]
    return Tag.objects.annotate(folded=Lower("name")).filter(owner=owner, kind=kind, folded__in=folded)


def tag_create(*, owner: User, kind: str, name: str, key: UUID | None = None) -> Tag:
    """Make a tag; the same key a second time returns the first. Raises TagError when the owner has the name."""
    try:
        with transaction.atomic():
            return Tag.objects.create(pk=key or uuid4(), owner=owner, kind=kind, name=_named(name))
    except IntegrityError as known:
        sent = Tag.objects.filter(pk=key, owner=owner).first()
        if sent is None:
            raise _taken(kind, name) from known
        return sent


def tag_edit(*, owner: User, tag_id: UUID, name: str, version: str | None = None) -> Tag:
    """Give a tag another name.

    Raises TagError when another tag of its kind has it, Http404 for another's tag, and StaleVersion where `version`
    (see version_of) is no longer the tag's.
    """
    with transaction.atomic():
        tag = _tags_locked(owner, [tag_id])[tag_id]
        if version is not None:
            check_version(tag, version, {"name": name})
        tag.name = _named(name)
        try:
            with transaction.atomic():
                tag.save(update_fields=["name"])
        except IntegrityError as known:
            raise _taken(tag.kind, name) from known
    return tag


def _named(text: str) -> str:
    name = tag_name(text)
    if not name:
        raise TagError("empty", "Enter a name with at least one letter or digit.", "name")
    return name


def _taken(kind: str, name: str) -> TagError:
    label = TagKind(kind).label.lower()
    return TagError("taken", f"You already have the {label} “{tag_name(name)}”: choose another name, or merge.", "name")


def _tags_locked(owner: User, tag_ids: Sequence[UUID]) -> dict[UUID, Tag]:
    """The owner's tags with their rows locked, in one order; raises Http404 when one of them is gone.

    Whoever puts one of them on a day holds its row too, so nothing is linked to a tag while it goes.
    """
    found = Tag.objects.select_for_update().filter(owner=owner, pk__in=tag_ids).order_by("pk")
    tags = {tag.pk: tag for tag in found}
    if len(tags) < len(tag_ids):
        raise Http404
    return tags


@transaction.atomic
def tag_delete(*, owner: User, tag_id: UUID) -> None:
    """Take a tag off everything and forget it. Raises Http404."""
    accounts_locked(owner)
    tag = _tags_locked(owner, [tag_id])[tag_id]
    carriers = list(tag.trades.values_list("pk", flat=True))
    with _retagged(owner, carriers):
        Tag.objects.filter(pk=tag.pk).delete()


@transaction.atomic
def tag_merge(*, owner: User, tag_id: UUID, into_id: UUID) -> Tag:
    """Put ``into`` wherever the tag is, and forget the tag. Raises TagError for itself, Http404 for another's."""
    if tag_id == into_id:
        raise TagError("itself", "Choose another tag to merge into.", "into")
    accounts_locked(owner)
    tags = _tags_locked(owner, [tag_id, into_id])
    tag, into = tags[tag_id], tags[into_id]
    carriers = list(tag.trades.values_list("pk", flat=True))
    with _retagged(owner, carriers):
        _link(carriers, [into.pk])
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO journal_day_tags (journalday_id, tag_id) SELECT journalday_id, %s FROM journal_day_tags "
                "WHERE tag_id = %s ON CONFLICT DO NOTHING",
                [into.pk, tag.pk],
            )
        Tag.objects.filter(pk=tag.pk).delete()
    return into


@transaction.atomic
def trades_tag(
    *, owner: User, trades: QuerySet[Trade], kind: str, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> int:
    """Put tags on trades by name and take others off, all or none; returns how many trades that changed.

    ``trades`` is read after the accounts are locked, so that a filter means what it finds at that moment. Tags are
    no part of a trade's version: a journal form open meanwhile changes only the tags its writer changed.
    """
    accounts_locked(owner)
    ids = list(trades.filter(owner=owner).order_by().values_list("pk", flat=True))
    on = [tag.pk for tag in tags_named(owner=owner, kind=kind, names=add)]
    off = [tag.pk for tag in _known(owner, kind, remove)]
    changed = _without_all(ids, on) | _with_any(ids, off)
    if not changed:
        return 0
    with _retagged(owner, changed):
        _link(changed, on)
        _unlink(changed, off)
    return len(changed)


@contextmanager
def _retagged(owner: User, trade_ids: Collection[UUID]) -> Iterator[None]:
    """Brackets a change of the tags of trades: the figures follow, and each trade tells its tags before and after."""
    before = _tags_of(trade_ids)
    with trades_following(owner, trade_ids):
        yield
    audit_record_many(
        AuditEntry(
            account_id=account_id,
            trade_id=trade_id,
            actor=owner,
            action="trade.tagged",
            subject_id=trade_id,
            before={"tags": before[trade_id, account_id]},
            after={"tags": names},
        )
        for (trade_id, account_id), names in _tags_of(trade_ids).items()
    )


def _tags_of(trade_ids: Collection[UUID]) -> dict[tuple[UUID, UUID], list[str]]:
    """The names of the tags each trade carries, by trade and its account."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.id, t.account_id, coalesce(array_agg(g.name ORDER BY g.name) FILTER (WHERE g.id IS NOT NULL), "
            "'{}') FROM trades t LEFT JOIN trade_tags c ON c.trade_id = t.id LEFT JOIN tags g ON g.id = c.tag_id "
            "WHERE t.id = ANY(%s) GROUP BY t.id",
            [list(trade_ids)],
        )
        return {(trade_id, account_id): names for trade_id, account_id, names in cursor.fetchall()}


def accounts_locked(owner: User) -> list[TradingAccount]:
    """All accounts of the owner, locked in one order until the end of the transaction."""
    return list(TradingAccount.objects.select_for_update().filter(owner=owner).order_by("pk"))


def trades_following(owner: User, trade_ids: Iterable[UUID]) -> ExitStack:
    """Brackets a change of trades of several accounts, as ``figures_following`` does of one."""
    by_account: dict[TradingAccount, list[UUID]] = defaultdict(list)
    accounts = {account.pk: account for account in TradingAccount.objects.filter(owner=owner)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, id FROM trades WHERE id = ANY(%s)", [list(trade_ids)])
        for account_id, trade_id in cursor.fetchall():
            by_account[accounts[account_id]].append(trade_id)
    with ExitStack() as stack:
        for account, ids in by_account.items():
            stack.enter_context(figures_following(account, ids))
        return stack.pop_all()


def _without_all(trade_ids: Sequence[UUID], tag_ids: Sequence[UUID]) -> set[UUID]:
    """Which of the trades lack at least one of the tags."""
    if not tag_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t FROM unnest(%s::uuid[]) t LEFT JOIN trade_tags g ON g.trade_id = t AND g.tag_id = ANY(%s) "
            "GROUP BY t HAVING count(g.tag_id) < %s",
            [list(trade_ids), list(tag_ids), len(tag_ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def _with_any(trade_ids: Sequence[UUID], tag_ids: Sequence[UUID]) -> set[UUID]:
    """Which of the trades carry at least one of the tags."""
    if not tag_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT trade_id FROM trade_tags WHERE tag_id = ANY(%s) AND trade_id = ANY(%s)",
            [list(tag_ids), list(trade_ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def _link(trade_ids: Iterable[UUID], tag_ids: Sequence[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO trade_tags (trade_id, tag_id) SELECT t, g FROM unnest(%s::uuid[]) t, unnest(%s::uuid[]) g "
            "ON CONFLICT DO NOTHING",
            [list(trade_ids), list(tag_ids)],
        )


def _unlink(trade_ids: Iterable[UUID], tag_ids: Sequence[UUID]) -> None:
    if tag_ids:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM trade_tags WHERE tag_id = ANY(%s) AND trade_id = ANY(%s)", [list(tag_ids), list(trade_ids)]
            )
