"""Refusals of the services that keep connections."""

from trenddojo.domain.errors import DomainError


class ConnectionRefusal(DomainError):
    """A connection cannot be made or changed like this; `field` may name one of the broker's credential fields."""
