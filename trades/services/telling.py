"""Telling many traders one thing, in one statement however many they are."""

from typing import NamedTuple

from django.db import connection

from accounts.services.notifications import TEXT_LENGTH, TITLE_LENGTH


class Word(NamedTuple):
    """As accounts.services.notifications.Told: known once by its key."""

    kind: str
    key: str
    title: str
    text: str
    path: str


_TELL = """
INSERT INTO notifications (id, user_id, kind, key, title, text, path, in_app, by_email, created_at)
SELECT gen_random_uuid(), u.id, %(kind)s, %(key)s, %(title)s, %(text)s, %(path)s,
    coalesce(c.in_app, TRUE), coalesce(c.by_email, TRUE) AND u.email <> '', clock_timestamp()
FROM users u LEFT JOIN notification_choices c ON c.user_id = u.id AND c.kind = %(kind)s
WHERE u.is_active AND (coalesce(c.in_app, TRUE) OR coalesce(c.by_email, TRUE))
    AND EXISTS (SELECT 1 FROM broker_connections b WHERE b.user_id = u.id AND b.is_active)
ON CONFLICT (user_id, key) DO NOTHING
"""


def traders_tell(word: Word) -> int:
    """Tell everybody whose orders a broker takes; how many. The count of unread ones follows within a minute."""
    values = word._asdict() | {"title": word.title[:TITLE_LENGTH], "text": word.text[:TEXT_LENGTH]}
    with connection.cursor() as cursor:
        cursor.execute(_TELL, values)
        return int(cursor.rowcount)
