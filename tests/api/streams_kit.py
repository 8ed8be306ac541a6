"""A hub of event streams without a server: its clock, its clients, and what happens to their users."""

import json
import socket

from django.db import connection
from django.utils import timezone

from accounts.api.event_access import Follower
from accounts.models import ApiToken
from accounts.services.stream_places import Place
from accounts.services.tokens import token_create

WRITE = """INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT %s, %s, 'changed', number::text, %s FROM generate_series(%s, %s) AS number"""


def happen(user, first, last=None, subject="order", detail="{}"):
    """Events named by numbers."""
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [user.pk, subject, detail, first, last or first])


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Client:
    """The other end of a stream, and what it read."""

    def __init__(self, hub, user, *, after=None, subjects=(), token=None, session=None):
        self.hub = hub
        ours, self.link = socket.socketpair()
        ours.setblocking(False)
        self.link.setblocking(False)
        self.text = ""
        self.is_ended = False
        token = token or (None if session else token_for(user))
        given = Follower(user.pk, Place(user.pk), token and token.pk, session, frozenset(subjects), after)
        hub.take(ours, b"HEAD\r\n\r\n", given)

    def read(self):
        while True:
            try:
                found = self.link.recv(65536)
            except BlockingIOError:
                return self
            if not found:
                self.is_ended = True
                return self
            self.text += found.decode()

    @property
    def messages(self):
        """Every message as a dictionary of its fields, comments left out."""
        self.read()
        blocks = self.text.removeprefix("HEAD\r\n\r\n").split("\n\n")
        lines = [[line.split(": ", 1) for line in block.split("\n") if not line.startswith(":")] for block in blocks]
        return [dict(found) for found in lines if found != [[""]]]

    @property
    def names(self):
        return [json.loads(found["data"])["object"]["id"] for found in self.messages if "data" in found]

    @property
    def place(self):
        return int([found["id"] for found in self.messages if "id" in found][-1])


def token_for(user):
    found = ApiToken.objects.filter(user=user, name="Streams").first()
    return found or token_create(user=user, name="Streams", scope="read", now=timezone.now())[0]


def turn(hub, seconds=0.5):
    hub.clock.now += seconds
    hub.turn()
