"""Webhooks in a real browser, at every width, light and dark."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Webhook, WebhookDelivery
from accounts.services.webhooks import webhook_create
from tests.browser.conftest import Tour

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[[Page, "User"], None]
URL = "https://example.com/a/rather/long/address/that/has/to/wrap/on/a/phone?account=paper&desk=1"


def test_a_webhook_is_added_its_secret_kept_and_a_test_sent(
    page: Page, alice: "User", sign_in: SignIn, live_server: object
) -> None:
    sign_in(page, alice)
    page.goto(f"{live_server}/settings/")
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="Add a webhook").click()
    page.get_by_label("Address").fill("https://example.com/desk")
    page.get_by_label("Name").fill("Ledger")
    page.get_by_label("Positions").uncheck()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_label("Secret")).to_have_value(re.compile(r"^whsec_[A-Za-z0-9+/]{32}$"))
    page.get_by_role("link", name="I have kept it").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("cell", name="desk.test", exact=True)).to_be_visible()
    webhook = Webhook.objects.get(user=alice)
    assert webhook.subjects == ["order", "trade", "notification"]


def test_every_page_of_webhooks_is_fit_to_be_shown(alice: "User", page: Page, sign_in: SignIn, tour: Tour) -> None:
    sign_in(page, alice)
    tour.visit("webhook-list-empty", "/settings/webhooks/")
    tour.visit("webhook-create", "/settings/webhooks/new/")
    page.get_by_label("Address").fill("https://10.0.0.1/")
    tour.send("webhook-create-errors", "Add it")
    webhook, _secret = webhook_create(user=alice, url=URL, subjects=["order", "trade"], description="Ledger")
    failing, _secret = webhook_create(user=alice, url=f"{URL}&second=1", subjects=["order"])
    Webhook.objects.filter(pk=failing.pk).update(
        failures=3, paused_until=timezone.now() + timedelta(minutes=1), failing_since=timezone.now()
    )
    for number, (state, error) in enumerate(
        [("delivered", ""), ("waiting", "No answer in time."), ("failed", "Answered with status 500.")]
    ):
        WebhookDelivery.objects.create(
            webhook=webhook, seq=number, type="order.changed", body={}, state=state, attempts=number + 1,
            last_error=error, last_attempt_at=timezone.now(), next_attempt_at=timezone.now(),
        )  # fmt: skip
    tour.visit("webhook-list", "/settings/webhooks/")
    tour.visit("webhook-detail", f"/settings/webhooks/{webhook.pk}/")
    tour.visit("webhook-detail-failing", f"/settings/webhooks/{failing.pk}/")
    tour.visit("webhook-edit", f"/settings/webhooks/{webhook.pk}/edit/")
    tour.visit("webhook-delete", f"/settings/webhooks/{webhook.pk}/delete/")
    tour.visit("settings", "/settings/")
    tour.visit("webhook-detail-again", f"/settings/webhooks/{webhook.pk}/")
    page.get_by_role("button", name="New secret").click()
    page.get_by_role("dialog").get_by_role("button", name="New secret").click()
    page.get_by_label("Secret").wait_for()
    tour.show("webhook-secret")
