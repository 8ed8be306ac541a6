"""Fifty traders with five years of trades, made in the database by INSERT … SELECT. Deterministic by a seed."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import CashMovement, RiskPolicy, TradingAccount, User
from trades.models import Setup, Tag, TagKind
from trades.services.figures import figures_rebuild

USERS = 50
SIZES = (1_000, 10_000, 100_000)
OTHERS = 500
LAST_DAY = timezone.now().date() - timedelta(days=1)
OPENED_ON = LAST_DAY - timedelta(days=5 * 365)
SETUPS = ("Breakout", "Pullback", "Reversal", "Gap and go", "Range", "Earnings drift")
TAGS = ("A+", "Late entry", "Chased", "Calm", "Tired", "News", "First hour", "Follow-up")

_TRADES = """
INSERT INTO trades (id, owner_id, account_id, symbol, asset_class, multiplier, direction, status, entry_price,
    stop_loss, target_price, planned_quantity, planned_r, initial_stop, initial_risk, setup_id, is_override,
    quantity, open_quantity, actual_entry, actual_exit, entry_date, exit_date, gross_pnl, costs, net_pnl, r_multiple,
    gross_r, outcome, open_risk, open_value, holding_seconds, holding_sessions, has_estimated_costs, is_incomplete,
    closed_session, entry_weekday, entry_hour, excursion_bar, broker, broker_order_id,
    broker_sync_status, thesis, notes_during, notes_after, rating, occurred_at,
    version, creation_key, created_at, updated_at)
WITH days AS (
    SELECT day::date, row_number() OVER (ORDER BY day) - 1 AS place
    FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS day WHERE extract(isodow FROM day) < 6
), drawn AS (
    SELECT n, (n::bigint * (SELECT count(*) FROM days) / %(count)s) AS place, random() AS luck, random() AS size,
        random() AS pick, random() AS clock, random() AS held, random() AS way, random() AS price, random() AS words
    FROM generate_series(0, %(count)s - 1) AS n
), priced AS (
    SELECT d.*, days.day, (20 + price * 200)::numeric(20, 2) AS entry, (10 + floor(size * 190))::int AS shares,
        CASE WHEN way < 0.7 THEN 'long' ELSE 'short' END AS direction, CASE WHEN way < 0.7 THEN 1 ELSE -1 END AS s,
        CASE WHEN luck < 0.45 THEN 0.3 + 3 * random() WHEN luck < 0.48 THEN 0 ELSE -1.05 + 0.8 * random() ^ 3 END AS r,
        day::timestamp AT TIME ZONE 'America/New_York' + interval '9 hours 30 minutes' + clock * interval '5 hours'
            AS entered, (120 + held ^ 4 * 5000)::bigint AS seconds
    FROM drawn d JOIN days USING (place)
), moved AS (
    SELECT *, (entry * 0.02)::numeric(20, 2) AS stop_gap FROM priced
), closed AS (
    SELECT *, (entry + s * r * stop_gap)::numeric(20, 2) AS exit_at FROM moved
), counted AS (
    SELECT *, ((exit_at - entry) * s * shares)::numeric(20, 2) AS gross FROM closed
), netted AS (
    SELECT *, gross - 2.00 AS net, (stop_gap * shares)::numeric(20, 2) AS risk FROM counted
)
SELECT gen_random_uuid(), %(owner)s, %(account)s, (%(symbols)s::text[])[1 + floor(pick ^ 2 * 119)::int], 'stock', 1,
    direction, 'closed', entry, entry - s * stop_gap, entry + s * 2 * stop_gap, shares, 2, entry - s * stop_gap, risk,
    (%(setups)s::uuid[])[1 + floor(words * 6.99)::int], words > 0.98, shares, 0, entry, exit_at, entered,
    entered + seconds * interval '1 second', gross, 2.00, net, (net / risk)::numeric(14, 4),
    (gross / risk)::numeric(14, 4), CASE WHEN net > 0 THEN 'win' WHEN net < 0 THEN 'loss' ELSE 'break_even' END, 0, 0,
    seconds, 1, false, false, day, extract(isodow FROM day)::int - 1,
    extract(hour FROM entered AT TIME ZONE 'America/New_York')::int, '', '', '', '', 'Above the level with volume.', '',
    CASE WHEN words < 0.8 THEN 'Went as planned, sold into strength.' ELSE '' END,
    CASE WHEN words < 0.6 THEN 1 + floor(words * 8)::int %% 5 END, entered, 1, gen_random_uuid(), entered, entered
FROM netted
"""

_FILLS = """
INSERT INTO fills (id, account_id, trade_id, kind, side, quantity, price, commission, fees, has_estimated_costs,
    executed_at, execution_id, part, content_key, content_number, is_exit, realised_gross, realised_costs, realised_net,
    session, creation_key, created_at, updated_at)
SELECT gen_random_uuid(), t.account_id, t.id, 'trade',
    CASE WHEN (t.direction = 'long') = (way = 0) THEN 'buy' ELSE 'sell' END, t.quantity,
    CASE way WHEN 0 THEN t.actual_entry ELSE t.actual_exit END, 1, 0, false,
    CASE way WHEN 0 THEN t.entry_date ELSE t.exit_date END, '', 0, '', 0, way = 1,
    CASE way WHEN 1 THEN t.gross_pnl ELSE 0 END, CASE way WHEN 1 THEN t.costs ELSE 0 END,
    CASE way WHEN 1 THEN t.net_pnl ELSE 0 END, t.closed_session, gen_random_uuid(), t.entry_date, t.entry_date
