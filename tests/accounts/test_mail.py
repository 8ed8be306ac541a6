"""A mail server that is away breaks no page and tells strangers nothing."""

import logging
import smtplib
from typing import Any

import pytest
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from django.urls import reverse

from accounts.adapter import NOT_SENT
from accounts.models import User

pytestmark = pytest.mark.django_db


class AwayBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Any) -> int:
        raise smtplib.SMTPServerDisconnected("mail.example.com hung up on desk:secret")


@pytest.fixture(autouse=True)
def mail_server_is_away(settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.AwayBackend"


def test_a_password_reset_answers_alike_for_known_and_unknown_addresses(
    client: Client, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    alice.email = "alice@example.com"
    alice.save(update_fields=["email"])
    address = reverse("account_reset_password")

    with caplog.at_level(logging.ERROR):
        known = client.post(address, {"email": alice.email}, follow=True)
        unknown = client.post(address, {"email": "stranger@example.com"}, follow=True)

    assert (known.status_code, unknown.status_code) == (200, 200)
    assert known.redirect_chain == unknown.redirect_chain
    assert NOT_SENT not in known.content.decode()
    assert "problem=SMTPServerDisconnected" in caplog.text
    assert "secret" not in caplog.text


def test_a_confirmation_that_could_not_be_sent_is_said_and_the_user_is_made(client: Client) -> None:
    answer = client.post(
        reverse("account_signup"),
        {
            "username": "dora",
            "email": "dora@example.com",
            "password1": "a-long-pass-phrase",
            "password2": "a-long-pass-phrase",
            "timezone": "Europe/Berlin",
        },
        follow=True,
    )

    assert answer.status_code == 200
    assert NOT_SENT in answer.content.decode()
    assert "sent to dora@example.com" not in answer.content.decode()
    assert User.objects.filter(username="dora").exists()


def test_a_changed_password_is_changed_although_its_notice_could_not_be_sent(client: Client, alice: User) -> None:
    alice.set_password("the-old-pass-phrase")
    alice.email = "alice@example.com"
    alice.save()
    client.force_login(alice)

    answer = client.post(
        reverse("account_change_password"),
        {
            "oldpassword": "the-old-pass-phrase",
            "password1": "the-new-pass-phrase",
            "password2": "the-new-pass-phrase",
        },
    )

    assert answer.status_code == 302
    alice.refresh_from_db()
    assert alice.check_password("the-new-pass-phrase")
