"""An order seen from both sides: whatever was lost, repeated, overtaken or lied about on the way, one look at the broker
makes the desk say what the broker says."""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trenddojo.domain.order_state import (
    AT_BROKER,
    REPORTED,
    TERMINAL,
    TRANSITIONS,
    UNSENT,
    OrderFact,
    OrderState,
    next_state,
    told_fact,
)

S, F = OrderState, OrderFact
QUANTITY = 10
# What only the desk or its trader does; the rest is what brokers say.
OURS = frozenset(F) - frozenset(REPORTED.values())
ENDS = (S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED, S.REPLACED)
# Where an order at the broker may go next; what was replaced works on when its replacement is refused after all.
BROKERS_WAYS = {
    S.ACCEPTED: (S.ACCEPTED, S.PARTIALLY_FILLED, S.CANCELLING, *ENDS),
    S.PARTIALLY_FILLED: (S.PARTIALLY_FILLED, S.CANCELLING, S.FILLED, S.CANCELLED, S.EXPIRED, S.REPLACED),
    S.CANCELLING: (S.ACCEPTED, S.CANCELLING, *ENDS),
    S.REPLACED: (S.ACCEPTED, S.CANCELLED, S.EXPIRED, S.FILLED),
    # It forgot the order, and finds it again.
    S.CANCELLED: (S.ACCEPTED,),
    S.EXPIRED: (S.ACCEPTED,),
    S.REJECTED: (S.ACCEPTED,),
}


@dataclass(frozen=True)
class Word:
    """What the broker says of its order; `number` is its clock."""

    number: int
    state: OrderState
    filled: int


class OneOrder(RuleBasedStateMachine):
    """The desk's row and the broker's order, with a wire between them that loses, repeats and reorders."""

    @initialize()
    def begin(self) -> None:
        self.state, self.filled, self.heard = S.NEW, 0, -1
        self.wished = False
        self.words: list[Word] = []
        self.sent = self.arrivals = 0

    # --- the desk ----------------------------------------------------------------------------------------------------

    @rule(arrives=st.booleans())
    def claim(self, *, arrives: bool) -> None:
        if not self._happens(F.CLAIM):
            return
        self.sent += 1
        # The broker refuses a second order under the same id, whatever became of the first.
        if arrives and not self.words:
            self.arrivals += 1
            self._say(S.ACCEPTED, 0)

    @rule(fact=st.sampled_from(sorted(OURS - {F.CLAIM})))
    def decide(self, fact: OrderFact) -> None:
        """Anything the desk may come to believe, on whatever evidence."""
        self._happens(fact)

    @rule()
    def wish_it_gone(self) -> None:
        self.wished |= self._happens(F.ASK_CANCEL)

    # --- the broker --------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.words and self.words[-1].state in BROKERS_WAYS)
    @rule(data=st.data())
    def broker(self, data: st.DataObject) -> None:
        last = self.words[-1]
        ways = [to for to in BROKERS_WAYS[last.state] if to is not S.REJECTED or not last.filled]
        to = data.draw(st.sampled_from(ways or [S.ACCEPTED]))
        filled = last.filled
        if to is S.FILLED:
            filled = QUANTITY
        elif to is S.PARTIALLY_FILLED or (to in TERMINAL and data.draw(st.booleans())):
            # A part may fill in the same moment as the order ends.
            filled = data.draw(st.integers(max(filled, 1), QUANTITY - 1))
        if to is S.ACCEPTED and filled:
            to = S.PARTIALLY_FILLED
        self._say(to, filled)

    # --- the wire ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.words)
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """Any word that was ever said, again or late."""
        self._hear(data.draw(st.sampled_from(self.words)))

    @precondition(lambda self: self.words)
    @rule()
    def look(self) -> None:
        """Two looks at most say all there is; a third changes nothing."""
        self._hear(self.words[-1])
        self._hear(self.words[-1])
        settled = (self.state, self.filled)
        self._hear(self.words[-1])
        assert (self.state, self.filled) == settled
        assert self.filled == self.words[-1].filled
        assert self.state in self._right()

    # --- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def one_order_at_most(self) -> None:
        assert self.arrivals <= 1

    @invariant()
    def what_was_heard_of_is_not_taken_for_unsent(self) -> None:
        if self.heard >= 0:
            assert self.state not in UNSENT

    def _right(self) -> set[OrderState]:
        """What the desk may say after a look."""
        told = self.words[-1].state
        if any(word.state is S.FILLED and word.number <= self.heard for word in self.words):
            return {S.FILLED}
        # The trader's own wish stands until the broker has ended the order or refused.
        return {told, S.CANCELLING} if self.wished and told not in TERMINAL else {told}

    def _say(self, state: OrderState, filled: int) -> None:
        self.words.append(Word(len(self.words), state, filled))

    def _hear(self, word: Word) -> None:
        before = self.filled
        self.filled = max(self.filled, word.filled)
        assert self.filled >= before
        if word.number < self.heard:
            return
        repeated, self.heard = word.number == self.heard, word.number
        fact = told_fact(self.state, word.state, is_filled=word.filled > 0)
        if fact is None or (repeated and self.state in TERMINAL and fact is not F.FILL):
            return
        if self.state is S.CANCELLING and not self.wished and fact in (F.ACCEPT, F.PARTIAL):
            fact = F.CANCEL_REFUSED
        self._happens(fact)
        if fact is F.CANCEL_REFUSED and word.filled:
            self._happens(F.PARTIAL)

    def _happens(self, fact: OrderFact) -> bool:
        to = next_state(self.state, fact)
        if to is None:
            return False
        if self.state in TERMINAL:
            assert fact in set(REPORTED.values()), "the end is left by a broker's word alone"
        self.state = to
        return True


