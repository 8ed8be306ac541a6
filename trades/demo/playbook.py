"""What the demo trader trades, how, and what is written about it."""

from dataclasses import dataclass

from trades.demo.market import Listing
from trenddojo.domain.instruments import AssetClass

LISTINGS = (
    Listing("AAPL", AssetClass.STOCK, 212.0, 0.016, held_at_the_end=True),
    Listing("AMD", AssetClass.STOCK, 138.0, 0.029),
    Listing("COST", AssetClass.STOCK, 905.0, 0.013),
    Listing("JPM", AssetClass.STOCK, 241.0, 0.014, held_at_the_end=True),
    Listing("META", AssetClass.STOCK, 572.0, 0.021),
    Listing("MSFT", AssetClass.STOCK, 421.0, 0.014),
    Listing("NVDA", AssetClass.STOCK, 139.0, 0.028),
    Listing("QQQ", AssetClass.ETF, 508.0, 0.012, held_at_the_end=True),
    Listing("SPY", AssetClass.ETF, 586.0, 0.009),
    Listing("TSLA", AssetClass.STOCK, 334.0, 0.034),
    Listing("XOM", AssetClass.STOCK, 112.0, 0.013),
)
CRYPTO = (
    Listing("BTC/EUR", AssetClass.CRYPTO, 61_200.0, 0.024),
    Listing("ETH/EUR", AssetClass.CRYPTO, 2_480.0, 0.031),
)


@dataclass(frozen=True, slots=True)
class Play:
    """How a setup is traded: its stop in days' movements, its target in R, how long it is held,
    and how much more often than a coin it is right (below zero: less often)."""

    name: str
    description: str
    criteria: tuple[str, ...]
    share: float
    stop_days: float
    target_r: float
    longest_bars: int
    edge: float
    scale_in: float
    scale_out: float


PLAYS = (
    Play(
        "Opening range breakout",
        "First half hour's range breaks with volume; out by the close.",
        ("Relative volume above 1.5", "Market moves the same way", "No news in the next hour"),
        share=0.4, stop_days=0.45, target_r=2.0, longest_bars=11, edge=0.22, scale_in=0.0, scale_out=0.35,
    ),
    Play(
        "Pullback to the 20-day average",
        "A leader rests on its rising 20-day average; held for days.",
        ("Above a rising 50-day average", "Volume dries up in the pullback", "Sector in the top third"),
        share=0.3, stop_days=1.1, target_r=3.0, longest_bars=95, edge=0.32, scale_in=0.3, scale_out=0.4,
    ),
    Play(
        "Failed breakdown",
        "A break below support is bought back within two days.",
        ("Support tested at least three times", "Closes back inside the range"),
        share=0.18, stop_days=0.9, target_r=2.5, longest_bars=65, edge=0.2, scale_in=0.1, scale_out=0.3,
    ),
    Play(
        "Earnings drift",
        "Goes with a gap of more than one day's movement after results.",
        ("Gap held the first hour", "Guidance raised or cut", "Volume above twice the average"),
        share=0.12, stop_days=1.3, target_r=3.0, longest_bars=130, edge=-0.2, scale_in=0.2, scale_out=0.3,
    ),
)  # fmt: skip

THESES = (
    "Tight range for three days under {entry}. Above it I see little supply before {target}.",
    "Relative strength all week while the index sold off. Stop at {stop}, **no adding below entry**.",
    "Second attempt at this level. If it does not move within an hour I am wrong.",
    "Clean structure: higher lows into resistance. Target {target} is last month's high.",
    "Volume came in at {entry}. The stop at {stop} is below the last swing.",
)
DURING = (
    "Moved as planned, raised nothing before +1 R.",
    "Choppy around the entry. Kept my hands off the stop.",
    "Market turned at noon; tightened to the last swing.",
    "Strong close, kept the rest overnight.",
)
AFTER_WIN = (
    "Followed the plan to the letter. The scale-out at +1 R made it easy to hold.",
    "Good entry, a little early out. The target was hit an hour later.",
    "Exactly the checklist. More of these.",
)
AFTER_LOSS = (
    "Valid setup, no follow-through. Small loss, fine.",
    "Entered half an hour too early: the range was not done yet.",
    "Should have seen that the market was against it. The checklist said so.",
)
TAGS = ("A+ setup", "Against the market", "Earnings week", "High volume")
MISTAKES = ("Chased the entry", "Sold too early", "Ignored the checklist", "Too large")
EMOTIONS = ("Calm", "Confident", "Impatient", "Afraid of missing out")
DAY_PLANS = (
    "Index above yesterday's high: breakouts only. At most three trades.",
    "Fed minutes at 14:00. Flat before, small after.",
    "Nothing on the list is ready. Wait for the second hour.",
)
DAY_REVIEWS = (
    "Traded the plan. Two good decisions, one impatient one.",
    "Quiet day, no trade after noon. That was right.",
    "Gave back the morning's gain by trading the lunch hour. Rule: no entries from 12 to 14.",
)
