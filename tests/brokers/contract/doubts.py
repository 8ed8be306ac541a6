"""Cards of what others do, of refusals, and of calls without a certain answer."""

import uuid
from decimal import Decimal as D

import pytest

from brokers.base import OrderChanges, OrderRef, OrderRequest
from brokers.errors import (
    CredentialsInvalid,
    DuplicateOrder,
    MarketClosed,
    OutcomeUnknown,
    TryLater,
)
from tests.brokers.contract.floor import DONE, NO_USE, NOTHING_DONE, Floor, S, Trouble
from tests.brokers.contract.made_of import (
    buy,
    needs,
    new_id,
    prepared,
    ref_of,
    seen,
    submitted,
)


class DoubtCards:
    """C4 and C5."""

    # -- C4: what others do, and what a broker says no to --------------------------------------------------------------

    def test_c40_an_order_made_elsewhere_is_listed_with_an_id_that_is_not_ours(self, floor: Floor) -> None:
        placed = floor.external(buy("3", "42"))
        (report,) = floor.adapter.orders()

        assert report.broker_order_id == placed
        assert not report.client_order_id.startswith("td-")
        assert (report.quantity, report.limit_price, report.state) == (D(3), D(42), S.ACCEPTED)

    def test_c41_an_id_that_was_used_is_refused_for_ever_and_the_first_order_stands(self, floor: Floor) -> None:
        needs(floor, floor.adapter.capabilities.refuses_duplicate_ids)
        floor.rest()
        request = OrderRequest(new_id(), buy())
        first = floor.adapter.submit(request)
        for prepare in (lambda: None, lambda: floor.adapter.cancel(ref_of(first))):
            prepare()
            with pytest.raises(DuplicateOrder):
                floor.adapter.submit(request)

        assert floor.known() == {request.client_order_id: first.broker_order_id}

    def test_c42_a_status_nobody_knows_is_kept_raw_and_decides_nothing(self, floor: Floor) -> None:
        floor.rest()
        floor.trouble("submit", Trouble.UNKNOWN_STATUS)
        report = floor.adapter.submit(OrderRequest(new_id(), buy()))

        assert report.state is None
        assert report.raw_status == "under_consideration"
        assert report.broker_order_id in floor.known().values()

    def test_c43_while_the_market_is_shut_an_order_waits_there_or_is_provably_not_taken(self, floor: Floor) -> None:
        floor.close_market()
        request = OrderRequest(new_id(), buy(limit="99.5"))

        assert floor.adapter.clock().is_open is False
        if floor.adapter.capabilities.keeps_orders_while_closed:
            report = floor.adapter.submit(request)
            assert (report.state, seen(floor, report).filled_quantity) == (S.ACCEPTED, 0)
            return
        with pytest.raises(MarketClosed) as closed:
            floor.adapter.submit(request)
        assert closed.value.next_open is not None
        assert floor.known() == {}

    @pytest.mark.parametrize(
        "verb", ["submit", "cancel", "replace", "order", "orders", "fills", "positions", "account"]
    )
    def test_c44_too_many_requests_say_when_to_come_back_and_nothing_was_done(self, floor: Floor, verb: str) -> None:
        call, report = prepared(floor, verb)
        floor.trouble(verb, Trouble.RATE_LIMITED)

        with pytest.raises(TryLater) as wait:
            call()
        assert 0 < wait.value.after <= 300
        assert len(floor.known()) == 1
        assert seen(floor, report).state is S.ACCEPTED

    @pytest.mark.parametrize(
        "verb", ["submit", "cancel", "replace", "order", "orders", "fills", "positions", "account"]
    )
    def test_c45_keys_that_stop_working_are_said_to_and_nothing_was_done(self, floor: Floor, verb: str) -> None:
        call, report = prepared(floor, verb)
        floor.trouble(verb, Trouble.BAD_KEY)

        with pytest.raises(CredentialsInvalid):
            call()
        assert len(floor.known()) == 1
        assert seen(floor, report).state is S.ACCEPTED

    # -- C5: no certain answer -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("trouble", NOTHING_DONE)
    def test_c50_a_submit_without_an_answer_is_in_doubt_although_nothing_was_done(
        self, floor: Floor, trouble: Trouble
    ) -> None:
        request = OrderRequest(new_id(), buy())
        floor.trouble("submit", trouble)

        with pytest.raises(OutcomeUnknown):
            floor.adapter.submit(request)
        assert floor.attempts("submit") == 1
        assert floor.adapter.order(OrderRef(client_order_id=request.client_order_id)) is None

    @pytest.mark.parametrize("trouble", DONE)
    def test_c51_a_submit_without_an_answer_that_was_done_is_one_order_and_can_be_found(
        self, floor: Floor, trouble: Trouble
    ) -> None:
        request = OrderRequest(new_id(), buy())
        floor.rest()
        floor.trouble("submit", trouble)

        with pytest.raises(OutcomeUnknown):
            floor.adapter.submit(request)
        assert floor.attempts("submit") == 1
        found = floor.adapter.order(OrderRef(client_order_id=request.client_order_id))
        assert found is not None
        assert floor.known() == {request.client_order_id: found.broker_order_id}

    @pytest.mark.parametrize("trouble", NOTHING_DONE)
    def test_c52_a_cancellation_without_an_answer_that_was_not_done(self, floor: Floor, trouble: Trouble) -> None:
        call, report = prepared(floor, "cancel")
        floor.trouble("cancel", trouble)

        with pytest.raises(OutcomeUnknown):
            call()
        assert floor.attempts("cancel") == 1
        assert seen(floor, report).state is S.ACCEPTED

    @pytest.mark.parametrize("trouble", [Trouble.NO_ANSWER_DONE, Trouble.HANGS_DONE, Trouble.GATEWAY_TIMEOUT_DONE])
    def test_c53_a_cancellation_without_an_answer_that_was_done(self, floor: Floor, trouble: Trouble) -> None:
        call, report = prepared(floor, "cancel")
        floor.trouble("cancel", trouble)

        with pytest.raises(OutcomeUnknown):
            call()
        assert floor.attempts("cancel") == 1
        assert seen(floor, report).state is S.CANCELLED

    @pytest.mark.parametrize("trouble", [*NOTHING_DONE, *DONE])
    def test_c54_a_replacement_without_an_answer_is_one_attempt_and_its_outcome_can_be_found(
        self, floor: Floor, trouble: Trouble
    ) -> None:
        needs(floor, floor.adapter.capabilities.replaces)
        floor.rest()
        old, changes = submitted(floor, buy()), OrderChanges(new_id(), quantity=D(12))
        floor.trouble("replace", trouble)

        with pytest.raises(OutcomeUnknown):
            floor.adapter.replace(ref_of(old), changes)
        assert floor.attempts("replace") == 1
        new = floor.adapter.order(OrderRef(client_order_id=changes.client_order_id))
        assert (new is None) == (trouble in NOTHING_DONE)
        assert seen(floor, old).state is (S.ACCEPTED if new is None else S.REPLACED)

    @pytest.mark.parametrize("verb", ["order", "orders", "fills", "positions", "account"])
    @pytest.mark.parametrize("trouble", NO_USE)
    def test_c55_a_question_without_a_usable_answer_can_be_asked_again(
        self, floor: Floor, verb: str, trouble: Trouble
    ) -> None:
        call, _ = prepared(floor, verb)
        floor.trouble(verb, trouble)

        with pytest.raises(TryLater):
            call()
        call()

    def test_c56_a_broker_that_does_not_listen_has_provably_taken_nothing(self, floor: Floor) -> None:
        away = floor.unreachable()

        for call in (
            lambda: away.submit(OrderRequest(new_id(), buy())),
            lambda: away.cancel(OrderRef(broker_order_id=str(uuid.uuid4()))),
            lambda: away.order(OrderRef(client_order_id=new_id())),
        ):
            with pytest.raises(TryLater):
                call()
        assert floor.known() == {}

    def test_c57_an_order_not_found_yet_is_found_when_it_is_asked_for_again(self, floor: Floor) -> None:
        floor.rest()
        report = submitted(floor, buy())
        ours = OrderRef(client_order_id=report.client_order_id)
        floor.trouble("order", Trouble.NOT_FOUND_YET)

        assert floor.adapter.order(ours) is None
        assert floor.adapter.order(ours) is not None
