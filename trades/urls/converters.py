"""Parts of addresses that are more than text."""

from datetime import date

from django.urls import register_converter

FIRST, LAST = date(1970, 1, 1), date(2199, 12, 31)


class IsoDate:
    """A day as 2026-03-05; a day that does not exist is an address that does not."""

    regex = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        day = date.fromisoformat(value)
        if not FIRST <= day <= LAST:
            raise ValueError(value)
        return day

    def to_url(self, value: date | str) -> str:
        return value if isinstance(value, str) else value.isoformat()


register_converter(IsoDate, "day")
