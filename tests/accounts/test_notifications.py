"""A trader is told each thing once, in the ways they chose, and nobody else is."""

import smtplib
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
import redis
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Notification, NotificationKind, User
from accounts.services import notifications as services
from accounts.services.notifications import Choice, choices_of, choices_save, notifications_mail, notify, unread_count

pytestmark = pytest.mark.django_db


def tell(user: User, key: str = "one", **changes: Any) -> None:
    notify(user=user, **({"kind": "connection", "key": key, "title": "Disconnected", "text": "Reconnect."} | changes))


class TestTelling:
    def test_the_same_thing_is_told_once(self, alice: User, charlie: User) -> None:
        tell(alice)
        tell(alice, title="Otherwise")
        tell(charlie)

        assert list(Notification.objects.filter(user=alice).values_list("title", flat=True)) == ["Disconnected"]
        assert Notification.objects.filter(user=charlie).count() == 1

    def test_what_did_not_happen_is_not_told(self, alice: User) -> None:
        def fails() -> None:
            with transaction.atomic():
                tell(alice)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fails()

        assert not Notification.objects.exists()

    @pytest.mark.parametrize(
        ("choice", "told"),
        [
            (Choice("connection"), [(True, True)]),
            (Choice("connection", by_email=False), [(True, False)]),
            (Choice("connection", in_app=False), [(False, True)]),
            (Choice("connection", in_app=False, by_email=False), []),
        ],
    )
    def test_it_is_told_as_the_trader_chose(self, alice: User, choice: Choice, told: list[tuple[bool, bool]]) -> None:
        choices_save(user=alice, choices=[choice])
        choices_save(user=alice, choices=[choice])

        tell(alice)

        assert list(Notification.objects.values_list("in_app", "by_email")) == told
        assert choices_of(alice)["connection"] == choice
        assert choices_of(alice)["risk"] == Choice("risk")

    def test_long_words_are_cut_and_lines_joined(self, alice: User) -> None:
        tell(alice, title="a\nb " + "x" * 200, text="y" * 600)

        told = Notification.objects.get()
        assert (len(told.title), told.title[:4], len(told.text)) == (120, "a b ", 500)


class TestMail:
    def test_each_leaves_once(self, alice: User, mailoutbox: list[Any]) -> None:
        tell(alice)

        assert (notifications_mail(), notifications_mail()) == (1, 0)

        (mail,) = mailoutbox
        assert (mail.subject, mail.to) == ("[TrendDojo] Disconnected", ["alice@example.com"])
        assert mail.body.startswith("Reconnect.\n\nOpen TrendDojo to see it.")

    def test_only_so_many_leave_at_a_time_the_oldest_first(self, alice: User, mailoutbox: list[Any]) -> None:
        for number in range(3):
            tell(alice, str(number), title=str(number))

        assert [notifications_mail(limit=2), notifications_mail(limit=2)] == [2, 1]
        assert [mail.subject for mail in mailoutbox] == [f"[TrendDojo] {number}" for number in range(3)]

    def test_a_mail_server_that_is_away_leaves_them_waiting(self, alice: User, mailoutbox: list[Any]) -> None:
        tell(alice)
        with mock.patch("django.core.mail.backends.locmem.EmailBackend.open", side_effect=ConnectionRefusedError):
            assert notifications_mail() == 0
        assert Notification.objects.get().emailed_at is None

        assert notifications_mail() == 1
        assert len(mailoutbox) == 1

    def test_a_mail_that_failed_on_its_way_is_not_sent_again_and_stops_no_other(
        self, alice: User, mailoutbox: list[Any]
    ) -> None:
        tell(alice, "1")
        tell(alice, "2")
        send = "django.core.mail.backends.locmem.EmailBackend.send_messages"
        with mock.patch(send, side_effect=[smtplib.SMTPServerDisconnected, 1]):
            assert notifications_mail() == 1

        assert (notifications_mail(), len(mailoutbox)) == (0, 0)

    def test_news_of_yesterday_is_not_mailed(self, alice: User, mailoutbox: list[Any]) -> None:
        tell(alice)
        Notification.objects.update(created_at=timezone.now() - timedelta(hours=25))

        assert (notifications_mail(), len(mailoutbox)) == (0, 0)

    def test_a_trader_without_an_address_is_told_in_the_app(self, alice: User, mailoutbox: list[Any]) -> None:
        alice.email = ""
        alice.save()
        tell(alice)

        assert notifications_mail() == 0
        assert Notification.objects.get().in_app