FROM trades t CROSS JOIN generate_series(0, 1) AS way WHERE t.account_id = %(account)s AND t.status = 'closed'
"""

_TAGGED = """
INSERT INTO trade_tags (trade_id, tag_id)
SELECT id, (%(tags)s::uuid[])[1 + mod(abs(hashtext(id::text)), 8)] FROM trades
WHERE account_id = %(account)s AND status = 'closed' AND mod(abs(hashtext(id::text || 'tag')), 3) = 0
"""

_OPEN = """
INSERT INTO trades (id, owner_id, account_id, symbol, asset_class, multiplier, direction, status, entry_price,
    stop_loss, target_price, planned_quantity, planned_r, initial_stop, initial_risk, is_override, quantity,
    open_quantity, actual_entry, entry_date, gross_pnl, costs, net_pnl, outcome, open_risk, open_value,
    has_estimated_costs, is_incomplete, excursion_bar, broker, broker_order_id, broker_sync_status, thesis,
    notes_during, notes_after, occurred_at, version,
    creation_key, created_at, updated_at)
SELECT gen_random_uuid(), %(owner)s, %(account)s, 'OPEN' || n, 'stock', 1, 'long',
    CASE WHEN n <= 6 THEN 'active' ELSE 'planned' END, 100, CASE WHEN n = 1 THEN NULL ELSE 96 END, 112, 50, 3,
    CASE WHEN n = 1 THEN NULL ELSE 96 END, CASE WHEN n = 1 THEN NULL ELSE 200 END, false,
    CASE WHEN n <= 6 THEN 50 ELSE 0 END, CASE WHEN n <= 6 THEN 50 ELSE 0 END, CASE WHEN n <= 6 THEN 100 END,
    CASE WHEN n <= 6 THEN at END, 0, 0, 0, '', CASE WHEN n BETWEEN 2 AND 6 THEN 200 ELSE 0 END,
    CASE WHEN n <= 6 THEN 5000 ELSE 0 END, false, false, '', '', '', '', 'Above the level with volume.', '', '', at, 1,
    gen_random_uuid(), at, at
FROM generate_series(1, 10) AS n CROSS JOIN (SELECT now() - interval '2 days' AS at) AS clock
"""

_ENTRIES = """
INSERT INTO fills (id, account_id, trade_id, kind, side, quantity, price, commission, fees, has_estimated_costs,
    executed_at, execution_id, part, content_key, content_number, is_exit, realised_gross, realised_costs, realised_net,
    session, creation_key, created_at, updated_at)
SELECT gen_random_uuid(), t.account_id, t.id, 'trade', 'buy', t.quantity, t.actual_entry, 0, 0, false, t.entry_date,
    '', 0, '', 0, false, 0, 0, 0, t.entry_date::date, gen_random_uuid(), t.entry_date, t.entry_date
FROM trades t WHERE t.account_id = %(account)s AND t.status = 'active'
"""


@dataclass(frozen=True)
class Trader:
    user: User
    account: TradingAccount
    trades: int


def traders_make() -> list[Trader]:
    """One trader of each size and the others around them; the database is at rest at the end."""
    made = [_trader(f"trader-{size}", size) for size in SIZES]
    for number in range(USERS - len(SIZES)):
        _trader(f"other-{number}", OTHERS)
    database_rests()
    return made


def database_rests() -> None:
    """What much writing leaves to do is done now, and not while something else is measured."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def _trader(name: str, count: int) -> Trader:
    user = User.objects.create_user(username=name, email=f"{name}@example.com")
    account = TradingAccount.objects.create(
        owner=user, name="Main", starting_balance=Decimal(500_000), opened_on=OPENED_ON
    )
    RiskPolicy.objects.create(account=account)
    _cash(account)
    trader_fill(account, count)
    figures_rebuild(account)
    return Trader(user, account, count)


def _cash(account: TradingAccount) -> None:
    CashMovement.objects.bulk_create(
        CashMovement(account=account, kind=kind, amount=Decimal(amount), moved_on=date(year, month, 15))
        for year in range(OPENED_ON.year + 1, LAST_DAY.year + 1)
        for month, kind, amount in ((3, "deposit", 10_000), (6, "dividend", 120), (9, "withdrawal", 4_000))
    )


def trader_fill(account: TradingAccount, count: int) -> None:
    """Closed trades with their fills and tags, and ten unfinished trades."""
    setups = Setup.objects.bulk_create(Setup(owner=account.owner, name=name) for name in SETUPS)
    tags = Tag.objects.bulk_create(Tag(owner=account.owner, kind=TagKind.TAG, name=name) for name in TAGS)
    parameters: dict[str, Any] = {
        "owner": account.owner_id,
        "account": account.pk,
        "count": count,
        "first": OPENED_ON,
        "last": LAST_DAY,
        "symbols": [
            f"{letter}{second}{'X' if third else ''}"
            for letter in "ABCDEFGHIJKL"
            for second in "ABCDE"
            for third in (0, 1)
        ],
        "setups": _keys(setups),
        "tags": _keys(tags),
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        for statement in (_TRADES, _FILLS, _TAGGED, _OPEN, _ENTRIES):
            cursor.execute(statement, parameters)


def _keys(rows: list[Any]) -> list[UUID]:
    return [row.pk for row in rows]
