"""The document that a load run writes."""

import os
import platform
from dataclasses import dataclass
from statistics import mean, median

from benchmarks.load.desk import WEB, WORKERS
from benchmarks.load.judge import MINUTE, ORDER, Books, Phase, Times, kept, recovered, times_by_kind

WARM, DAY, CROWD, AFTER = range(4)
TWICE, A_QUARTER_MORE = 2.0, 1.25
Samples = list[tuple[float, str, float, float]]
# A process may hold so much more at the end than in its first minute before that counts as growing.
FLAT, FLAT_MB = 1.05, 5.0
# They keep all they were sent, and all they saw.
OTHERS = ("exchange", "visitors")


@dataclass(frozen=True)
class Found:
    phases: list[Phase]
    samples: Samples
    paces: list[tuple[float, float]]
    books: Books
    rest: float
    died: list[str]
    bytes: int


@dataclass(frozen=True)
class Goal:
    what: str
    limit: str
    found: str
    is_met: bool


@dataclass(frozen=True)
class Use:
    """Megabytes in the first and last minute of a phase, and processors."""

    first: float
    last: float
    processors: float

    @property
    def is_flat(self) -> bool:
        return self.last <= max(self.first * FLAT, self.first + FLAT_MB)


def uses(samples: Samples, phase: Phase) -> dict[str, Use]:
    found = {}
    for name in dict.fromkeys(name for _at, name, _mb, _spent in samples):
        mine = [one for one in samples if one[1] == name and phase.began <= one[0] <= phase.ended]
        if len(mine) > 1:
            part = min(MINUTE, (phase.ended - phase.began) / 3)
            first = mean(one[2] for one in mine if one[0] <= mine[0][0] + part)
            last = mean(one[2] for one in mine if one[0] >= mine[-1][0] - part)
            found[name] = Use(first, last, (mine[-1][3] - mine[0][3]) / (mine[-1][0] - mine[0][0]))
    return found


def goals(found: Found) -> list[Goal]:
    day, crowd = found.phases[DAY], found.phases[CROWD]
    back = recovered(day, found.phases[AFTER], within=TWICE)
    grown = [name for name, use in uses(found.samples, day).items() if name not in OTHERS and not use.is_flat]
    orders, all_of_them = crowd.refused(ORDER), crowd.refused()
    pages = (all_of_them[0] - orders[0], all_of_them[1] - orders[1])
    book, rates = found.books, kept(day, crowd)
    wrong = len(book.lost) + len(book.doubled) + len(book.strangers) + len(book.different)
    return [
        Goal("errors in the working day", "0", str(day.errors), day.errors == 0),
        Goal("refusals in the working day", "0", str(day.refused()[0]), day.refused()[0] == 0),
        Goal("orders lost, doubled, of nobody, or in another state than at the exchange", "0", str(wrong), wrong == 0),
        Goal("processes that ended", "0", ", ".join(found.died) or "0", not found.died),
        Goal("processes of the desk whose memory grew", "0", ", ".join(grown) or "0", not grown),
        Goal("answers to too many that are neither right nor a proper refusal", "0", str(crowd.errors),
             crowd.errors == 0),
        Goal("a smaller share of orders is refused than of pages", "smaller", f"{_share(orders)}, {_share(pages)}",
             _part(orders) <= _part(pages)),
        Goal("more of the usual orders a second are placed than of pages answered and connections read", "most",
             ", ".join(f"{what} {100 * part:.0f}%" for what, part in rates.items()),
             max(rates, key=lambda what: rates[what]) == "orders"),
        Goal("seconds until nothing is refused and the p95 of all answers is within twice that of the working day",
             "≤ 10", "not within the run" if back is None else f"{back:.0f}",
             back is not None and back <= 10),  # noqa: PLR2004 - the limit beside it
    ]  # fmt: skip