class TestUnread:
    def test_is_counted_at_once_after_telling_and_reading(
        self, alice: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        assert unread_count(alice) == 0
        with django_capture_on_commit_callbacks(execute=True):
            tell(alice, "1")
            tell(alice, "2")
        assert unread_count(alice) == 2

        with django_capture_on_commit_callbacks(execute=True):
            services.notification_read(user=alice, pk=Notification.objects.first().pk)
        assert unread_count(alice) == 1

    def test_costs_a_page_no_query_once_it_is_known(self, alice: User, django_assert_num_queries: Any) -> None:
        unread_count(alice)
        with django_assert_num_queries(0):
            unread_count(alice)

    def test_is_still_right_without_the_cache(self, alice: User) -> None:
        tell(alice)
        with (
            mock.patch.object(cache, "get", side_effect=redis.ConnectionError),
            mock.patch.object(cache, "set", side_effect=redis.ConnectionError),
            mock.patch.object(cache, "delete", side_effect=redis.ConnectionError),
        ):
            assert unread_count(alice) == 1


class TestPages:
    def test_the_list_shows_the_newest_first_and_counts_the_new_ones_in_the_navigation(
        self, alice: User, alice_client: Client, django_assert_num_queries: Any
    ) -> None:
        assert "Nothing to tell" in alice_client.get("/notifications/").content.decode()
        for number in range(30):
            tell(alice, str(number), title=f"Told {number:02}")
        choices_save(user=alice, choices=[Choice("risk", in_app=False)])
        tell(alice, "mail only", kind="risk", title="By mail only")
        cache.delete(f"unread:{alice.pk}")

        with django_assert_num_queries(5):
            page = alice_client.get("/notifications/").content.decode()

        assert page.index("Told 29") < page.index("Told 05")
        assert "Told 04" not in page
        assert "By mail only" not in page
        assert '<span class="badge desk-count">30<span' in page
        assert "Told 04" in alice_client.get("/notifications/?page=2").content.decode()

    def test_opening_one_marks_it_and_leads_to_its_page(self, alice: User, alice_client: Client) -> None:
        tell(alice, path="/connections/")
        one = Notification.objects.get()

        response = alice_client.post(f"/notifications/{one.pk}/read/")

        assert (response.status_code, response["Location"]) == (302, "/connections/")
        one.refresh_from_db()
        first = one.read_at
        assert first is not None
        alice_client.post(f"/notifications/{one.pk}/read/")
        one.refresh_from_db()
        assert one.read_at == first

    @pytest.mark.parametrize("path", ["", "https://example.com/", "//example.com"])
    def test_it_never_leads_away_from_the_desk(self, alice: User, alice_client: Client, path: str) -> None:
        tell(alice, path=path)

        response = alice_client.post(f"/notifications/{Notification.objects.get().pk}/read/")

        assert response["Location"] == "/notifications/"

    def test_marking_all_spares_what_came_after_the_page_was_shown(self, alice: User, alice_client: Client) -> None:
        tell(alice, "1")
        shown = Notification.objects.get()
        tell(alice, "2")

        alice_client.post("/notifications/read/", {"until": str(shown.pk)})
        assert list(Notification.objects.filter(read_at=None).values_list("key", flat=True)) == ["2"]

        alice_client.post("/notifications/read/", {"until": "nonsense"})
        assert not Notification.objects.filter(read_at=None).exists()

    def test_anothers_notifications_stay_unread(self, alice: User, charlie_client: Client) -> None:
        tell(alice)
        one = Notification.objects.get()

        charlie_client.post("/notifications/read/", {"until": str(one.pk)})
        charlie_client.post("/notifications/read/")

        one.refresh_from_db()
        assert one.read_at is None
        assert charlie_client.post(f"/notifications/{uuid4()}/read/").status_code == 404

    def test_every_kind_is_chosen_for_app_and_mail(self, alice: User, alice_client: Client) -> None:
        page = alice_client.get("/notifications/settings/").content.decode()
        assert page.count("checked") == 2 * len(NotificationKind)
        assert 'aria-label="A broker connection needs you: by e-mail"' in page

        response = alice_client.post("/notifications/settings/", {"connection-app": "on", "risk-email": "on"})

        assert response.status_code == 302
        chosen = choices_of(alice)
        assert chosen["connection"] == Choice("connection", in_app=True, by_email=False)
        assert chosen["risk"] == Choice("risk", in_app=False, by_email=True)
        assert chosen["position"] == Choice("position", in_app=False, by_email=False)
        assert alice_client.get("/notifications/settings/").content.decode().count("checked") == 2
