"""Words for buying and selling, as brokers write them."""

from functools import lru_cache

from trades.imports.formats import NOT_FILLS, SIDE_PHRASE_WORDS, SIDES, plain_name


@lru_cache(maxsize=4096)
def read_side(text: str) -> tuple[str, str] | None:
    """Side and whether the words open or close a position; None for words that are neither.

    "SELL", "SLD", "Sell short" and "Bought 100 AAPL @ 187.45" are all understood.
    """
    found = SIDES.get(plain_name(text))
    if found is not None:
        return found
    words = text.split()
    for count in range(min(SIDE_PHRASE_WORDS, len(words)), 0, -1):
        found = SIDES.get(plain_name("".join(words[:count])))
        if found is not None and len(plain_name(words[0])) > 1:
            return found
    return None


@lru_cache(maxsize=4096)
def is_no_fill(text: str) -> bool:
    """Dividends, transfers and totals stand between the fills of many statements."""
    words = " ".join(text.lower().replace("_", " ").replace("-", " ").split())
    return any(words == name or words.startswith((f"{name} ", f"{name}s")) for name in NOT_FILLS)