def document(found: Found) -> str:
    """docs/load.md."""
    day, trades = found.phases[DAY], os.environ.get("TRADES", "3000")
    parts = [
        "# Under load",
        ("Written by `make load`; do not edit. The processes of the Procfile with "
        f"{WEB} web processes, {WORKERS} workers for orders and {WORKERS} for everything else, PostgreSQL that writes "
        "through to the disk, Valkey, the stand-in exchange, and everybody who asks, all on one machine: "
        f"Python {platform.python_version()}, {os.cpu_count()} processors ({platform.machine()})."),
        (f"{day.people} people browse desks of {trades} trades with 5 to 10 seconds between two pages, open pages "
        f"of orders ask for changes as they do in a browser, programs send {day.orders_a_second:g} orders a second, "
        "each over a connection of its own; four of five rest at the exchange, one is filled. Every trader has a "
        "connection that is synced, polled and followed as usual. What follows begins after "
        f"{found.phases[WARM].ended - found.phases[WARM].began:.0f} s of the same, in which every thread and every "
        "connection to the database has its first requests. Then there are four times as many, and then as before."),
        "## Goals",
        _table(("goal", "limit", "measured", ""),
               [(one.what, one.limit, one.found, "met" if one.is_met else "**missed**") for one in goals(found)]),
        *(part for phase in found.phases[DAY:] for part in _phase(phase)),
        _as_quick(day, found.phases[AFTER]),
        "## Orders",
        (f"{found.books.answered:,} orders were answered with 201; {found.books.ours:,} are in the database and "
        f"{found.books.theirs:,} at the exchange. {found.rest:.0f} s after the end both agreed about the state of "
        f"each: {len(found.books.lost)} lost, {len(found.books.doubled)} doubled, "
        f"{len(found.books.strangers)} of nobody, {len(found.books.different)} different."),
        "From the row in our database to the exchange, through queue and worker, in milliseconds:",
        _table(("phase", "orders", "p50", "p95", "p99"),
               [(phase.name, *_words(phase.sent)) for phase in found.phases[DAY:] if phase.sent]),
        "## Memory and processors",
        ("Of the working day: the proportional set size of each process with its children in the first and the last "
        "minute, without the cache of PostgreSQL, which has a fixed size and fills by and by, and the processors they "
        "kept busy; the first line counts whoever else was at work on this machine. The exchange keeps every order it "
        "was sent, and the visitors every answer: neither is the desk."),
        _table(("process", "first minute", "last minute", "processors"),
               [(name, f"{use.first:.0f} MB", f"{use.last:.0f} MB{'' if use.is_flat else ' **grew**'}",
                 f"{use.processors:.2f}") for name, use in uses(found.samples, day).items()]),
        f"The database had {found.bytes / 2**20:,.0f} MB at the end.",
        ("The machine is one of many on its host, and not always as quick. Milliseconds of processor for the same "
        "piece of work, every five seconds:"),
        _table(("phase", "least", "median", "most"), [_pace(phase, found.paces) for phase in found.phases]),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _as_quick(day: Phase, after: Phase) -> str:
    """What the goal, which asks whether the crowd is over, does not say."""
    told = []
    for what, kinds in (("orders", ORDER.__eq__), ("everything else", ORDER.__ne__)):
        back = recovered(day, after, within=A_QUARTER_MORE, kinds=kinds)
        told.append(f"{what} {f'after {back:.0f} s' if back is not None else 'not within this time'}")
    return f"As quick as in the working day, with a p95 at most a quarter above that one's: {', '.join(told)}."


def _phase(phase: Phase) -> list[str]:
    refused, asked = phase.refused()
    order = phase.refused(ORDER)
    statuses = ", ".join(f"{count:,} × {status or 'no answer'}" for status, count in sorted(phase.statuses.items()))
    heads = {"working day": "The working day", "too many": "Too many", "afterwards": "Afterwards"}
    done = ", ".join(f"{rate:.2f} {what}" for what, rate in phase.rates().items())
    rows = []
    for kind, found in times_by_kind(phase).items():
        no, of = phase.refused(kind)
        rows.append((kind, *_words(found), f"{no:,} of {of:,}"))
    return [
        f"## {heads[phase.name]}",
        (
            f"{phase.people} people and {phase.orders_a_second:g} orders a second for "
            f"{phase.ended - phase.began:.0f} s: {asked / (phase.ended - phase.began):.0f} requests a second. "
            f"{statuses}. Told to come back: "
            f"{_share((refused, asked))} of all, {_share(order)} of orders. Neither right nor a proper refusal: "
            f"{phase.errors}. Done a second: {done}. Milliseconds of what was answered:"
        ),
        _table(("request", "answered", "p50", "p95", "p99", "refused"), rows),
    ]


def _pace(phase: Phase, paces: list[tuple[float, float]]) -> tuple[str, ...]:
    mine = [1000 * took for at, took in paces if phase.began <= at <= phase.ended] or [0.0]
    return (phase.name, *(f"{one:.1f}" for one in (min(mine), median(mine), max(mine))))


def _words(found: Times | None) -> tuple[str, ...]:
    if found is None:
        return ("0", "—", "—", "—")
    return (f"{found.count:,}", *(f"{one:,.0f}" for one in (found.p50, found.p95, found.p99)))


def _part(refused: tuple[int, int]) -> float:
    return refused[0] / refused[1] if refused[1] else 0.0


def _share(refused: tuple[int, int]) -> str:
    return f"{100 * _part(refused):.1f}%"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))
