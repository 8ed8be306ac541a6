"""Reads Alpaca's listings to their end, missing nothing and giving nothing twice."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from brokers.alpaca.config import ACTIVITIES_A_PAGE, MOST_PAGES, ORDERS_A_PAGE
from brokers.alpaca.mapping import order_reports
from brokers.alpaca.parsing import fields, needed_text, rows
from brokers.base import OrderReport
from brokers.errors import TryLater

Params = dict[str, str | int]
Get = Callable[[Params], Any]
A_MOMENT: Final = timedelta(microseconds=1)


def orders_to_the_end(get: Get, params: Params) -> Iterator[OrderReport]:
    """All orders of a listing, oldest first.

    `after` is exclusive, and several orders can share a time: each page begins a moment before the last one's end and
    what was seen is left out. A page that is all of one moment brings nothing new; from there ids lead on.
    """
    seen: set[str] = set()
    params = {**params, "direction": "asc", "nested": "true", "limit": ORDERS_A_PAGE}
    for _ in range(MOST_PAGES):
        page = order_reports(get(params))
        new = [report for report in page if report.broker_order_id not in seen]
        for report in new:
            seen |= {report.broker_order_id, *(leg.broker_order_id for leg in report.legs)}
        yield from new
        if is_last(page) or (not new and "after_order_id" in params):
            return
        params = _next(params, page[-1], is_stuck=not new)
    raise _endless()


def is_last(page: list[OrderReport]) -> bool:
    """Whether there can be no more after this page.

    Alpaca does not say whether nested legs count towards the limit. A page that is full only with them may be the last
    one; one more request tells, so that no order is missed.
    """
    return sum(1 + len(report.legs) for report in page) < ORDERS_A_PAGE


def _next(params: Params, last: OrderReport, *, is_stuck: bool) -> Params:
    if is_stuck or "after_order_id" in params or last.submitted_at is None:
        rest = {name: value for name, value in params.items() if name != "after"}
        return {**rest, "after_order_id": last.broker_order_id}
    return {**params, "after": at(last.submitted_at - A_MOMENT)}


def activities_to_the_end(get: Get, params: Params) -> Iterator[Any]:
    """The raw activities after the page token, oldest first."""
    params = {**params, "direction": "asc", "page_size": ACTIVITIES_A_PAGE}
    for _ in range(MOST_PAGES):
        page = rows(get(params))
        yield from page
        if len(page) < ACTIVITIES_A_PAGE:
            return
        token = needed_text(fields(page[-1]), "id")
        if token == params.get("page_token"):
            raise _endless()
        params = {**params, "page_token": token}
    raise _endless()


def pages_to_the_end(get: Get, params: Params, next_page: Callable[[Any], str]) -> Iterator[Any]:
    """The raw pages of the data host."""
    for _ in range(MOST_PAGES):
        page = get(params)
        yield page
        token = next_page(page)
        if not token:
            return
        if token == params.get("page_token"):
            raise _endless()
        params = {**params, "page_token": token}
    raise _endless()


def at(moment: datetime) -> str:
    """A time as Alpaca's parameters take it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _endless() -> TryLater:
    return TryLater("Alpaca's listing does not end.", after=60, code="unreadable")
