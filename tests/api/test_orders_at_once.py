"""The same order sent many times at one moment, with real threads on a real database."""

import threading

import pytest
from django.db import connection

from tests.api.kit import api_for
from tests.api.orders_kit import order_body
from tests.trades.orders.kit import connected_account
from trades.models import Order, OrderEvent

pytestmark = pytest.mark.django_db(transaction=True)


def test_twenty_identical_posts_at_once_place_one_order_and_get_twenty_equal_answers(alice):
    body, api = order_body(connected_account(alice)), api_for(alice)
    start, answers = threading.Barrier(20), []

    def post():
        try:
            start.wait(timeout=30)
            answers.append(api.post("/orders/", body, headers={"Idempotency-Key": "twenty"}))
        finally:
            connection.close()

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    assert [answer.status_code for answer in answers] == [201] * 20
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert (Order.objects.filter(parent=None).count(), OrderEvent.objects.count()) == (1, 1)
