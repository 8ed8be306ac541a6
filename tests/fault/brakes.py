"""A trader's hands on the brake: an account or all of them halted and resumed, and everything closed."""

from http import HTTPStatus
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from tests.fault.driver import Hand, Intent

# Other deeds until a halted trader resumes: what they place meanwhile is refused.
AWHILE = (1, 4)
RESUME, HALTED = "resume", "halted"


class Brakes:
    """A halt and a resumption have no key: each may be asked for again, and twice is once."""

    def __init__(self, hand: "Hand") -> None:
        self.hand = hand
        # Deeds until the trader resumes; 0 where nothing is halted, as far as anybody answered.
        self.left = 0
        # What is done next: to halt, or to close everything.
        self.wish = ""

    @property
    def is_on(self) -> bool:
        return self.left > 0

    def is_to_resume(self) -> bool:
        if not self.left:
            return False
        self.left = max(self.left - 1, 1)
        return self.left == 1

    def follow_wish(self) -> "Intent":
        wish, self.wish = self.wish, ""
        return self.flatten() if wish == "flatten" else self.halt("trader")

    def halt(self, level: str = "", exits: str = "") -> "Intent":
        """Of the account, or of all accounts of the trader; stops and targets stay, or go."""
        rng = self.hand.rng
        level, exits = level or rng.choice(["account", "trader"]), exits or rng.choice(["keep", "keep", "cancel"])
        intent = self.hand.intent("halt", "api", {"exits": exits, "reason": "enough"})
        path = f"accounts/{self.hand.trader.account}/halt/" if level == "account" else "halt/"
        # Whatever becomes of the request, it may have been heard.
        self.left = rng.randint(*AWHILE) + 1
        self.hand.insist(intent, lambda one: self.hand.client.call("POST", path, body=one.body))
        return intent

    def resume(self) -> "Intent":
        """Both levels."""
        intent = self.hand.intent(RESUME, "api")
        self.hand.insist(intent, self._resume)
        return intent

    def flatten(self) -> "Intent":
        intent = self.hand.intent("flatten", "api")
        self.hand.insist(intent, self._flatten)
        return intent

    def note(self, intent: "Intent") -> None:
        """What an answer says of the brakes; a halt that was thought to be lost may have been heard late."""
        if intent.kind == RESUME and intent.status == HTTPStatus.OK:
            self.left = 0
        elif not self.left and (intent.kind == "halt" or HALTED in intent.said):
            self.left = 2

    def _resume(self, _intent: "Intent") -> requests.Response:
        first = self.hand.client.call("POST", "resume/")
        if first.status_code != HTTPStatus.OK:
            return first
        return self.hand.client.call("POST", f"accounts/{self.hand.trader.account}/resume/")

    def _flatten(self, intent: "Intent") -> requests.Response:
        answer = self.hand.client.call("POST", f"accounts/{self.hand.trader.account}/flatten/", intent.key)
        if answer.status_code == HTTPStatus.CREATED:
            intent.orders = [str(order["id"]) for order in answer.json()["orders"]]
        return answer
