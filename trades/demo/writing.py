"""Puts the demo story down: a trader, two accounts, setups, tags, trades with their fills, a journal.

The rows go in as a trader's typing would leave them; everything computed is computed by the same services.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db.models import F
from django.utils import timezone

from accounts.calendars import sessions_between
from accounts.models import CashMovement, CashMovementKind, RiskPolicy, TradingAccount, User
from trades.demo import playbook
from trades.demo.market import BAR, Bar, Listing, walk
from trades.demo.story import StoryTrade, tell
from trades.imports.bar_file import BarFile, BarRow
from trades.models import ChecklistAnswer, Fill, JournalDay, Setup, StopMove, Tag, Trade, TradeTarget
from trades.services.columns import domain_fill
from trades.services.figures import figures_following
from trades.services.own_bars import bars_keep
from trades.services.recompute import trade_recompute
from trenddojo.domain import commission
from trenddojo.domain.fills import Direction, Side
from trenddojo.domain.instruments import Fractions, instrument_for
from trenddojo.domain.metrics import excursions
from trenddojo.domain.sizing import SizingInput, size_position

SEED = "trenddojo"
YEAR = timedelta(days=365)
# Half-hour bars from one trade to the next in the same symbol.
PAUSE_BARS = (70, 190)
BAR_SIZE = "30Min"


@dataclass(slots=True)
class Diary:
    """What is remembered while the year is written down."""

    account: TradingAccount
    setups: dict[str, Setup]
    tags: dict[str, list[Tag]]
    chance: random.Random
    equity: Decimal
    # (when, net result) of trades that are closed later than the one being written.
    pending: list[tuple[datetime, Decimal]] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    stories: list[StoryTrade] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)

    def equity_at(self, at: datetime) -> Decimal:
        known = [net for closed_at, net in self.pending if closed_at <= at]
        self.pending = [entry for entry in self.pending if entry[0] > at]
        self.equity += sum(known, Decimal(0))
        return self.equity


def demo_write(user: User, *, until: date) -> list[Trade]:
    """Write the demo trader's year up to and including `until`; the caller has opened the transaction."""
    setups, tags = _setups(user), _tags(user)
    main = _account(user, "Main account", until=until, broker="interactive_brokers", starting_balance=Decimal(60000))
    _cash(main, until=until)
    trades = _year(main, playbook.LISTINGS, setups=setups, tags=tags, until=until, pause=PAUSE_BARS)
    coins = _account(
        user,
        "Crypto",
        until=until,
        currency="EUR",
        exchange="24/7",
        starting_balance=Decimal(8000),
        account_type="paper",
    )
    trades += _year(coins, playbook.CRYPTO, setups=setups, tags=tags, until=until, pause=(260, 620))
    _plans(main, setups)
    _journal(user, tags["emotion"], trades)
    return trades


def _setups(user: User) -> dict[str, Setup]:
    found = {}
    for play in playbook.PLAYS:
        setup = Setup.objects.create(owner=user, name=play.name, description=play.description)
        for position, text in enumerate(play.criteria):
            setup.criteria.create(text=text, position=position)
        found[play.name] = setup
    return found


def _tags(user: User) -> dict[str, list[Tag]]:
    words = {"tag": playbook.TAGS, "mistake": playbook.MISTAKES, "emotion": playbook.EMOTIONS}
    return {
        kind: [Tag.objects.create(owner=user, kind=kind, name=name) for name in names] for kind, names in words.items()
    }


def _account(user: User, name: str, *, until: date, **fields: object) -> TradingAccount:
    account = TradingAccount.objects.create(owner=user, name=name, opened_on=until - YEAR, **fields)
    RiskPolicy.objects.create(account=account, risk_per_trade_percent=Decimal("0.75"))
    return account


def _cash(account: TradingAccount, *, until: date) -> None:
    kinds = CashMovementKind
    moves = [
        (kinds.DEPOSIT, "10000", 240, "Savings"),
        (kinds.WITHDRAWAL, "4000", 95, "New roof"),
        *((kinds.CHARGE, "24.50", 15 + 30 * month, "Market data") for month in range(12)),
        *((kinds.INTEREST, "41.20", 20 + 91 * quarter, "Interest on cash") for quarter in range(4)),
    ]
    CashMovement.objects.bulk_create(
        CashMovement(
            account=account, kind=kind, amount=Decimal(amount), moved_on=until - timedelta(days=days), note=note
        )
        for kind, amount, days, note in moves
    )


