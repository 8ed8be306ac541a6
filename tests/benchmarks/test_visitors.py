"""What the measured visitors ask for is what the pages ask for."""

import pytest
from django.test import Client

from benchmarks.load.visitors import changes_address

pytestmark = pytest.mark.django_db


def test_an_open_page_asks_for_changes_where_the_visitors_do(alice_client: Client) -> None:
    asked = alice_client.get(changes_address(alice_client.get("/orders/").content.decode()))
    assert (asked.status_code, asked.content) == (204, b"")


def test_a_page_that_asks_for_none_is_said(alice_client: Client) -> None:
    with pytest.raises(ValueError, match="asks for no changes"):
        changes_address(alice_client.get("/settings/").content.decode())
