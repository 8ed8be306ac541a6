"""Two requests at one moment: each gets its answer or a sentence, never an error, and nothing half done stays."""

import threading
import uuid
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.http import Http404

from accounts import services
from accounts.models import TradingAccount, User
from accounts.services.accounts import AccountTerms, initial_of
from accounts.services.people import user_delete
from tests.factories import make_account, make_plan, make_tag
from tests.trades.desk_kit import NOW, a_plan, at, d, make_fill
from tests.trades.desk_kit import make_plan as plan_made
from tests.trades.import_kit import ROUND_TRIP, no_worker
from trades.imports.refusals import FileRefused
from trades.models import Fill, FillImport, JournalDay, Setup, Tag, Trade
from trades.services.fills import FillInput, fill_create
from trades.services.imports import import_create
from trades.services.journal import DayNotes, day_save
from trades.services.plans import plan_create
from trades.services.setups import SetupInput, setup_create
from trades.services.tags import tag_delete, tag_merge
from trenddojo.domain.errors import DomainError

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = date(2026, 3, 5)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that start together; each answers with its result or what it raised."""
    gate = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait(timeout=20)
            answers[number] = call()
        except Exception as problem:  # noqa: BLE001 - the test looks at what it was
            answers[number] = problem
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def unexpected(answers: list[Any]) -> list[Exception]:
    return [each for each in answers if isinstance(each, Exception) and not isinstance(each, DomainError | Http404)]


def files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def renamed(account: TradingAccount, name: str) -> TradingAccount:
    terms = AccountTerms(**initial_of(account, AccountTerms) | {"name": name})
    return services.account_edit(
        owner=account.owner, pk=account.pk, terms=terms, version=services.version_of(account), today=TODAY
    )


def test_two_accounts_given_one_name(alice: User) -> None:
    accounts = [TradingAccount.objects.get(pk=make_account(alice, name).pk) for name in ("One", "Two", "Three")]
    answers = at_once(*(lambda account=account: renamed(account, "Same") for account in accounts))
    assert unexpected(answers) == []
    codes = sorted(each.code for each in answers if isinstance(each, DomainError))
    assert codes == ["name_taken", "name_taken"]
    assert TradingAccount.objects.filter(name="Same").count() == 1


def test_a_name_taken_between_look_and_write_is_said(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_account(alice, "Same")
    account = TradingAccount.objects.get(pk=make_account(alice, "Other").pk)
    monkeypatch.setattr("accounts.services.accounts._check_name", lambda account: None)
    with pytest.raises(DomainError) as refused:
        renamed(account, "same")
    assert (refused.value.code, refused.value.field) == ("name_taken", "name")


def test_an_upload_sent_twice_is_one_import_with_one_file(alice: User) -> None:
    account, key = make_account(alice), uuid.uuid4()

    def send() -> FillImport:
        file = ContentFile(ROUND_TRIP.encode(), name="fills.csv")
        return import_create(account=account, file=file, creation_key=key, nudge=no_worker)

    answers = at_once(*[send] * 6)
    assert unexpected(answers) == []
    assert {made.pk for made in answers} == set(FillImport.objects.values_list("pk", flat=True))
    assert FillImport.objects.count() == len(files()) == 1


def test_an_upload_under_anothers_key_is_refused_and_leaves_no_file(alice: User, charlie: User) -> None:
    file = ContentFile(ROUND_TRIP.encode(), name="fills.csv")
    made = import_create(account=make_account(charlie), file=file, creation_key=uuid.uuid4(), nudge=no_worker)
    with pytest.raises(FileRefused) as refused:
        import_create(account=make_account(alice), file=file, creation_key=made.creation_key, nudge=no_worker)
    assert refused.value.code == "sent_before"
    assert FillImport.objects.count() == len(files()) == 1


def test_one_form_sent_to_two_accounts_makes_one_plan(alice: User) -> None:
    accounts, key = [make_account(alice, name) for name in ("One", "Two")], uuid.uuid4()
    answers = at_once(
        *(
            lambda account=account: plan_create(owner=alice, plan=a_plan(account), creation_key=key, now=NOW)
            for account in accounts * 2
        )
    )
    assert unexpected(answers) == []
    assert Trade.objects.count() == 1


def test_two_tags_merged_into_each_other_leave_one(alice: User) -> None:
    make_account(alice)
    one, two = make_tag(alice, "one"), make_tag(alice, "two")
    for tag in (one, two):
        page = JournalDay.objects.create(owner=alice, day=date(2026, 3, tag.name == "one" or 2))
        page.tags.add(tag)
    answers = at_once(
        lambda: tag_merge(owner=alice, tag_id=one.pk, into_id=two.pk),
        lambda: tag_merge(owner=alice, tag_id=two.pk, into_id=one.pk),
    )
    assert unexpected(answers) == []
    (left,) = Tag.objects.all()
    assert left.journal_days.count() == 2


def test_a_tag_deleted_while_a_day_is_written_makes_no_error(alice: User) -> None:
    for number in range(5):
        tag, day = make_tag(alice, f"word {number}"), date(2026, 3, 1 + number)
        notes = DayNotes(plan="p", words={"tag": [tag.name, "another"]})
        answers = at_once(
            lambda notes=notes, day=day: day_save(owner=alice, day=day, version=0, notes=notes),
            lambda tag=tag: tag_delete(owner=alice, tag_id=tag.pk),
        )
        assert unexpected(answers) == []


def test_the_same_words_made_in_two_orders_wait_for_each_other(alice: User) -> None:
    for number in range(4):
        words = [f"{number} {letter}" for letter in "abcdefgh"]
        answers = at_once(
            *(
                lambda names=names, day=day: day_save(
                    owner=alice, day=day, version=0, notes=DayNotes(words={"tag": names})
                )
                for day, names in (
                    (date(2026, 3, 1 + number), words),
                    (date(2026, 4, 1 + number), words[::-1]),
                )
            )
        )
        assert unexpected(answers) == []


def test_a_new_setup_sent_twice_at_once_is_one(alice: User) -> None:
    key = uuid.uuid4()
    typed = SetupInput(name="Gap")
    answers = at_once(*[lambda: setup_create(owner=alice, key=key, typed=typed)] * 5)
    assert [each.pk for each in answers] == [key] * 5
    assert Setup.objects.count() == 1


def test_a_user_who_leaves_while_a_fill_comes_in_leaves_nothing(alice: User, password: str) -> None:
    """The fill holds its account's lock while the deletion begins: it ends first, and goes with everything."""
    trade = plan_made(make_account(alice))
    make_fill(trade, "buy", 10, 100, at(2))
    given = FillInput(side="buy", quantity=d(5), price=d(101), executed_at=at(3))
    holding, leaving = threading.Event(), threading.Event()

    def fill() -> None:
        with transaction.atomic():
            fill_create(owner=alice, trade_id=trade.pk, given=given, creation_key=uuid.uuid4(), now=NOW)
            holding.set()
            leaving.wait(timeout=1)

    def leave() -> None:
        holding.wait(timeout=20)
        user_delete(user=alice, typed_username="alice", typed_password=password)
        leaving.set()

    assert unexpected(at_once(fill, leave)) == []
    assert not User.objects.exists()
    assert not Fill.objects.exists()


def test_a_plan_waits_for_no_other_account(alice: User) -> None:
    """The lock of one account is no business of another."""
    one, two = make_account(alice, "One"), make_account(alice, "Two")
    make_plan(one, "AAPL", initial_risk=Decimal(1))
    with transaction.atomic():
        TradingAccount.objects.select_for_update().get(pk=one.pk)
        (answer,) = at_once(
            lambda: plan_create(owner=alice, plan=a_plan(two), creation_key=uuid.uuid4(), now=NOW),
        )
    assert isinstance(answer, Trade)
