"""When a web process has more to do than it can: pages are told to come back, orders and halts are answered."""

import re
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import Http404, HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import URLResolver, get_resolver, reverse

from tests.runtime.desk_process import wait_for
from trenddojo import admission
from trenddojo.admission import (
    AT_ONCE,
    CROWD_AT_ONCE,
    CROWD_WAITING,
    KINDS,
    ORDER_PATIENCE,
    RESERVE,
    WAITING,
    AdmissionMiddleware,
    Kind,
    Room,
    Turns,
)

ROOT = Path(__file__).resolve().parent.parent.parent
ORDER = "/orders/new/"
ID = "5f0c8d3e-6a0b-4a43-8f0e-2f8b7f8d1a11"


class Held:
    """Pages that answer when they are let go, and not before."""

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Event()
        self.middleware = AdmissionMiddleware(self.page)
        self.middleware.turns = Turns()
        self.pool = ThreadPoolExecutor(AT_ONCE + WAITING + RESERVE)
        self.asked = []

    def page(self, request):
        if request.path == "/trades/":
            self.begun.release()
            assert self.let_go.wait(30)
        return HttpResponse("answered")

    def ask(self, path="/trades/", **options):
        answer = self.middleware(RequestFactory().generic(options.pop("method", "GET"), path, **options))
        answer.close()
        return answer

    def fill(self, count):
        """So many pages are asked for; those that have a turn are being answered when this returns."""
        self.asked += [self.pool.submit(self.ask) for _ in range(count)]
        for _ in range(min(count, AT_ONCE)):
            assert self.begun.acquire(timeout=30)
        wait_for(lambda: self.standing == count, "the waiting of the others")

    @property
    def standing(self):
        return self.middleware.turns.had + self.middleware.turns.wanted

    def end(self):
        self.let_go.set()
        return [one.result(30).status_code for one in self.asked]


@pytest.fixture
def held(monkeypatch):
    # Whoever waits for a turn gets it when a page is let go, however slow this machine is.
    monkeypatch.setattr(Kind.PAGE, "_value_", 60.0)
    # There is no database here whose connections could be closed.
    request_finished.disconnect(close_old_connections)
    found = Held()
    yield found
    found.end()
    found.pool.shutdown()
    request_finished.connect(close_old_connections)


def test_a_page_is_refused_when_as_many_are_answered_and_waited_for_as_may_be(held):
    held.fill(AT_ONCE + WAITING)
    answer = held.ask()
    assert answer.status_code == 503
    assert answer["Retry-After"] in {"2", "3", "4", "5"}
    assert answer["Cache-Control"] == "no-store"
    assert f'<meta http-equiv="refresh" content="{answer["Retry-After"]}">' in answer.content.decode()
    assert held.end() == [200] * (AT_ONCE + WAITING)
    assert held.ask().status_code == 200
    assert held.standing == 0


