# ruff: noqa: S608 - statements are put together from constants of the code; every value is a parameter
"""What each closed trade adds to the figures, in SQL: the one definition of kept and of filtered figures.

Every complete closed trade (opening fills known) adds its counts and sums to one key of each dimension, and to
one key a tag in the dimension ``tag``. Money sums are exact, so adding and taking away leaves no trace.
"""

from collections.abc import Iterable, Sequence
from typing import Any

COUNTED = "t.status = 'closed' AND NOT t.is_incomplete"
# Which of two trades closed first; of those closed in the same instant the one that was opened first.
CLOSING_ORDER = "t.closed_session, t.exit_date, t.entry_date, t.symbol, t.id"

# R is kept in buckets of 0.05 R between −10 and +20 R; what lies beyond counts in the outermost bucket. The sums in
# a bucket are exact, so means over buckets are too.
R_STEP = "0.05"
R_LOWEST, R_HIGHEST = -200, 400

# Upper bounds in seconds, exclusive; the last bucket is open.
HOLDING_BOUNDS: tuple[int, ...] = (300, 1_800, 7_200, 86_400, 604_800, 2_592_000)

_DIRECTION_SIGN = "CASE t.direction WHEN 'long' THEN 1 ELSE -1 END"
_EXIT = f"""CASE
    WHEN t.initial_stop IS NULL AND t.target_price IS NULL THEN 'unplanned'
    WHEN (t.actual_exit - t.target_price) * {_DIRECTION_SIGN} >= 0 THEN 'target'
    WHEN (t.actual_exit - t.initial_stop) * {_DIRECTION_SIGN} <= 0 THEN 'stop'
    ELSE 'between' END"""
_CHECKLIST = """(SELECT CASE WHEN count(*) = 0 THEN 'none' WHEN bool_and(c.is_met) THEN 'met' ELSE 'missed' END
    FROM checklist_answers c WHERE c.trade_id = t.id)"""
_PLANNED = """CASE WHEN t.planned_r IS NULL THEN 'none' WHEN t.planned_r < 1 THEN '0' WHEN t.planned_r < 2 THEN '1'
    WHEN t.planned_r < 3 THEN '2' ELSE '3' END"""
_HOLDING = f"width_bucket(t.holding_seconds, ARRAY[{', '.join(map(str, HOLDING_BOUNDS))}]::bigint[])::text"
# least() and greatest() pass over nulls, so a trade without R has to be told apart first.
_BUCKET = f"least(greatest(floor(t.r_multiple / {R_STEP}), {R_LOWEST}), {R_HIGHEST})::int::text"
_R = f"CASE WHEN t.r_multiple IS NOT NULL THEN {_BUCKET} END"

# Dimension → the key a trade t has in it; a trade whose key is null is not in that dimension.
KEYS: dict[str, str] = {
    "all": "''",
    "setup": "coalesce(t.setup_id::text, '')",
    "symbol": "t.symbol",
    "direction": "t.direction",
    "weekday": "t.entry_weekday::text",
    "hour": "lpad(t.entry_hour::text, 2, '0')",
    "holding": _HOLDING,
    "month": "to_char(t.closed_session, 'YYYY-MM')",
    "override": "CASE WHEN t.is_override THEN 'yes' ELSE 'no' END",
    "planned": _PLANNED,
    "exit": _EXIT,
    "checklist": _CHECKLIST,
    "r": _R,
}
DIMENSIONS: tuple[str, ...] = (*KEYS, "tag")

SUMS: dict[str, str] = {
    "n": "count(*)",
    "wins": "count(*) FILTER (WHERE t.outcome = 'win')",
    "losses": "count(*) FILTER (WHERE t.outcome = 'loss')",
    "break_evens": "count(*) FILTER (WHERE t.outcome = 'break_even')",
    "sum_gross": "sum(t.gross_pnl)",
    "sum_costs": "sum(t.costs)",
    "sum_net": "sum(t.net_pnl)",
    "sum_wins": "coalesce(sum(t.net_pnl) FILTER (WHERE t.outcome = 'win'), 0)",
    "sum_losses": "coalesce(sum(t.net_pnl) FILTER (WHERE t.outcome = 'loss'), 0)",
    "r_n": "count(t.r_multiple)",
    "r_sum": "coalesce(sum(t.r_multiple), 0)",
    "r_sum_squares": "coalesce(sum(t.r_multiple * t.r_multiple), 0)",
    "planned_r_n": "count(t.planned_r)",
    "planned_r_sum": "coalesce(sum(t.planned_r), 0)",
    "sum_holding_seconds": "coalesce(sum(t.holding_seconds), 0)",
}

# What a trade adds to the session it was closed in, and what an exit adds to the session it happened in.
DAY_SUMS: dict[str, str] = {name: SUMS[name] for name in ("n", "wins", "losses", "break_evens", "r_n", "r_sum")} | {
    "closed_net": "sum(t.net_pnl)",
}
EXIT_SUMS: dict[str, str] = {
    "realised_gross": "sum(f.realised_gross)",
    "realised_costs": "sum(f.realised_costs)",
    "realised_net": "sum(f.realised_net)",
}