def _year(
    account: TradingAccount,
    listings: Sequence[Listing],
    *,
    setups: dict[str, Setup],
    tags: dict[str, list[Tag]],
    until: date,
    pause: tuple[int, int],
) -> list[Trade]:
    sessions = sessions_between("XNYS", until - YEAR, until - timedelta(days=1))
    markets = {listing.symbol: walk(listing, sessions, seed=SEED) for listing in listings}
    stories = [
        story for listing in listings for story in tell(listing, markets[listing.symbol], seed=SEED, pause_bars=pause)
    ]
    chance = random.Random(f"{SEED}:{account.name}")  # noqa: S311 - a story, not a secret
    diary = Diary(account, setups, tags, chance, account.starting_balance)
    for story in sorted(stories, key=lambda story: story.entry_at):
        _tell_trade(diary, story)
    _store(diary, markets)
    return diary.trades


def _tell_trade(diary: Diary, story: StoryTrade) -> None:
    quantity = _size(diary, story)
    if quantity == 0:
        return
    trade = Trade(
        owner_id=diary.account.owner_id,
        account=diary.account,
        symbol=story.listing.symbol,
        asset_class=story.listing.asset_class.value,
        direction=story.direction.value,
        entry_price=story.entry,
        stop_loss=story.stop_moves[-1][1] if story.stop_moves else story.stop,
        initial_stop=story.stop,
        target_price=story.target,
        planned_quantity=quantity,
        planned_r=Decimal(str(story.play.target_r)),
        setup=diary.setups[story.play.name],
        occurred_at=story.entry_at,
    )
    fills = list(_fills(diary.account, trade, story, quantity))
    _write_notes(diary.chance, trade, story, fills)
    if story.is_finished:
        diary.pending.append((fills[-1].executed_at, _net(fills)))
    diary.trades.append(trade)
    diary.stories.append(story)
    diary.fills += fills


def _size(diary: Diary, story: StoryTrade) -> Decimal:
    fractions = Fractions.ALLOWED if diary.account.allows_fractions else Fractions.WHOLE
    sized = size_position(
        SizingInput(
            direction=story.direction,
            entry=story.entry,
            stop=story.stop,
            target=story.target,
            equity=diary.equity_at(story.entry_at),
            risk_percent=Decimal("0.75"),
            instrument=instrument_for(story.listing.symbol, story.listing.asset_class, fractions=fractions),
        )
    )
    if not story.is_finished:
        # Half of it: what is open together leaves room for a plan of whoever looks around.
        return sized.quantity // 2
    return sized.quantity.quantize(Decimal("0.0001")).normalize() if sized.quantity % 1 else sized.quantity


def _fills(account: TradingAccount, trade: Trade, story: StoryTrade, quantity: Decimal) -> Iterable[Fill]:
    open_quantity = Decimal(0)
    places = Decimal("0.0001") if story.listing.asset_class == "crypto" else Decimal(1)
    for execution in story.executions:
        wanted = open_quantity if execution.share is None else (quantity * execution.share).quantize(places)
        if wanted == 0 or (not execution.opens and execution.share is not None and wanted >= open_quantity):
            continue
        side = story.direction.entry_side if execution.opens else story.direction.exit_side
        open_quantity += wanted if execution.opens else -wanted
        cost = commission.estimate(
            account.broker,
            story.listing.asset_class,
            side=Side(side),
            quantity=wanted,
            price=execution.price,
            multiplier=Decimal(1),
            on=execution.at.date(),
        )
        yield Fill(
            account=account,
            trade=trade,
            side=side.value,
            quantity=wanted,
            price=execution.price,
            commission=cost.commission,
            fees=cost.fees,
            executed_at=execution.at,
            session=execution.at.date(),
        )


def _net(fills: Sequence[Fill]) -> Decimal:
    """The trade's result, good enough to size the next one by."""
    paid = {"buy": Decimal(-1), "sell": Decimal(1)}
    return sum(
        (paid[fill.side] * fill.quantity * fill.price - fill.commission - fill.fees for fill in fills), Decimal(0)
    )


def _write_notes(chance: random.Random, trade: Trade, story: StoryTrade, fills: Sequence[Fill]) -> None:
    trade.thesis = chance.choice(playbook.THESES).format(entry=story.entry, stop=story.stop, target=story.target)
    if not story.is_finished:
        return
    if chance.random() < 0.5:  # noqa: PLR2004 - half the trades
        trade.notes_during = chance.choice(playbook.DURING)
    won = _net(fills) > 0
    if chance.random() < 0.8:  # noqa: PLR2004 - most trades are reviewed
        trade.notes_after = chance.choice(playbook.AFTER_WIN if won else playbook.AFTER_LOSS)
        trade.rating = chance.choice((3, 4, 4, 5) if won else (2, 3, 3, 4))


