"""Every page the navigation leads to, with a year of trades: shown at each width in light and dark, and checked by axe."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from django.urls import reverse
from playwright.sync_api import Page

from trades.demo.writing import demo_write
from trenddojo.templatetags.page import NAVIGATION

if TYPE_CHECKING:
    from accounts.models import User

PAGES = [name for section in NAVIGATION.values() for name, _, _ in section if not name.startswith("admin:")]


@pytest.mark.django_db(transaction=True)
def test_every_page_of_the_navigation_is_fit_to_be_shown(
    page: Page,
    bob: "User",
    sign_in: "Callable[[Page, User], None]",
    visit: Callable[[Page, str], None],
    screenshots: Callable[[Page, str], None],
) -> None:
    with transaction.atomic():
        demo_write(bob, until=date(2026, 10, 30))
    sign_in(page, bob)
    refused: list[str] = []

    for name in PAGES:
        try:
            visit(page, reverse(name))
            screenshots(page, name.replace(":", "-"))
        except AssertionError as problem:
            refused.append(f"{name}: {problem}")

    assert not refused, "\n".join(refused)