TestOneOrder = OneOrder.TestCase
TestOneOrder.settings = settings(max_examples=200, stateful_step_count=25)


# What a broker may say of an order; that its cancellation was asked for leads to no place of its own.
WORDS = [fact for fact in REPORTED.values() if fact is not F.ASK_CANCEL]
# A cancellation that is asked for outlasts news of the order, and a part that is filled outlasts news without a figure.
STICKY = {(S.CANCELLING, F.ACCEPT), (S.CANCELLING, F.PARTIAL), (S.PARTIALLY_FILLED, F.ACCEPT)}


@pytest.mark.parametrize("state", S)
def test_the_last_word_leads_where_all_words_lead(state: OrderState) -> None:
    """Nothing depends on a report in between having been heard."""
    for lost, last in itertools.product(WORDS, repeat=2):
        between = next_state(state, lost)
        end = next_state(between, last) if between else None
        if end is not None and (state, last) not in STICKY:
            assert (next_state(state, last) or state) is end, f"{lost} was lost before {last}"


@pytest.mark.parametrize(("state", "told"), list(itertools.product(S, REPORTED)))
def test_two_looks_at_most_make_the_desk_say_what_the_broker_says(state: OrderState, told: OrderState) -> None:
    now = state
    for _ in range(2):
        fact = told_fact(now, told, is_filled=told is S.PARTIALLY_FILLED)
        now = (next_state(now, fact) if fact else None) or now
    if state is S.FILLED or (state in (S.CANCELLING, S.PARTIALLY_FILLED) and told in (S.ACCEPTED, S.PARTIALLY_FILLED)):
        assert now is state
    else:
        assert now is told


def test_every_row_either_is_our_own_doing_or_a_broker_s_word_that_ends_or_revives() -> None:
    for (state, fact), to in TRANSITIONS.items():
        if state in TERMINAL:
            assert fact in REPORTED.values()
            assert to in AT_BROKER | TERMINAL
        if fact in OURS and to in TERMINAL:
            assert state in UNSENT | {S.SUBMITTING, S.IN_DOUBT}, "what works at the broker is not ended from here"


def test_what_ends_from_here_never_was_at_the_broker_or_is_proven_not_to_be() -> None:
    ended = {(state, fact) for (state, fact), to in TRANSITIONS.items() if fact in OURS and to in TERMINAL}
    assert ended == {
        *((S.NEW, fact) for fact in (F.DENY, F.ABANDON, F.LAPSE)),
        *((S.QUEUED, fact) for fact in (F.DENY, F.ABANDON, F.LAPSE)),
        (S.SUBMITTING, F.DENY),
        (S.IN_DOUBT, F.NEVER_ARRIVED),
    }
