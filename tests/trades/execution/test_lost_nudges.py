"""The row is the job: with the queue away an order is written at once, and the sweep has it sent when the queue is back."""

import time
from fnmatch import fnmatch
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as desk_settings
from kombu import Connection

from brokers.services.schedule import CLAIM
from tests.trades.execution.exchange_kit import account, ask, exchange
from trades.models import Order
from trades.tasks.orders import order_submit_task, orders_sweep_task

__all__ = ["account", "exchange"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_written_while_the_queue_is_away_is_found_by_the_sweep(
    account: Any, exchange: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[tuple[str, list[str], str]] = []
    with monkeypatch.context() as patch:
        patch.setattr(current_app, "connection_for_write", lambda *a, **k: Connection("redis://127.0.0.1:1/0"))
        patch.setattr(current_app.amqp, "_producer_pool", None)
        patch.setattr(current_app, "_pool", None)
        began = time.monotonic()
        order = ask(account)
        assert time.monotonic() - began < 10
    assert "order.nudge.lost name=trades.order_submit" in caplog.text
    assert Order.objects.get(pk=order.pk).status == "new"
    monkeypatch.setattr(current_app, "send_task", lambda name, args, queue: sent.append((name, args, queue)) or None)
    orders_sweep_task()
    assert sent == [("trades.order_submit", [str(order.pk)], "orders")]
    order_submit_task(sent[0][1][0])
    # The nudge that was only late, and a message that comes a second time.
    order_submit_task(str(order.pk))
    assert Order.objects.get(pk=order.pk).status in ("accepted", "filled")
    assert exchange.control.count("POST", "/v2/orders") == 1


def test_no_message_comes_back_while_its_task_still_runs() -> None:
    conf = current_app.conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.task_soft_time_limit < conf.task_time_limit
    assert conf.task_time_limit < conf.broker_transport_options["visibility_timeout"]
    assert conf.worker_prefetch_multiplier == 1


@pytest.mark.parametrize("name", ["brokers.connection_sync", "brokers.connection_poll"])
def test_a_connection_is_held_for_as_long_as_its_task_may_take(name: str) -> None:
    task = current_app.tasks[name]
    assert task.soft_time_limit < task.time_limit < CLAIM.total_seconds()


def test_every_step_of_an_order_has_the_queue_of_orders() -> None:
    routes = desk_settings.CELERY_TASK_ROUTES
    steps = [name for name in current_app.tasks if name.startswith("trades.order_")]
    assert len(steps) >= 4
    for name in steps:
        assert [rule["queue"] for glob, rule in routes.items() if fnmatch(name, glob)] == ["orders"]
    assert desk_settings.CELERY_TASK_DEFAULT_QUEUE == "desk"


def test_a_turn_that_no_worker_found_expires_before_the_next(settings: Any) -> None:
    current_app.loader.import_default_modules()
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        assert entry["options"]["expires"] <= entry["schedule"], name
        assert entry["task"] in current_app.tasks, name
