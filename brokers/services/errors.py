"""Refusals of the services that keep connections."""

from trenddojo.domain.errors import DomainError


class ConnectionRefusal(DomainError):
    """A connection cannot be made or changed like this; `field` may name one of the broker's credential fields.

    `wait` is how many seconds to wait before asking again, where the broker said so.
    """

    def __init__(self, code: str, sentence: str, field: str = "", *, wait: float | None = None) -> None:
        super().__init__(code, sentence, field)
        self.wait = wait
