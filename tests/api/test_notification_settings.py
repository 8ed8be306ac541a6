"""How a trader wants to hear of what, over the API."""

import pytest

from accounts.models import NotificationChoice, NotificationKind
from accounts.services.notifications import Choice, choices_of
from tests.api.kit import error

pytestmark = pytest.mark.django_db

PATH = "/notifications/settings/"
BOTH = {"in_app": True, "by_email": True}


def test_without_a_choice_everything_is_told_both_ways(api):
    answer = api.get(PATH)
    assert (answer.status_code, answer.json()) == (200, dict.fromkeys(NotificationKind.values, BOTH))


def test_only_the_kinds_that_are_named_change(api, alice):
    api.patch(PATH, {"risk": {"in_app": True, "by_email": False}})
    changed = api.patch(PATH, {"order_filled": {"in_app": False, "by_email": False}})
    quiet = {"in_app": False, "by_email": False}
    assert changed.status_code == 200
    assert changed.json() == dict.fromkeys(NotificationKind.values, BOTH) | {
        "risk": {"in_app": True, "by_email": False},
        "order_filled": quiet,
    }
    assert api.get(PATH).json() == changed.json()
    assert choices_of(alice)["risk"] == Choice("risk", in_app=True, by_email=False)


def test_a_change_of_nothing_changes_nothing(api):
    assert api.patch(PATH, {}).status_code == 200
    assert not NotificationChoice.objects.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"weather": BOTH}, (400, "unknown_field", "weather")),
        ({"risk": {"in_app": True}}, (400, "required", "risk.by_email")),
        ({"risk": {"in_app": True, "by_email": "no"}}, (400, "invalid", "risk.by_email")),
        ({"risk": BOTH | {"by_sms": True}}, (400, "unknown_field", "risk.by_sms")),
        ({"risk": None}, (400, "null", "risk")),
    ],
)
def test_a_wrong_choice_is_said_at_its_field_and_nothing_is_kept(api, body, said):
    assert error(api.patch(PATH, body)) == said
    assert not NotificationChoice.objects.exists()


def test_each_trader_has_their_own(api, stranger):
    api.patch(PATH, {"risk": {"in_app": False, "by_email": False}})
    assert stranger.get(PATH).json() == dict.fromkeys(NotificationKind.values, BOTH)


def test_a_token_to_read_reads_and_changes_nothing(reader):
    assert reader.get(PATH).status_code == 200
    assert error(reader.patch(PATH, {"risk": BOTH})) == (403, "missing_scope", None)
    assert not NotificationChoice.objects.exists()
