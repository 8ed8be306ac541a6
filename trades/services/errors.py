"""Refusals of the trade services beyond the domain's own: each says what the caller may do next."""

from collections.abc import Sequence

from trades.models import Trade
from trenddojo.domain.errors import DomainError
from trenddojo.domain.risk import Breach


class StaleVersion(DomainError):
    """Somebody else wrote the trade since it was read; look at what changed and send again."""

    def __init__(self, current: Trade | None = None) -> None:
        super().__init__(
            "stale",
            "This trade was changed elsewhere since you opened this page. "
            "Your entries are kept: look at what changed, then save again.",
        )
        self.current = current


class LimitsBroken(DomainError):
    """A plan breaks limits; all of them are here, so that they can be shown at once."""

    def __init__(self, breaches: Sequence[Breach], *, hint: str = "") -> None:
        super().__init__("limits", " ".join(breach.sentence for breach in breaches))
        self.breaches = tuple(breaches)
        self.hint = hint


class TradeError(DomainError):
    """A step the trade's status or its neighbours do not allow."""