# The columns of a trade that any of these statements reads.
COLUMNS: tuple[str, ...] = (
    *("id", "account_id", "status", "is_incomplete", "setup_id", "symbol", "direction", "entry_weekday", "entry_hour"),
    *("holding_seconds", "closed_session", "is_override", "planned_r", "initial_stop", "target_price", "actual_exit"),
    *("r_multiple", "outcome", "gross_pnl", "costs", "net_pnl", "exit_date", "entry_date"),
)


_SUMMED_COLUMNS = (
    *("id", "account_id", "outcome", "gross_pnl", "costs", "net_pnl"),
    *("r_multiple", "planned_r", "holding_seconds"),
)
_SUM_LIST = ", ".join(f"{expression} AS {name}" for name, expression in SUMS.items())


def contributions(dimensions: Iterable[str], where: str, *, table: str = "trades") -> str:
    """SELECT account_id, dimension, key and every sum, for the trades ``t`` of the table that ``where`` keeps.

    One pass over the trades serves all dimensions: each key is computed once a trade and grouped by on its own.
    """
    wanted = tuple(dimensions)
    unknown = set(wanted) - set(DIMENSIONS)
    if unknown:
        raise ValueError(f"no such dimension: {', '.join(sorted(unknown))}")
    of_trades = [name for name in wanted if name != "tag"]
    parts = [_BY_TAG] if "tag" in wanted else []
    parts += [_by_keys(of_trades)] if of_trades else []
    columns = [f"t.{name}" for name in _SUMMED_COLUMNS]
    columns += [f"{KEYS[name]} AS key_{name}" for name in of_trades if name != "all"]
    kept = f"SELECT {', '.join(columns)} FROM {table} t WHERE {COUNTED} AND {where}"
    return f"WITH keyed AS ({kept}) {' UNION ALL '.join(parts)}"


def _by_keys(dimensions: Sequence[str]) -> str:
    keyed = [name for name in dimensions if name != "all"]
    sets = ", ".join("(account_id)" if name == "all" else f"(account_id, key_{name})" for name in dimensions)
    dimension = "".join(f" WHEN grouping(key_{name}) = 0 THEN '{name}'" for name in keyed)
    key = "".join(f" WHEN grouping(key_{name}) = 0 THEN key_{name}" for name in keyed)
    return (
        f"SELECT * FROM (SELECT account_id, CASE{dimension} WHEN TRUE THEN 'all' END AS dimension, "
        f"CASE{key} WHEN TRUE THEN '' END AS key, {_SUM_LIST} "
        f"FROM keyed t GROUP BY GROUPING SETS ({sets})) AS summed WHERE key IS NOT NULL"
    )


# A trade counts once for each of its tags, and under no tag when it has none.
_BY_TAG = (
    f"SELECT t.account_id, 'tag' AS dimension, coalesce(g.tag_id::text, '') AS key, {_SUM_LIST} "
    "FROM keyed t LEFT JOIN trade_tags g ON g.trade_id = t.id GROUP BY 1, 3"
)


def closed_days(where: str, *, table: str = "trades") -> str:
    """SELECT account_id, day and what the trades closed that session add to it."""
    sums = ", ".join(f"{expression} AS {name}" for name, expression in DAY_SUMS.items())
    return (
        f"SELECT t.account_id, t.closed_session AS day, {sums} FROM {table} t "
        f"WHERE {COUNTED} AND {where} GROUP BY t.account_id, t.closed_session"
    )


def exit_days(where: str, *, table: str = "trades") -> str:
    """SELECT account_id, day and what the exits of that session realised, partial ones of open trades included."""
    sums = ", ".join(f"{expression} AS {name}" for name, expression in EXIT_SUMS.items())
    return (
        f"SELECT t.account_id, f.session AS day, {sums} FROM {table} t JOIN fills f ON f.trade_id = t.id "
        f"WHERE f.is_exit AND NOT t.is_incomplete AND {where} GROUP BY t.account_id, f.session"
    )


def day_changes(where: str, *, table: str = "trades") -> str:
    """SELECT account_id, day and everything these trades and their exits add to the row of that session."""
    names = (*DAY_SUMS, *EXIT_SUMS)
    sums = ", ".join(f"sum({name}) AS {name}" for name in names)
    closed = ", ".join(name if name in DAY_SUMS else f"0 AS {name}" for name in names)
    exits = ", ".join(name if name in EXIT_SUMS else f"0 AS {name}" for name in names)
    return (
        f"SELECT account_id, day, {sums} FROM ("
        f"SELECT account_id, day, {closed} FROM ({closed_days(where, table=table)}) AS closed UNION ALL "
        f"SELECT account_id, day, {exits} FROM ({exit_days(where, table=table)}) AS exits"
        ") AS changes GROUP BY account_id, day"
    )


def rows(cursor: Any) -> list[dict[str, Any]]:
    """The answer of a cursor, each row by column name."""
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
