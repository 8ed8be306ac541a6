"""An import books every new fill of a file, or none; undoing it takes away exactly what it brought."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import TradingAccount, User
from tests.factories import make_account, make_plan
from tests.trades.import_kit import HEADER, ROUND_TRIP, book, books, commit, fill_line, no_worker, undo, upload
from trades.imports.mapping import Mapping
from trades.models import AuditEntry, FigureTotal, Fill, FillImport, ImportState, Trade
from trades.services.errors import TradeError
from trades.services.fills import FillInput, fill_create, fill_delete, fill_edit
from trades.services.imports import import_commit, import_create, import_delete, import_map, import_undo


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


def at(hour: int) -> str:
    return f"2026-03-02T{hour:02}:00:00Z"


def figures(account: TradingAccount) -> tuple[int, Decimal]:
    total = FigureTotal.objects.filter(account=account, dimension="all").first()
    return (total.n, total.sum_net) if total else (0, Decimal(0))


def test_a_round_trip_becomes_a_closed_trade_that_counts(account: TradingAccount) -> None:
    made = book(account, ROUND_TRIP)
    trade = Trade.objects.get()
    assert (made.executions_created, made.trades_created) == (2, 1)
    assert (trade.status, trade.direction, trade.owner) == ("closed", "long", account.owner)
    assert (trade.gross_pnl, trade.costs, trade.net_pnl) == (Decimal("165.00"), Decimal("2.02"), Decimal("162.98"))
    assert Fill.objects.filter(source=made).count() == 2
    assert figures(account) == (1, Decimal("162.98"))
    assert AuditEntry.objects.get(action="import.booked").subject_id == made.pk


def test_a_fill_through_zero_closes_one_trade_and_opens_the_next(account: TradingAccount) -> None:
    lines = [
        fill_line(at(15), "AAPL", "buy", 100, "10.00", execution_id="A"),
        fill_line(at(16), "AAPL", "sell", 150, "11.00", commission="1.50", execution_id="B"),
    ]
    made = book(account, HEADER + "".join(lines))
    assert made.executions_created == 2
    parts = Fill.objects.filter(execution_id="B").order_by("part")
    assert [(fill.part, fill.quantity, fill.commission, fill.trade.status) for fill in parts] == [
        (0, Decimal(100), Decimal("1.00"), "closed"),
        (1, Decimal(50), Decimal("0.50"), "active"),
    ]
    assert parts[1].trade.direction == "short"


def test_the_same_file_twice_adds_nothing(account: TradingAccount) -> None:
    book(account, ROUND_TRIP)
    before = books(account, ids="with")
    second = upload(account, ROUND_TRIP)
    assert (second.rows, second.new, second.duplicate) == (2, 0, 2)
    assert commit(second).executions_created == 0
    assert books(account, ids="with") == before


def test_two_truly_identical_fills_both_stay_and_stay_two(account: TradingAccount) -> None:
    text = HEADER + fill_line(at(15), "AAPL", "buy", 10, "10.00") * 2
    assert book(account, text).executions_created == 2
    assert book(account, text).executions_created == 0
    third = HEADER + fill_line(at(15), "AAPL", "buy", 10, "10.00") * 3
    assert book(account, third).executions_created == 1
    assert list(Fill.objects.order_by("content_number").values_list("content_number", flat=True)) == [0, 1, 2]


def test_the_execution_id_tells_fills_apart_and_recognises_them(account: TradingAccount) -> None:
    one = fill_line(at(15), "AAPL", "buy", 10, "10.00", execution_id="E1")
    two = fill_line(at(15), "AAPL", "buy", 10, "10.00", execution_id="E2")
    book(account, HEADER + one)
    second = book(account, HEADER + one + two)
    assert (second.executions_created, second.duplicate) == (1, 1)


def test_an_execution_id_on_two_different_lines_is_an_error(account: TradingAccount) -> None:
    lines = [
        fill_line(at(15), "AAPL", "buy", 10, "10.00", execution_id="E1"),
        fill_line(at(15), "AAPL", "buy", 20, "10.00", execution_id="E1"),
    ]
    made = upload(account, HEADER + "".join(lines))
    assert [(error["line"], error["code"]) for error in made.errors] == [(3, "execution_id_twice")]


def typed_fill(
    account: TradingAccount, side: str, quantity: int, price: str, hour: int, trade: Trade | None = None
) -> Fill:
    trade = trade or make_plan(account, planned_quantity=None, entry_price=None, stop_loss=None, initial_stop=None)
    given = FillInput(
        side, Decimal(quantity), Decimal(price), datetime(2026, 3, 2, hour, tzinfo=UTC), commission=Decimal(0)
    )
    return fill_create(
        owner=account.owner, trade_id=trade.pk, given=given, creation_key=uuid.uuid4(), now=timezone.now()
    )


@pytest.mark.parametrize("execution_id", ["", "E1"])
def test_a_fill_typed_by_hand_is_recognised_in_the_file(account: TradingAccount, execution_id: str) -> None:
    typed_fill(account, "buy", 100, "10.00", 15)
    line = fill_line(at(15), "AAPL", "buy", 100, "10.00", commission="1.00", execution_id=execution_id)
    made = upload(account, HEADER + line)
    assert (made.new, made.duplicate) == (0, 1)


def test_an_active_trade_is_continued(account: TradingAccount) -> None:
    opened = typed_fill(account, "buy", 100, "10.00", 15)
    made = book(account, HEADER + fill_line(at(16), "AAPL", "sell", 100, "11.00"))
    trade = Trade.objects.get()
    assert (trade.pk, trade.status, trade.net_pnl) == (opened.trade_id, "closed", Decimal("100.00"))
    assert (made.trades_created, made.settings["trades_changed"]) == (0, 1)
    assert figures(account) == (1, Decimal("100.00"))


def test_earlier_fills_rebuild_the_stream_and_trades_keep_their_journals(account: TradingAccount) -> None:
    book(
        account,
        HEADER + fill_line(at(15), "AAPL", "buy", 100, "10.00") + fill_line(at(17), "AAPL", "sell", 100, "12.00"),
    )
    book(
        account, HEADER + fill_line(at(18), "AAPL", "buy", 50, "12.00") + fill_line(at(19), "AAPL", "sell", 50, "13.00")
    )
    first, second = Trade.objects.order_by("entry_date")
    Trade.objects.filter(pk=first.pk).update(thesis="first idea")
    Trade.objects.filter(pk=second.pk).update(thesis="second idea")
    before = books(account, ids="with")
    made = book(
        account,
        HEADER
        + fill_line(at(16), "AAPL", "sell", 100, "11.00")
        + fill_line("2026-03-02T16:30:00Z", "AAPL", "buy", 100, "11.00"),
    )
    kept = Trade.objects.order_by("entry_date")
    assert [(trade.pk == first.pk, trade.net_pnl, trade.thesis) for trade in kept] == [
        (True, Decimal("100.00"), "first idea"),
        (False, Decimal("100.00"), ""),
        (False, Decimal("50.00"), "second idea"),
    ]
    assert undo(made).state == ImportState.UNDONE
    assert books(account, ids="with") == before


def test_a_trade_absorbed_by_an_earlier_one_comes_back_when_the_import_is_undone(account: TradingAccount) -> None:
    book(
        account,
        HEADER + fill_line(at(15), "AAPL", "buy", 100, "10.00") + fill_line(at(17), "AAPL", "sell", 100, "12.00"),
    )
    book(
        account, HEADER + fill_line(at(18), "AAPL", "buy", 50, "12.00") + fill_line(at(19), "AAPL", "sell", 50, "13.00")
    )
    second = Trade.objects.order_by("entry_date")[1]
    Trade.objects.filter(pk=second.pk).update(thesis="second idea")
    before = books(account, ids="with")
    made = book(account, HEADER + fill_line(at(16), "AAPL", "buy", 10, "11.00"))
    second.refresh_from_db()
    assert (second.status, second.thesis, second.fills.count()) == ("cancelled", "second idea", 0)
    assert undo(made).state == ImportState.UNDONE
    assert books(account, ids="with") == before


def test_plans_are_left_alone(account: TradingAccount) -> None:
    plan = make_plan(account)
    book(account, HEADER + fill_line(at(15), "AAPL", "buy", 100, "100.00"))
    plan.refresh_from_db()
    assert (plan.status, plan.fills.count()) == ("planned", 0)


def test_an_exit_without_its_opening_is_incomplete_and_left_out_of_the_figures(account: TradingAccount) -> None:
    lines = [
        fill_line(at(15), "AAPL", "Sell to close", 100, "10.00"),
        fill_line(at(16), "MSFT", "buy", 10, "10.00"),
        fill_line(at(17), "MSFT", "sell", 10, "11.00"),
    ]
    made = book(account, HEADER + "".join(lines))
    assert made.settings["incomplete"] == 1
    trade = Trade.objects.get(symbol="AAPL")
    assert (trade.is_incomplete, trade.direction, trade.status) == (True, "long", "closed")
    assert figures(account) == (1, Decimal("10.00"))
    book(account, HEADER + fill_line(at(14), "AAPL", "buy", 100, "9.00"))
    assert not Trade.objects.filter(is_incomplete=True).exists()
    assert figures(account) == (2, Decimal("110.00"))


def test_lines_with_errors_are_listed_and_nothing_is_booked(account: TradingAccount) -> None:
    text = HEADER + fill_line(at(15), "AAPL", "buy", 10, "10.00") + fill_line(at(16), "AAPL", "sell", 0, "10.00") * 150
    made = upload(account, text)
    assert (made.state, made.error_count, len(made.errors)) == (ImportState.PREVIEW, 150, 100)
    assert made.errors[0] == {
        "line": 3,
        "code": "not_positive",
        "detail": "The quantity is zero: a fill has at least some.",
    }
    with pytest.raises(TradeError, match="booked whole or not at all"):
        import_commit(fill_import=made, nudge=no_worker)
    assert not Fill.objects.exists()


def test_negative_quantities_without_a_side_ask_for_a_choice(account: TradingAccount) -> None:
    made = upload(account, "Date,Symbol,Quantity,Price\n2026-03-02 09:31:05,AAPL,-100,10.00\n")
    assert [error["code"] for error in made.errors] == ["no_side"]
    mapping = Mapping.from_json(made.mapping, columns=4)
    assert mapping is not None
    mapping.sides = "sign"
    import_map(fill_import=made, mapping=mapping, nudge=no_worker)
    made.refresh_from_db()
    assert (made.new, made.errors) == (1, [])
    assert Trade.objects.count() == 0
    again = upload(account, "Date,Symbol,Quantity,Price\n2026-03-03 09:31:05,MSFT,-5,10.00\n")
    assert (again.new, again.errors) == (1, [])


def test_a_last_line_without_a_line_end_must_be_confirmed(account: TradingAccount) -> None:
    made = upload(account, ROUND_TRIP.rstrip("\n"))
    assert [warning["code"] for warning in made.warnings] == ["maybe_cut_off"]
    with pytest.raises(TradeError, match="Compare the last line"):
        import_commit(fill_import=made, nudge=no_worker)
    assert not Fill.objects.exists()
    import_commit(fill_import=made, nudge=no_worker, confirmed=["maybe_cut_off"])
    made.refresh_from_db()
    assert made.executions_created == 2


def test_a_file_cut_off_inside_a_row_is_refused_whole(account: TradingAccount) -> None:
    from trades.imports.refusals import FileRefused

    with pytest.raises(FileRefused, match="was cut off"):
        upload(account, ROUND_TRIP[:-20])
    assert not FillImport.objects.exists()


def test_two_open_positions_in_one_symbol_are_refused_and_nothing_is_booked(account: TradingAccount) -> None:
    lines = [
        fill_line(at(15), "ES", "buy", 1, "5000.00", asset_class="future", multiplier="50"),
        fill_line(at(16), "ES", "buy", 1, "5000.00", asset_class="future", multiplier="5"),
    ]
    made = commit(upload(account, HEADER + "".join(lines)))
    assert (made.state, [error["code"] for error in made.errors]) == (ImportState.PREVIEW, ["two_positions"])
    assert not Trade.objects.exists()


def test_undoing_is_refused_when_later_fills_depend_on_it(account: TradingAccount) -> None:
    made = book(account, HEADER + fill_line(at(15), "AAPL", "buy", 100, "10.00"))
    later = book(account, HEADER + fill_line(at(16), "AAPL", "sell", 100, "11.00"))
    before = books(account, ids="with")
    refused = undo(made)
    assert (refused.state, [error["code"] for error in refused.errors]) == ("committed", ["later_fills_depend"])
    assert books(account, ids="with") == before
    assert undo(later).state == ImportState.UNDONE
    refused.refresh_from_db()
    assert undo(refused).state == ImportState.UNDONE
    assert not Trade.objects.exists()


def test_undoing_is_refused_when_fills_were_changed_by_hand(account: TradingAccount) -> None:
    made = book(account, ROUND_TRIP)
    trade = Trade.objects.get()
    fill = Fill.objects.get(side="sell")
    given = FillInput("sell", fill.quantity, Decimal("190.00"), fill.executed_at, commission=Decimal(1))
    fill_edit(owner=account.owner, fill_id=fill.pk, given=given, version=trade.version, now=timezone.now())
    refused = undo(made)
    assert (refused.state, [error["code"] for error in refused.errors]) == ("committed", ["edited_by_hand"])
    assert Fill.objects.count() == 2
    assert upload(account, ROUND_TRIP).new == 0


def test_undoing_is_refused_when_a_fill_was_deleted_by_hand(account: TradingAccount) -> None:
    made = book(account, ROUND_TRIP)
    trade = Trade.objects.get()
    fill_delete(owner=account.owner, fill_id=Fill.objects.get(side="sell").pk, version=trade.version)
    assert [error["code"] for error in undo(made).errors] == ["edited_by_hand"]


def test_a_trade_with_words_outlives_its_import_without_fills(account: TradingAccount) -> None:
    made = book(account, ROUND_TRIP)
    Trade.objects.update(notes_after="Sold too early.")
    assert undo(made).settings["trades_kept"] == 1
    trade = Trade.objects.get()
    assert (trade.status, trade.notes_after, trade.fills.count()) == ("cancelled", "Sold too early.", 0)
    assert figures(account) == (0, Decimal(0))


def test_a_booked_import_is_not_deleted_and_an_undone_one_is_with_its_file(
    account: TradingAccount, django_capture_on_commit_callbacks: object
) -> None:
    made = book(account, ROUND_TRIP)
    with pytest.raises(TradeError, match="undo it first"):
        import_delete(fill_import=made)
    made = undo(made)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        import_delete(fill_import=made)
    assert not FillImport.objects.exists()
    assert not made.file.storage.exists(made.file.name)


def test_sending_the_upload_twice_makes_one_import(account: TradingAccount) -> None:
    key = uuid.uuid4()
    for _ in range(2):
        import_create(
            account=account, file=ContentFile(ROUND_TRIP.encode(), name="a.csv"), creation_key=key, nudge=no_worker
        )
    assert FillImport.objects.count() == 1


def test_booking_and_undoing_twice_changes_nothing_more(account: TradingAccount) -> None:
    made = book(account, ROUND_TRIP)
    import_commit(fill_import=made, nudge=no_worker)
    assert Fill.objects.count() == 2
    made = undo(made)
    import_undo(fill_import=made, nudge=no_worker)
    assert not Fill.objects.exists()
    with pytest.raises(TradeError, match="no longer in its preview"):
        import_commit(fill_import=made, nudge=no_worker)


def test_a_gain_no_column_can_hold_is_refused_in_words(account: TradingAccount) -> None:
    lines = [
        fill_line(at(10), "AAPL", "buy", 11_000_000, "1"),
        fill_line(at(11), "AAPL", "buy", 9_000_000, "90000000000"),
        fill_line(at(12), "AAPL", "sell", 11_000_000, "99999999999"),
        fill_line(at(13), "AAPL", "sell", 9_000_000, "1"),
    ]
    made = commit(upload(account, HEADER + "".join(lines)))
    assert made.state == "preview"
    assert made.errors[0]["detail"] == "AAPL: This amount is too large to be kept: check quantity and price."
    assert not Fill.objects.exists()
