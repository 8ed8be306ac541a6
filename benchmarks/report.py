"""docs/benchmarks.md, from what was measured."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.api import LIST, MAKE, ONE, PROGRAMS, ApiTiming
from benchmarks.data import SIZES, USERS
from benchmarks.imports import ImportTiming
from benchmarks.orders import OrderTiming, as_rows
from benchmarks.pages import ONE_ROW, ROUNDS, Timing
from benchmarks.processes import ProcessTiming
from benchmarks.writes import WriteTiming

PAGE_GOAL, DASHBOARD_GOAL, WRITE_GOAL, IMPORT_GOAL = 1.5, 6.0, 2.0, 0.1
SUBMIT_GOAL, SUBMIT_QUERIES, SOCKET_GOAL, SYNC_GOAL, EVENT_GOAL = 2.0, 10, 4.0, 3.0, 0.05
FILTERED = "performance, longs only"


@dataclass(frozen=True)
class Measured:
    pages: list[Timing]
    api: ApiTiming
    write: WriteTiming
    imports: list[ImportTiming]
    orders: OrderTiming
    processes: list[ProcessTiming]
    database: str


@dataclass(frozen=True)
class Goal:
    what: str
    limit: str
    found: str
    is_met: bool


def goals(measured: Measured) -> list[Goal]:
    """The goals and what was found, misses included."""
    by_page = _by_page(measured.pages)
    small, large = SIZES[0], SIZES[-1]
    growth = {
        page: sizes[large].p50 / sizes[small].p50 for page, sizes in by_page.items() if page not in (ONE_ROW, FILTERED)
    }
    slowest = max(growth, key=lambda page: growth[page])
    changing = sorted(page for page, sizes in by_page.items() if len({t.queries for t in sizes.values()}) > 1)
    dashboard = by_page["dashboard"][large].p50 / by_page[ONE_ROW][large].p50
    last = measured.imports[-1]
    share = last.rate / last.copy_rate
    return [
        Goal(
            "queries do not depend on the number of trades", "the same", ", ".join(changing) or "the same", not changing
        ),
        Goal(
            f"each page at {large:,} trades to the same at {small:,}",
            f"≤ {PAGE_GOAL}",
            f"{growth[slowest]:.2f} at most ({slowest})",
            growth[slowest] <= PAGE_GOAL,
        ),
        Goal(
            f"dashboard at {large:,} trades to one row by primary key",
            f"≤ {DASHBOARD_GOAL:.0f}",
            f"{dashboard:.1f}",
            dashboard <= DASHBOARD_GOAL,
        ),
        Goal(
            "reading the dashboard right after saving a fill to a plain read",
            f"≤ {WRITE_GOAL:.0f}",
            f"{measured.write.read_ratio:.2f}",
            measured.write.read_ratio <= WRITE_GOAL,
        ),
        Goal(
            "saving the fill and reading the dashboard, both together, to a plain read",
            f"≤ {WRITE_GOAL:.0f}",
            f"{measured.write.whole_ratio:.2f}",
            measured.write.whole_ratio <= WRITE_GOAL,
        ),
        Goal(
            f"import of {last.lines:,} lines to a plain COPY of the same rows",
            f"≥ {IMPORT_GOAL}",
            f"{share:.2f}",
            share >= IMPORT_GOAL,
        ),
        *_api_goals(measured.api),
        *_order_goals(measured.orders),
    ]


def _api_goals(api: ApiTiming) -> list[Goal]:
    by_call, by_page = _by_page(api.calls), _by_page(api.pages)
    large = SIZES[-1]
    changing = sorted(call for call, sizes in by_call.items() if len({t.queries for t in sizes.values()}) > 1)
    ratios = {call: by_call[call][large].p50 / by_page[call][large].p50 for call in (LIST, ONE, MAKE)}
    largest = max(api.shares, key=lambda name: api.shares[name])
    return [
        Goal("queries of the API do not depend on the number of trades", "the same", ", ".join(changing) or "the same",
             not changing),
        Goal(f"reading by the API at {large:,} trades to the page that shows the same", "≤ 1",
             ", ".join(f"{call} {ratios[call]:.2f}" for call in (LIST, ONE)), max(ratios[LIST], ratios[ONE]) <= 1),
        Goal("making a plan by the API, which answers all of it, to the form, which answers where it is", "≤ 2",
             f"{ratios[MAKE]:.2f}", ratios[MAKE] <= 2),  # noqa: PLR2004 - the limit beside it
        Goal("writing JSON is not the largest share of a list", "not the largest",
             f"{api.shares['JSON']:.0%}, and {api.shares['serializers']:.0%} in serializers; largest: {largest}",
             largest != "JSON"),
        Goal(f"failures of {PROGRAMS} programs at once", "0", str(api.load.failures), not api.load.failures),
    ]  # fmt: skip


def _order_goals(orders: OrderTiming) -> list[Goal]:
    few, many = orders.sync_queries
    return [
        _at_most("order_submit to a submit of alpaca-py alone", orders.submit_ratio, SUBMIT_GOAL),
        Goal(
            "queries of order_submit",
            f"≤ {SUBMIT_QUERIES}",
            str(orders.submit_queries),
            orders.submit_queries <= SUBMIT_QUERIES,
        ),
        _at_most("from the button to the broker's socket, to a bare submit", orders.socket_ratio, SOCKET_GOAL),
        _at_most(
            "from POST /api/v1/orders/ to the broker's socket, to a bare submit", orders.api_socket_ratio, SOCKET_GOAL
        ),
        _at_most("a sync to its requests alone", orders.sync_ratio, SYNC_GOAL),
        Goal(
            "queries of a sync do not depend on what is held",
            "the same",
            f"{few} and {many}",
            abs(few - many) <= 1,
        ),
        Goal("requests of one poll", "1", str(orders.poll_requests), orders.poll_requests == 1),
        Goal(
            "event at the exchange to committed row, p95",
            f"< {_ms(EVENT_GOAL)}",
            _ms(orders.event_p95),
            orders.event_p95 < EVENT_GOAL,
        ),
    ]


def _at_most(what: str, found: float, limit: float) -> Goal:
    return Goal(what, f"≤ {limit:.0f}", f"{found:.2f}", found <= limit)


def _by_page(timings: Iterable[Timing]) -> dict[str, dict[int, Timing]]:
    found: dict[str, dict[int, Timing]] = {}
    for timing in timings:
        found.setdefault(timing.page, {})[timing.trades] = timing
    return found


def document(measured: Measured) -> str:
    sections = [
        "# Benchmarks",
        _intro(measured),
        "## Goals",
        _table(
            ["goal", "limit", "measured", ""],
            [[goal.what, goal.limit, goal.found, "met" if goal.is_met else "**missed**"] for goal in goals(measured)],
        ),
        "## Pages",
        _PAGES_TEXT,
        _pages(measured.pages),
        "## REST API",
        _API_TEXT,
        _api(measured.api),
        _api_load(measured.api),
        "## Saving a fill",
        _write(measured.write),
        "## Import",
        _IMPORT_TEXT,
        _imports(measured.imports),
        "## Orders",
        _ORDERS_TEXT,
        _table(["step", "p50"], [[what, _ms(seconds)] for what, seconds in as_rows(measured.orders)]),
        "## Processes",
        "As in the Procfile, with two web workers and one worker process; memory is the proportional set size.",
        _processes(measured.processes),
    ]
    return "\n\n".join(sections) + "\n"


def _intro(measured: Measured) -> str:
    sizes = ", ".join(f"{size:,}" for size in SIZES)
    return (
        f"Written by `make bench`; do not edit. {USERS} traders in one database, three of them with {sizes} closed "
        "trades over five years, the others with 500 each. The servers are thrown away afterwards; PostgreSQL writes "
        "through to the disk as it does in production.\n\n"
        f"Python {platform.python_version()}, PostgreSQL {measured.database}, {os.cpu_count()} processors "
        f"({platform.machine()}). Absolute times are those of this machine at that moment; the ratios are what to "
        "compare."
    )


_PAGES_TEXT = (
    f"Times of whole requests in milliseconds, through every middleware, without the network; {ROUNDS} rounds in which "
    "all pages of all traders take turns. “To one row” compares with a view that answers one row by its primary key to "
    "the same signed-in trader, “growth” with the same page of the trader with the fewest trades. Filtered figures "
    "(longs only) are aggregated in SQL from the trades on each request; all others are read from kept sums."
)
_API_TEXT = (
    "Whole requests with a token, in turns with the pages that show or make the same. A list has 50 trades with their "
    "executions and tags; a plan is made with an Idempotency-Key, whose answer is kept."
)
_IMPORT_TEXT = (
    "CSV fills with execution ids through the services the pages call, read and checked line by line, previewed, then "
    "booked with their trades and figures, in a process of its own. COPY is the bare statement with the same fills "
    "into a table with the same columns, indexes and checks, without trades, figures or checks of ours."
)

_ORDERS_TEXT = (
    "Against the stand-in exchange in a process of its own that keeps its state, with the order worker and the order "
    "stream as in the Procfile. The sync pulls the account, orders, fills, positions and money; its requests alone are "
    "the same calls of the same adapter."
)


def _pages(timings: Sequence[Timing]) -> str:
    by_page = _by_page(timings)
    rows = []
    for page, sizes in by_page.items():
        for trades, timing in sizes.items():
            one, least = by_page[ONE_ROW][trades], sizes[SIZES[0]]
            rows.append(
                [
                    page,
                    f"{trades:,}",
                    str(timing.queries),
                    _ms(timing.p50),
                    _ms(timing.p95),
                    f"{timing.p50 / one.p50:.1f}",
                    f"{timing.p50 / least.p50:.2f}",
                ]
            )
    return _table(["page", "trades", "queries", "p50", "p95", "to one row", "growth"], rows)


def _api(api: ApiTiming) -> str:
    pages, rows = _by_page(api.pages), _by_page(api.rows)[ONE_ROW]
    found = [
        [
            call,
            f"{trades:,}",
            str(timing.queries),
            _ms(timing.p50),
            _ms(timing.p95),
            f"{timing.p50 / rows[trades].p50:.1f}",
            f"{timing.p50 / pages[call][trades].p50:.2f}",
        ]
        for call, sizes in _by_page(api.calls).items()
        for trades, timing in sizes.items()
    ]
    return _table(["call", "trades", "queries", "p50", "p95", "to one row", "to its page"], found)


def _api_load(api: ApiTiming) -> str:
    load = api.load
    spent = ", ".join(f"{name} {share:.0%}" for name, share in api.shares.items())
    return (
        f"Where the time of a list goes: {spent}. {PROGRAMS} programs at once at two web processes, the programs on "
        f"the same machine: p50 {_ms(load.together)} and {load.a_second:.0f} requests a second, {load.failures} "
        f"failures; one program alone {_ms(load.alone)} and {load.a_second_alone:.0f} a second."
    )


def _write(write: WriteTiming) -> str:
    return _table(
        ["step", f"p50 at {SIZES[-1]:,} trades"],
        [
            ["plain read of the dashboard", _ms(write.plain)],
            [f"saving a partial exit ({write.queries} queries, one transaction)", _ms(write.save)],
            ["reading the dashboard that shows it", _ms(write.read_after)],
        ],
    )


def _imports(timings: Iterable[ImportTiming]) -> str:
    head = ["lines", "read", "book", "lines a second", "COPY a second", "share", "peak memory", "page meanwhile"]
    rows = [
        [
            f"{timing.lines:,}",
            f"{timing.read:.1f} s",
            f"{timing.book:.1f} s",
            f"{timing.rate:,.0f}",
            f"{timing.copy_rate:,.0f}",
            f"{timing.rate / timing.copy_rate:.2f}",
            f"{timing.peak_mb:.0f} MB",
            f"{_ms(timing.busy_page)} (quiet {_ms(timing.quiet_page)})",
        ]
        for timing in timings
    ]
    return _table(head, rows)


def _processes(timings: Iterable[ProcessTiming]) -> str:
    rows = [
        [
            timing.name,
            "—" if timing.seconds is None else f"{timing.seconds:.1f} s",
            str(timing.processes),
            f"{timing.memory_mb:.0f} MB",
        ]
        for timing in timings
    ]
    return _table(["process", "answers after", "processes", "memory"], rows)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