def test_orders_halts_and_health_are_answered_meanwhile(held):
    held.fill(AT_ONCE + WAITING)
    for method, path in (
        ("GET", "/orders/new/"),
        ("POST", "/orders/new/"),
        ("POST", f"/orders/{ID}/cancel/"),
        ("POST", "/orders/cancel-all/"),
        ("POST", f"/accounts/{ID}/halt/"),
        ("POST", "/api/v1/orders/"),
        ("PATCH", f"/api/v1/orders/{ID}/"),
        ("POST", f"/api/v1/orders/{ID}/cancel/"),
        ("POST", "/api/v1/orders/cancel-all/"),
        ("POST", f"/api/v1/connections/{ID}/live-off/"),
        ("POST", f"/api/v1/accounts/{ID}/halt/"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    ):
        assert held.ask(path, method=method).content == b"answered", path
    for path in ("/api/v1/orders/", f"/api/v1/orders/{ID}/", "/orders/", "/orders/changes/", "/nothing/here/"):
        assert held.ask(path).status_code == 503, path


def test_those_who_wait_are_answered_when_there_is_a_turn(held):
    held.fill(AT_ONCE + 1)
    assert (held.middleware.turns.had, held.middleware.turns.wanted) == (AT_ONCE, 1)
    assert held.end() == [200] * (AT_ONCE + 1)


def test_while_orders_crowd_one_page_is_answered_at_a_time_and_few_wait(held, monkeypatch):
    monkeypatch.setattr(admission, "is_crowded", lambda: True)
    held.asked = [held.pool.submit(held.ask) for _ in range(CROWD_AT_ONCE + CROWD_WAITING)]
    wait_for(lambda: held.standing == CROWD_AT_ONCE + CROWD_WAITING, "the waiting of the others")
    assert held.middleware.turns.had == CROWD_AT_ONCE
    assert held.ask().status_code == 503
    assert held.ask(ORDER, method="POST").status_code == 200
    assert held.end() == [200] * (CROWD_AT_ONCE + CROWD_WAITING)


@pytest.mark.parametrize(("heard", "until"), [(("is_crowded",), 1006.0), (("is_crowded", "is_full"), 1014.0)])
def test_while_orders_crowd_a_page_is_followed_by_none_for_twice_as_long_and_by_six_times_where_there_are_too_many(
    monkeypatch, heard, until
):
    now = 1000.0
    monkeypatch.setattr(admission.time, "monotonic", lambda: now)
    for name in heard:
        monkeypatch.setattr(admission, name, lambda: True)
    turns = Turns()
    assert turns.take(0)
    now = 1002.0
    turns.give_back(1000.0)
    now = until - 0.1
    assert not turns.take(0)
    now = until
    assert turns.take(0)
    turns.give_back(1000.0)
    for name in heard:
        monkeypatch.setattr(admission, name, lambda: False)
    assert turns.take(0)


def test_where_there_are_too_many_orders_no_page_waits_for_another(monkeypatch):
    monkeypatch.setattr(admission, "is_full", lambda: True)
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(60)
    assert turns.wanted == 0


def test_a_turn_that_does_not_come_in_time_is_a_refusal(held, monkeypatch):
    held.fill(AT_ONCE)
    monkeypatch.setattr(Kind.PAGE, "_value_", 0.01)
    assert held.ask().status_code == 503
    assert held.standing == AT_ONCE


def test_a_program_is_refused_in_the_apis_shape(held):
    held.fill(AT_ONCE + WAITING)
    answer = held.ask("/api/v1/trades/")
    wait = answer["Retry-After"]
    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/json"
    assert b'"type": "server_error", "errors": [{"code": "busy", ' in answer.content
    assert f"this was not begun: try again in {wait} s." in answer.content.decode()


def test_a_form_is_not_sent_again_by_itself(held):
    held.fill(AT_ONCE + WAITING)
    page = held.ask("/setups/new/", method="POST").content.decode()
    assert 'http-equiv="refresh"' not in page
    assert "Nothing was saved: go back" in page


def test_the_page_leads_to_what_still_works():
    page = render_to_string("503.html", {"wait": 3, "may_reload": True})
    for name in ("order-create", "order-cancel-all"):
        assert KINDS[f"trades:{name}"] is Kind.ORDER
        assert f'href="{reverse(f"trades:{name}")}"' in page


@pytest.mark.parametrize("how", ["raised", "forgotten"])
def test_a_page_that_breaks_gives_its_turn_back(how):
    def page(_request):
        if how == "raised":
            raise Http404
        return HttpResponse()

    middleware = AdmissionMiddleware(page)
    middleware.turns = Turns()
    if how == "raised":
        with pytest.raises(Http404):
            middleware(RequestFactory().get("/trades/"))
    else:
        middleware(RequestFactory().get("/trades/"))  # an answer nobody closes
    assert middleware.turns.had == 0


@pytest.mark.django_db
def test_a_refusal_asks_no_other_server_and_carries_the_policy(
    monkeypatch, django_assert_num_queries, alice_client, caplog
):
    monkeypatch.setattr(AdmissionMiddleware, "turns", Turns(Room(0, 0, 0)))
    with django_assert_num_queries(0):
        page, program = alice_client.get("/trades/"), alice_client.get("/api/v1/trades/")
    assert (page.status_code, program.status_code) == (503, 503)
    assert "django.request" not in {record.name for record in caplog.records}
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert page["X-Request-ID"]
    assert program.json()["errors"][0]["code"] == "busy"
    assert alice_client.get(ORDER).status_code == 200


@pytest.mark.parametrize(
    ("path", "method", "waited", "status"),
    [
        ("/trades/", "GET", 1.9, 200),
        ("/trades/", "GET", 2.0, 503),
        (ORDER, "POST", ORDER_PATIENCE - 0.1, 200),
        (ORDER, "POST", ORDER_PATIENCE, 503),
        ("/healthz", "GET", 60.0, 200),
    ],
)
def test_what_waited_too_long_before_it_was_looked_at_is_refused(monkeypatch, path, method, waited, status):
    monkeypatch.setattr(admission, "seconds_waited", lambda _environ: waited)
    middleware = AdmissionMiddleware(lambda _request: HttpResponse())
    assert middleware(RequestFactory().generic(method, path)).status_code == status


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="Only Linux tells when something last came.")
def test_the_wait_is_what_the_system_tells_of_the_connection(monkeypatch):
    asked = []

    class Link(socket.socket):
        def getsockopt(self, level, name, length=0):
            asked.append((level, name, length))
            return struct.pack("13I", *range(13)) + struct.pack("I", 1234) + bytes(48)

    with Link() as link, socket.socket(socket.AF_UNIX) as local:
        assert admission.seconds_waited({"gunicorn.socket": link}) == 1.234
        assert admission.seconds_waited({"gunicorn.socket": local}) == 0
    assert admission.seconds_waited({}) == 0
    assert asked == [(socket.IPPROTO_TCP, socket.TCP_INFO, 104)]


def test_whoever_began_before_what_came_last_has_waited_since_then():
    """A real connection: what came just now waited for less than what came before an answer was due."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        link, _ = server.accept()
        with link:
            client.sendall(b"GET / HTTP/1.1\r\n")
            link.recv(4)
            assert 0 <= admission.seconds_waited({"gunicorn.socket": link}) < 60


def test_processes_start_as_many_threads_as_are_shared_out():
    for name in ("Procfile", "docs/deploy.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert re.findall(r"--threads (\d+)", text) == [str(AT_ONCE + WAITING + RESERVE)], name


def _names(patterns, room=""):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _names(pattern.url_patterns, pattern.namespace or room)
        else:
            yield f"{room}:{pattern.name}"


def test_every_address_that_stops_or_sends_something_goes_first():
    names = set(_names(get_resolver().url_patterns))
    assert KINDS.keys() <= names
    urgent = re.compile(r":(order|position|positions|account|connection|trade|brake|halt)s?-.*"
                        r"(cancel|close|halt|resume|disable|submit|stop$)|halt|brake")  # fmt: skip
    missing = {name for name in names if urgent.search(name)} - KINDS.keys()
    # The first two change a plan in the journal, with no order.
    assert missing == {"trades:trade-cancel"}


def test_a_browser_is_shown_the_page(client: Client, monkeypatch):
    monkeypatch.setattr(AdmissionMiddleware, "turns", Turns(Room(0, 0, 0)))
    assert b"The desk is busy" in client.get("/").content