def _store(diary: Diary, markets: dict[str, list[Bar]]) -> None:
    _keep_bars(diary.account.owner, markets)
    Trade.objects.bulk_create(diary.trades)
    Fill.objects.bulk_create(diary.fills)
    for trade, story in zip(diary.trades, diary.stories, strict=True):
        _store_around(diary, trade, story)
    with figures_following(diary.account) as following:
        for trade, story in zip(diary.trades, diary.stories, strict=True):
            trade_recompute(trade)
            _measure(trade, markets[story.listing.symbol])
        following.add(trade.pk for trade in diary.trades)


def _store_around(diary: Diary, trade: Trade, story: StoryTrade) -> None:
    """Targets, the stop's history, the checklist and the tags of one trade."""
    chance = diary.chance
    TradeTarget.objects.create(trade=trade, price=story.target)
    StopMove.objects.create(trade=trade, moved_at=story.entry_at - timedelta(minutes=1), to_price=story.stop)
    for at, price in story.stop_moves:
        StopMove.objects.create(trade=trade, moved_at=at, from_price=story.stop, to_price=price, note="To break-even")
    ChecklistAnswer.objects.bulk_create(
        ChecklistAnswer(
            trade=trade, criterion=criterion, text=criterion.text, position=criterion.position,
            is_met=chance.random() < 0.85,  # noqa: PLR2004 - most criteria are met
        )
        for criterion in diary.setups[story.play.name].criteria.all()
    )  # fmt: skip
    odds = {"tag": 0.35, "mistake": 0.15, "emotion": 0.5}
    trade.tags.set([chance.choice(diary.tags[kind]) for kind, odd in odds.items() if chance.random() < odd])


def _keep_bars(owner: User, markets: dict[str, list[Bar]]) -> None:
    """The market the trades were made in, as if it had come from files."""
    for symbol, bars in markets.items():
        rows = [BarRow(bar.at, bar.open, bar.high, bar.low, bar.close, Decimal(0)) for bar in bars]
        read = BarFile(BAR_SIZE, rows, 0)
        bars_keep(owner=owner, symbol=symbol, read=read, splits=(), file_name="demo.csv", now=timezone.now())


def _measure(trade: Trade, bars: Sequence[Bar]) -> None:
    """MAE and MFE of a closed trade from the half-hour bars it was open in."""
    if trade.exit_date is None:
        return
    fills = list(trade.fills.order_by("executed_at"))
    inside = [
        excursions.Bar(bar.at, bar.high, bar.low) for bar in bars if trade.entry_date - BAR < bar.at <= trade.exit_date
    ]
    found = excursions.excursions(
        [domain_fill(fill) for fill in fills],
        inside,
        direction=Direction(trade.direction),
        multiplier=trade.multiplier,
        bar_size=BAR,
        initial_risk=trade.initial_risk,
    )
    if found is None:
        return
    Trade.objects.filter(pk=trade.pk).update(
        mae=found.mae_money,
        mfe=found.mfe_money,
        mae_price=found.mae_price,
        mfe_price=found.mfe_price,
        excursion_bar=BAR_SIZE,
        measured_version=F("version"),
    )


def _plans(account: TradingAccount, setups: dict[str, Setup]) -> None:
    """Two plans that wait for their price."""
    now = timezone.now()
    for symbol, entry, stop, target, quantity in (
        ("GOOG", "182.40", "178.90", "192.90", 40),
        ("IWM", "228.15", "225.60", "235.80", 50),
    ):
        trade = Trade.objects.create(
            owner_id=account.owner_id,
            account=account,
            symbol=symbol,
            asset_class="etf" if symbol == "IWM" else "stock",
            direction="long",
            entry_price=Decimal(entry),
            stop_loss=Decimal(stop),
            initial_stop=Decimal(stop),
            target_price=Decimal(target),
            planned_quantity=Decimal(quantity),
            planned_r=Decimal(3),
            initial_risk=(Decimal(entry) - Decimal(stop)) * quantity,
            setup=setups["Pullback to the 20-day average"],
            thesis=f"Waits above {entry}. No trade if the market opens below yesterday's low.",
            occurred_at=now,
        )
        TradeTarget.objects.create(trade=trade, price=trade.target_price)
        StopMove.objects.create(trade=trade, moved_at=now, to_price=trade.stop_loss)


def _journal(user: User, emotions: Sequence[Tag], trades: Sequence[Trade]) -> None:
    chance = random.Random(f"{SEED}:journal")  # noqa: S311 - a story, not a secret
    days = sorted({trade.entry_date.astimezone(UTC).date() for trade in trades if trade.entry_date})
    for day in days:
        if chance.random() > 0.4:  # noqa: PLR2004 - two days in five
            continue
        page = JournalDay.objects.create(
            owner=user,
            day=day,
            plan=chance.choice(playbook.DAY_PLANS),
            review=chance.choice(playbook.DAY_REVIEWS),
            rating=chance.randint(2, 5),
        )
        page.tags.add(chance.choice(emotions))
