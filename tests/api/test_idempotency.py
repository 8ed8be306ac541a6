"""A request that creates, sent again with its key: once done, and answered the same."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import IdempotencyKey
from accounts.services import idempotency
from accounts.services.idempotency import (
    DEAD_AFTER,
    Answer,
    answer_claim,
    answer_keep,
    claim_forget,
    claim_release,
    idempotency_clean,
)
from tests.api.kit import Api, api_for, error
from trades.api import tags
from trades.models import Tag
from trenddojo.api.errors import Reason, Refused, Unavailable

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "order-1"}
BODY = {"name": "gap"}


def put(api: Api, body: Any = None, key: str = "order-1") -> Any:
    return api.post("/tags/", BODY if body is None else body, headers={"Idempotency-Key": key})


def test_the_first_answer_is_replayed_whatever_happened_since(api, alice):
    first = put(api)
    Tag.objects.filter(owner=alice).delete()
    again = put(api, '{ "name" : "gap" }')
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert (again["Idempotency-Replayed"], again["ETag"]) == ("true", first["ETag"])
    assert again["Content-Type"] == first["Content-Type"]
    assert not Tag.objects.exists()


def test_an_answer_that_no_longer_opens_is_said_and_nothing_is_done_again(api, alice, settings):
    put(api)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "n" * 50
    assert error(put(api)) == (409, "answer_lost", None)
    assert error(put(api, {"name": "other"})) == (409, "answer_lost", None)
    # With the old key kept, it is answered as before.
    settings.SECRET_KEY_FALLBACKS = [old]
    assert (put(api).status_code, put(api)["Idempotency-Replayed"]) == (201, "true")
    assert Tag.objects.filter(owner=alice).count() == 1


def test_another_body_or_address_with_the_key_is_refused(api, alice):
    put(api)
    assert error(put(api, {"name": "other"})) == (422, "idempotency_key_reused", None)
    other = api.post("/accounts/", {"name": "gap"}, headers=KEY)
    assert error(other) == (422, "idempotency_key_reused", None)
    assert (Tag.objects.count(), alice.trading_accounts.count()) == (1, 0)


def test_the_same_key_of_another_user_is_another_key(api, stranger, alice, charlie):
    assert put(api).json()["id"] != put(stranger).json()["id"]
    assert (Tag.objects.filter(owner=alice).count(), Tag.objects.filter(owner=charlie).count()) == (1, 1)


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "schl\u00fcssel", "tab\tbed"])
def test_a_key_that_is_none_is_refused(api, key):
    assert error(put(api, key=key)) == (400, "bad_idempotency_key", None)
    assert not Tag.objects.exists()


def test_without_a_key_each_request_is_its_own(api):
    assert api.post("/tags/", {"name": "a"}).status_code == api.post("/tags/", {"name": "b"}).status_code == 201
    assert not IdempotencyKey.objects.exists()


def test_a_request_still_in_progress_is_waited_for_and_then_told(api, alice, monkeypatch):
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0)
    put(api)
    IdempotencyKey.objects.update(status=None, body="", claimed_at=timezone.now())
    answer = put(api)
    assert error(answer) == (409, "in_progress", None)
    assert answer["Retry-After"] == "1"
    assert Tag.objects.count() == 1


def test_the_claim_of_a_process_that_died_is_taken_over_with_the_same_id(api, alice):
    first = put(api)
    IdempotencyKey.objects.update(status=None, body="", claimed_at=timezone.now() - DEAD_AFTER - timedelta(seconds=1))
    again = put(api)
    assert (again.status_code, again.json()) == (201, first.json())
    assert "Idempotency-Replayed" not in again
    assert Tag.objects.count() == 1


def test_a_refusal_after_a_process_died_keeps_the_key_for_what_that_may_have_made(api, alice, monkeypatch):
    made = put(api).json()["id"]
    IdempotencyKey.objects.update(status=None, body="", claimed_at=timezone.now() - DEAD_AFTER - timedelta(seconds=1))

    def refuses(**_: Any) -> Any:
        raise Refused([Reason("closed", "Not now.")])

    monkeypatch.setattr(tags, "tag_create", refuses)
    assert error(put(api)) == (422, "closed", None)
    monkeypatch.undo()
    assert (put(api).json()["id"], Tag.objects.count(), IdempotencyKey.objects.count()) == (made, 1, 1)


def test_two_that_find_a_dead_claim_do_not_both_take_it(alice, monkeypatch):
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0)
    claim = answer_claim(user=alice, key="k", fingerprints=["f"])
    IdempotencyKey.objects.update(claimed_at=timezone.now() - DEAD_AFTER - timedelta(seconds=1))
    taken = answer_claim(user=alice, key="k", fingerprints=["f"])
    assert taken.id == claim.id
    # Whoever was slow and not dead gives nothing of the other's back.
    claim_forget(claim)
    claim_release(claim)
    with pytest.raises(idempotency.StillWorking):
        answer_claim(user=alice, key="k", fingerprints=["f"])


@pytest.mark.parametrize("problem", [RuntimeError("lost"), Unavailable("The broker does not answer.")])
def test_an_error_of_ours_keeps_the_id_for_the_same_request(api, alice, monkeypatch, problem):
    made: list[UUID] = []
    create = tags.tag_create

    def fails_after_writing(**given: Any) -> Any:
        made.append(given["key"])
        create(**given)
        raise problem

    api.client.raise_request_exception = False
    monkeypatch.setattr(tags, "tag_create", fails_after_writing)
    assert put(api).status_code in {500, 503}
    monkeypatch.undo()
    again = put(api)
    assert (again.status_code, again.json()["id"]) == (201, str(made[0]))
    assert Tag.objects.count() == 1


def test_a_refusal_leaves_the_key_free(api):
    assert error(put(api, {"name": ""})) == (400, "blank", "name")
    assert put(api).status_code == 201


def test_what_was_sent_and_answered_is_not_readable_at_rest(api):
    answer = put(api)
    kept = IdempotencyKey.objects.get()
    assert answer.json()["id"] not in kept.body
    assert "gap" not in kept.body + kept.fingerprint
    assert (kept.status, len(kept.fingerprint)) == (201, 64)


def test_a_fingerprint_cannot_be_guessed_without_the_desks_key(api, settings):
    put(api)
    first = IdempotencyKey.objects.get().fingerprint
    IdempotencyKey.objects.all().delete()
    Tag.objects.all().delete()
    settings.SECRET_KEY = "another key of this desk, as long as it has to be, and longer"
    put(api)
    assert IdempotencyKey.objects.get().fingerprint != first


def test_keys_are_kept_for_two_days_at_least(api, alice):
    put(api)
    now = timezone.now()
    assert idempotency_clean(now=now + timedelta(hours=47)) == 0
    assert isinstance(
        answer_claim(user=alice, key="order-1", fingerprints=[IdempotencyKey.objects.get().fingerprint]), Answer
    )
    assert idempotency_clean(now=now + timedelta(hours=49)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("turns_for_all")
def test_twenty_at_once_make_one_and_are_answered_the_same(alice):
    api = api_for(alice)
    text = api.client.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    gate, answers = threading.Barrier(20), []

    def send() -> None:
        program = Api(text)
        gate.wait()
        answers.append(put(program))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sorted(answer.get("Idempotency-Replayed", "") for answer in answers) == [""] + ["true"] * 19
    assert Tag.objects.filter(owner=alice).count() == 1


@pytest.mark.django_db(transaction=True)
def test_only_the_claim_and_the_answer_do_not_wait_for_the_disk(alice):
    def awaited() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            (found,) = cursor.fetchone()
            return str(found)

    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    claim = answer_claim(user=alice, key="order-1", fingerprints=["body"])
    assert awaited() == "on"
    answer_keep(claim, Answer(201, {}, b"{}"))
    assert awaited() == "on"
    assert answer_claim(user=alice, key="order-1", fingerprints=["body"]) == Answer(201, {}, b"{}")
    connection.close()
