"""A stream's executions into trades, in bounded memory: what is flat is handed on, what is open is carried along."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from trades.imports.streams import Origin
from trenddojo.domain.positions import CostMethod, Fill, TradeResult, build_trades, split_flip

ENOUGH = 500


@dataclass(slots=True)
class Piece:
    """An execution, or its closing (part 0) or opening part (part 1) where it took the position through zero."""

    fill: Fill
    origin: Origin
    part: int = 0
    is_split: bool = False


@dataclass(slots=True)
class BuiltTrade:
    """What the domain says about a trade, with the pieces it is made of in time order."""

    result: TradeResult
    pieces: list[Piece]


def build(instants: Iterable[list[Origin]], *, multiplier: Decimal, method: CostMethod) -> Iterator[list[BuiltTrade]]:
    """Build a stream's trades, oldest first, in batches. Only the last one of all may be open."""
    pieces: list[Piece] = []
    limit = ENOUGH
    for group in instants:
        if len(pieces) >= limit:
            built = _build(pieces, multiplier, method)
            is_open = not built[-1].result.is_closed
            pieces = built.pop().pieces if is_open else []
            # A position held over many fills is not counted anew at each of them.
            limit = max(ENOUGH, 2 * len(pieces))
            yield built
        pieces.extend(map(_piece, group))
    if pieces:
        yield _build(pieces, multiplier, method)


def _piece(origin: Origin) -> Piece:
    """A whole execution; or the opening part alone, where the trade that its closing part ended is left as it is."""
    part = origin.first.part
    return Piece(origin.fill, origin, part, is_split=bool(part))


def _build(pieces: list[Piece], multiplier: Decimal, method: CostMethod) -> list[BuiltTrade]:
    missing = {piece.fill.key for piece in pieces if piece.origin.first.only_closes}
    results = build_trades(
        [piece.fill for piece in pieces], multiplier=multiplier, method=method, opening_missing=missing
    )
    built = [BuiltTrade(result, []) for result in results]
    entries, exits = _places(results)
    for piece in pieces:
        key = piece.fill.key
        opened, closed = entries.get(key), exits.get(key)
        if opened is not None and closed is not None and opened[0] != closed[0]:
            for at, part in zip((closed[0], opened[0]), _parts(piece, closed[1]), strict=True):
                built[at].pieces.append(part)
        else:
            found = opened or closed
            built[found[0] if found else _by_time(results, piece)].pieces.append(piece)
    return built


Places = dict[str, tuple[int, Decimal]]


def _places(results: list[TradeResult]) -> tuple[Places, Places]:
    """In which trade each fill enters and exits, and with which quantity."""
    entries: Places = {}
    exits: Places = {}
    for at, result in enumerate(results):
        for lot in result.entries:
            entries[lot.fill_key] = (at, lot.quantity)
        for match in result.exits:
            exits[match.fill_key] = (at, match.quantity)
    return entries, exits


def _parts(piece: Piece, closing: Decimal) -> tuple[Piece, Piece]:
    first, second = split_flip(piece.fill, -closing * piece.fill.side.sign)
    return Piece(first, piece.origin, 0, is_split=True), Piece(second, piece.origin, 1, is_split=True)


def _by_time(results: list[TradeResult], piece: Piece) -> int:
    """The trade of a transfer, which is neither an entry nor an exit: the one that was open then."""
    at = piece.fill.executed_at
    around = [
        index
        for index, result in enumerate(results)
        if result.opened_at <= at and (result.closed_at is None or at <= result.closed_at)
    ]
    alone = [index for index in around if not results[index].entries and not results[index].exits]
    return (alone or around or [len(results) - 1])[0]
