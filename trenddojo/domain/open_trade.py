"""A trade while it is open: exits are matched with entries, costs shared, running totals rounded to cents."""

from datetime import datetime
from decimal import Decimal

from trenddojo.domain.fills import CostMethod, Direction, ExitMatch, Fill, FillKind, Lot, TradeResult
from trenddojo.domain.money import NO_MONEY, ZERO, cents, rounded_price

# The rest of an average-cost position is kept to 18 decimals, so that later sums are exact.
_BASIS_QUANTUM = Decimal("1e-18")


class OpenTrade:
    """A trade in progress.

    Since the last entry, `left` of the `pool_quantity` units have gone; they took that share of the pooled entry
    costs (and, at average cost, of the pooled entry value) with them.
    """

    def __init__(self, direction: Direction, opened_at: datetime, multiplier: Decimal, method: CostMethod) -> None:
        self.direction = direction
        self.opened_at = opened_at
        self.last_at = opened_at
        self.signed_multiplier = multiplier * direction.sign
        self.multiplier = multiplier
        self.method = method
        self.entries: list[Lot] = []
        self.exits: list[ExitMatch] = []
        self.queue: list[tuple[Decimal, Decimal]] = []
        self.queue_head = 0
        self.open_quantity = self.peak = self.entered = self.exited = self.transferred = ZERO
        self.pool_quantity = self.left = self.pool_costs = self.pool_value = ZERO
        self.entry_value = self.exit_value = self.open_value = ZERO
        self.gross_exact = self.exit_costs_exact = ZERO
        self.gross = self.exit_costs = self.entry_costs = NO_MONEY
        self.is_incomplete = False

    def enter(self, fill: Fill) -> None:
        value = fill.quantity * fill.price
        self._rebase()
        self.pool_quantity += fill.quantity
        self.pool_costs += fill.costs
        self.pool_value += value
        self.entry_value += value
        self.open_value += value
        self.entered += fill.quantity
        self.open_quantity += fill.quantity
        self.peak = max(self.peak, self.open_quantity)
        self.last_at = fill.executed_at
        self.queue.append((fill.quantity, fill.price))
        self.entries.append(Lot(fill.key, fill.quantity, fill.price, fill.costs, fill.executed_at))
        if fill.kind is FillKind.TRANSFER_IN and fill.price == 0:
            self.is_incomplete = True

    def reduce(self, fill: Fill) -> None:
        """Take up to the open quantity away: a sale for a trade or an expiry, none for a transfer."""
        matched = self._match_average(fill.quantity) if self._averages else self._match_fifo(fill.quantity)
        entry_costs = self._costs_after(self.left + fill.quantity) - self._costs_after(self.left)
        self.left += fill.quantity
        self.open_quantity -= fill.quantity
        self.open_value -= matched
        self.last_at = fill.executed_at
        if fill.kind in (FillKind.TRANSFER_IN, FillKind.TRANSFER_OUT):
            self.transferred += fill.quantity
            return
        self.gross_exact += (fill.quantity * fill.price - matched) * self.signed_multiplier
        self._record_exit(fill, rounded_price(matched / fill.quantity), entry_costs)

    def leave_unmatched(self, fill: Fill) -> None:
        """Note an exit whose entries are missing."""
        self.is_incomplete = True
        self.last_at = fill.executed_at
        if fill.kind is FillKind.TRANSFER_OUT:
            self.transferred += fill.quantity
        else:
            self._record_exit(fill, None, NO_MONEY)

    def result(self) -> TradeResult:
        is_closed = self.open_quantity == 0
        costs = self.entry_costs + self.exit_costs
        return TradeResult(
            direction=self.direction,
            entries=tuple(self.entries),
            exits=tuple(self.exits),
            quantity_entered=self.entered,
            quantity_exited=self.exited,
            quantity_transferred_out=self.transferred,
            open_quantity=self.open_quantity,
            average_entry=rounded_price(self.entry_value / self.entered) if self.entered else None,
            average_exit=rounded_price(self.exit_value / self.exited) if self.exited else None,
            gross=self.gross,
            net=self.gross - costs,
            costs=costs,
            open_entry_costs=cents(self.pool_costs - self._costs_after(self.left)),
            open_cost_basis=cents(self.open_value * self.multiplier),
            opened_at=self.opened_at,
            closed_at=self.last_at if is_closed else None,
            holding_seconds=int((self.last_at - self.opened_at).total_seconds()) if is_closed else None,
            is_closed=is_closed,
            is_incomplete=self.is_incomplete or (is_closed and not self.exits),
            peak_quantity=self.peak,
        )

    @property
    def _averages(self) -> bool:
        return self.method is CostMethod.AVERAGE

    def _rebase(self) -> None:
        """Start the pools anew from what is left of them."""
        if self.left:
            self.pool_costs -= self._costs_after(self.left)
            self.pool_value = (self.pool_value - self._value_after(self.left)).quantize(_BASIS_QUANTUM)
            self.pool_quantity -= self.left
            self.left = ZERO

    def _costs_after(self, left: Decimal) -> Decimal:
        return cents(self.pool_costs * left / self.pool_quantity) if left else NO_MONEY

    def _value_after(self, left: Decimal) -> Decimal:
        return self.pool_value * left / self.pool_quantity

    def _match_average(self, quantity: Decimal) -> Decimal:
        return self._value_after(self.left + quantity) - self._value_after(self.left)

    def _match_fifo(self, quantity: Decimal) -> Decimal:
        """Take `quantity` from the oldest lots; return its entry value (price * quantity)."""
        value = ZERO
        while quantity:
            available, price = self.queue[self.queue_head]
            taken = min(available, quantity)
            value += taken * price
            quantity -= taken
            if taken == available:
                self.queue_head += 1
            else:
                self.queue[self.queue_head] = (available - taken, price)
        return value

    def _record_exit(self, fill: Fill, entry_price: Decimal | None, entry_costs: Decimal) -> None:
        self.exited += fill.quantity
        self.exit_value += fill.quantity * fill.price
        self.exit_costs_exact += fill.costs
        gross = cents(self.gross_exact) - self.gross
        exit_costs = cents(self.exit_costs_exact) - self.exit_costs
        self.gross += gross
        self.exit_costs += exit_costs
        self.entry_costs += entry_costs
        net = gross - entry_costs - exit_costs
        self.exits.append(
            ExitMatch(
                fill.key, fill.quantity, fill.price, entry_price, gross, entry_costs, exit_costs, net, fill.executed_at
            )
        )
