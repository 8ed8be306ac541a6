"""Accounts, risk policies and cash movements: what may be changed, and what the database then holds."""

import uuid
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.http import Http404

from accounts import services
from accounts.models import CashMovement, RiskPolicy, TradingAccount, User
from accounts.selectors import (
    account_contents,
    account_for,
    account_get_locked,
    accounts_of,
    cash_total,
    limits_for,
)
from accounts.services import AccountError, AccountTerms, CashTerms, RiskTerms, version_of
from accounts.services.accounts import initial_of
from tests.factories import make_account, make_cash, make_closed_trade, make_connection
from trades.models import Fill, Order, Tag, Trade
from trades.services.figures import figures_rebuild
from trenddojo.domain.errors import DomainError

TODAY = date(2026, 3, 5)
TERMS = AccountTerms(
    name="Swing",
    broker="manual",
    account_type="live",
    currency="USD",
    exchange="XNYS",
    cost_method="fifo",
    break_even_band=Decimal(0),
    allows_fractions=False,
    starting_balance=Decimal("10000.00"),
    opened_on=date(2026, 1, 2),
)
recomputed: list[uuid.UUID] = []


def note_recompute(account: TradingAccount, _rules: list[str]) -> None:
    recomputed.append(account.pk)


@pytest.fixture(autouse=True)
def _seam(settings: Any) -> None:
    recomputed.clear()
    settings.ACCOUNT_RULES_CHANGED = "tests.accounts.test_services.note_recompute"


def create(owner: User, terms: AccountTerms = TERMS, key: uuid.UUID | None = None) -> TradingAccount:
    return services.account_create(owner=owner, terms=terms, today=TODAY, creation_key=key or uuid.uuid4())


def edit(account: TradingAccount, **changes: Any) -> TradingAccount:
    account.refresh_from_db()
    terms = replace(AccountTerms(**initial_of(account, AccountTerms)), **changes)
    version = services.version_of(account)
    return services.account_edit(owner=account.owner, pk=account.pk, terms=terms, version=version, today=TODAY)


def refused(code: str, field: str = "") -> Any:
    return pytest.raises(DomainError, check=lambda error: (error.code, error.field) == (code, field))


class TestAccountCreate:
    def test_an_account_opens_with_the_usual_risk_policy(self, alice: User) -> None:
        account = create(alice)
        assert accounts_of(alice).get() == account
        assert account.risk_policy.max_position_percent == Decimal("30.00")
        assert account.risk_policy.risk_per_trade_percent == Decimal("1.00")

    def test_the_same_form_sent_twice_opens_one_account(self, alice: User) -> None:
        key = uuid.uuid4()
        assert create(alice, key=key) == create(alice, key=key)
        assert TradingAccount.objects.count() == RiskPolicy.objects.count() == 1

    def test_a_name_is_used_once_however_it_is_written(self, alice: User, charlie: User) -> None:
        create(alice)
        with refused("name_taken", "name"):
            create(alice, replace(TERMS, name="SWING"))
        create(charlie)
        assert TradingAccount.objects.count() == 2

    def test_anothers_key_opens_nothing_and_shows_nothing(self, alice: User, charlie: User) -> None:
        key = create(alice).pk
        with refused("name_taken", "name"):
            create(charlie, replace(TERMS, name="Other"), key=key)
        assert not accounts_of(charlie).exists()

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"currency": "KWD"}, "bad_currency"),
            ({"exchange": "NOPE"}, "bad_exchange"),
            ({"opened_on": date(2026, 3, 6)}, "bad_day"),
            ({"opened_on": date(1969, 12, 31)}, "bad_day"),
            ({"starting_balance": Decimal("NaN")}, "not_finite"),
            ({"starting_balance": Decimal("-0.01")}, "negative"),
            ({"starting_balance": Decimal("0.001")}, "too_many_decimals"),
            ({"starting_balance": Decimal("1e18")}, "too_many_digits"),
            ({"break_even_band": Decimal(-1)}, "negative"),
        ],
    )
    def test_terms_that_cannot_be_are_refused_at_their_field(
        self, alice: User, change: dict[str, Any], code: str
    ) -> None:
        with refused(code, next(iter(change))):
            create(alice, replace(TERMS, **change))
        assert not TradingAccount.objects.exists()

    def test_yen_have_no_decimals(self, alice: User) -> None:
        with refused("too_many_decimals", "starting_balance"):
            create(alice, replace(TERMS, currency="JPY", starting_balance=Decimal("1000.50")))
        assert create(alice, replace(TERMS, currency="JPY", starting_balance=Decimal(1000))).currency == "JPY"


class TestAccountEdit:
    @pytest.mark.parametrize(
        "change", [{"cost_method": "average"}, {"exchange": "XLON"}, {"break_even_band": Decimal("5.00")}]
    )
    def test_a_changed_rule_computes_the_trades_anew(self, alice: User, change: dict[str, Any]) -> None:
        account = create(alice)
        edit(account, **change)
        assert recomputed == [account.pk]

    def test_a_changed_name_computes_nothing(self, alice: User) -> None:
        assert edit(create(alice), name="Position").name == "Position"
        assert recomputed == []

    def test_a_recomputation_that_fails_leaves_the_old_rule(self, alice: User, settings: Any) -> None:
        account = create(alice)
        settings.ACCOUNT_RULES_CHANGED = "tests.accounts.test_services.no_such_thing"
        with pytest.raises(ImportError):
            edit(account, cost_method="average")
        account.refresh_from_db()
        assert account.cost_method == "fifo"

    def test_the_currency_is_fixed_by_the_first_cash_movement(self, alice: User) -> None:
        account = create(alice)
        assert edit(account, currency="EUR").currency == "EUR"
        make_cash(account, "deposit", "1.00", TODAY)
        account.refresh_from_db()
        with refused("currency_fixed", "currency"):
            edit(account, currency="USD")

    def test_the_currency_is_fixed_by_the_first_trade(self, alice: User) -> None:
        account = make_account(alice)
        make_closed_trade(account)
        with refused("currency_fixed", "currency"):
            edit(account, currency="EUR")

    def test_an_account_does_not_open_after_what_is_recorded_in_it(self, alice: User) -> None:
        account = create(alice)
        make_cash(account, "deposit", "1.00", date(2026, 2, 1))
        with refused("opened_late", "opened_on"):
            edit(account, opened_on=date(2026, 2, 2))
        assert edit(account, opened_on=date(2026, 2, 1)).opened_on == date(2026, 2, 1)

    def test_the_second_of_two_tabs_is_told_what_changed(self, alice: User) -> None:
        account = accounts_of(alice).get(pk=create(alice).pk)
        seen = services.version_of(account)
        edit(account, name="First tab")
        with refused("stale") as caught:
            services.account_edit(
                owner=alice, pk=account.pk, terms=replace(TERMS, name="Second tab"), version=seen, today=TODAY
            )
        assert "Name is now “First tab”." in caught.value.sentence
        account.refresh_from_db()
        assert account.name == "First tab"

    def test_another_account_keeps_its_name(self, alice: User) -> None:
        create(alice)
        other = create(alice, replace(TERMS, name="Other"))
        with refused("name_taken", "name"):
            edit(other, name="swing")


class TestAccountDelete:
    def test_it_takes_everything_in_it_and_nothing_beside_it(
        self, alice: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        account, other = make_account(alice), make_account(alice, "Other")
        trade, kept = make_closed_trade(account), make_closed_trade(other)
        tag = Tag.objects.create(owner=alice, name="kept")
        trade.tags.add(tag)
        kept.tags.add(tag)
        make_cash(account, "deposit", "1.00", TODAY)
        with django_capture_on_commit_callbacks(execute=True):
            services.account_delete(owner=alice, pk=account.pk, typed_name="Main")
        assert list(TradingAccount.objects.all()) == [other]
        assert list(Trade.objects.all()) == [kept]
        assert Fill.objects.count() == 2
        assert not CashMovement.objects.exists()
        assert list(kept.tags.all()) == [tag]

    def test_it_asks_for_the_name(self, alice: User) -> None:
        account = make_account(alice)
        with refused("name_differs", "typed_name"):
            services.account_delete(owner=alice, pk=account.pk, typed_name="main")
        assert TradingAccount.objects.exists()

    def test_it_can_say_before_what_would_be_lost(self, alice: User) -> None:
        account = make_account(alice)
        assert account_contents(account) == []
        make_closed_trade(account)
        assert account_contents(account) == [(1, "trade"), (2, "fills")]


class TestRiskPolicy:
    TERMS = RiskTerms(
        risk_per_trade_percent=Decimal("0.50"),
        max_position_percent=Decimal("25.00"),
        max_open_risk_percent=None,
        max_daily_loss_percent=Decimal("2.00"),
        max_weekly_loss_percent=None,
        max_open_positions=5,
        allows_overrides=False,
    )

    def test_it_is_saved_and_limits_plans_from_then_on(self, alice: User) -> None:
        account = create(alice)
        version = services.version_of(account.risk_policy)
        services.risk_policy_save(owner=alice, pk=account.pk, terms=self.TERMS, version=version)
        limits = limits_for(accounts_of(alice).get())
        assert limits.risk_per_trade_percent == Decimal("0.50")
        assert (limits.max_open_risk_percent, limits.max_open_positions) == (None, 5)

    def test_the_second_of_two_tabs_is_told(self, alice: User) -> None:
        account = create(alice)
        version = services.version_of(account.risk_policy)
        services.risk_policy_save(owner=alice, pk=account.pk, terms=self.TERMS, version=version)
        with refused("stale"):
            services.risk_policy_save(owner=alice, pk=account.pk, terms=self.TERMS, version=version)

    def test_an_account_that_never_had_a_policy_gets_the_usual_one(self, alice: User) -> None:
        account = TradingAccount.objects.create(owner=alice, name="Bare", opened_on=TODAY)
        assert limits_for(account).max_position_percent == Decimal("30.00")


class TestCash:
    TERMS = CashTerms(kind="deposit", amount=Decimal("250.00"), moved_on=date(2026, 2, 3), note="Bonus")

    def record(self, account: TradingAccount, key: uuid.UUID | None = None, **changes: Any) -> CashMovement:
        return services.cash_movement_create(
            owner=account.owner,
            account_pk=account.pk,
            terms=replace(self.TERMS, **changes),
            today=TODAY,
            creation_key=key or uuid.uuid4(),
        )

    def test_deposits_and_withdrawals_add_up_by_day(self, alice: User) -> None:
        account = create(alice)
        self.record(account)
        self.record(account, kind="withdrawal", amount=Decimal("50.00"), moved_on=date(2026, 2, 4))
        self.record(account, kind="interest", amount=Decimal("0.35"), moved_on=date(2026, 2, 5))
        assert cash_total(account) == Decimal("200.35")
        assert cash_total(account, on=date(2026, 2, 4)) == Decimal("200.00")
        assert cash_total(account, on=date(2026, 2, 2)) == Decimal(0)

    def test_the_same_form_sent_twice_records_once(self, alice: User) -> None:
        account, key = create(alice), uuid.uuid4()
        assert self.record(account, key) == self.record(account, key)
        assert CashMovement.objects.count() == 1

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"amount": Decimal(0)}, "not_positive"),
            ({"amount": Decimal(-5)}, "not_positive"),
            ({"amount": Decimal("NaN")}, "not_finite"),
            ({"amount": Decimal("0.001")}, "too_many_decimals"),
            ({"amount": Decimal("9" * 30)}, "too_many_digits"),
            ({"moved_on": date(2026, 3, 6)}, "future"),
            ({"moved_on": date(2026, 1, 1)}, "before_opening"),
            ({"kind": "gift"}, "bad_kind"),
        ],
    )
    def test_what_cannot_have_happened_is_refused_at_its_field(
        self, alice: User, change: dict[str, Any], code: str
    ) -> None:
        account = create(alice)
        with refused(code, next(iter(change))):
            self.record(account, **change)
        assert not CashMovement.objects.exists()

    def test_an_edit_writes_over_nothing_unseen(self, alice: User) -> None:
        movement = self.record(create(alice))
        version = services.version_of(movement)
        terms = replace(self.TERMS, amount=Decimal("300.00"))
        services.cash_movement_edit(owner=alice, pk=movement.pk, terms=terms, version=version, today=TODAY)
        with refused("stale") as caught:
            services.cash_movement_edit(owner=alice, pk=movement.pk, terms=self.TERMS, version=version, today=TODAY)
        assert "Amount is now “300.00”." in caught.value.sentence
        movement.refresh_from_db()
        assert movement.amount == Decimal("300.00")

    def test_charlie_neither_edits_nor_deletes_it(self, alice: User, charlie: User) -> None:
        movement = self.record(create(alice))
        with pytest.raises(Http404):
            services.cash_movement_delete(owner=charlie, pk=movement.pk)
        with pytest.raises(Http404):
            services.cash_movement_edit(
                owner=charlie, pk=movement.pk, terms=self.TERMS, version=services.version_of(movement), today=TODAY
            )
        assert CashMovement.objects.get() == movement

    def test_a_key_used_in_another_account_records_nothing(self, alice: User, charlie: User) -> None:
        key = uuid.uuid4()
        self.record(create(alice), key)
        with refused("sent_twice"):
            self.record(create(charlie), key)
        assert CashMovement.objects.count() == 1


class TestSelectors:
    def test_without_a_key_the_first_account_in_use_is_meant(self, alice: User) -> None:
        make_account(alice, "Old", is_archived=True)
        main = make_account(alice)
        assert account_for(alice, None) == main

    @pytest.mark.parametrize("key", [None, "not-a-key", uuid.uuid4()])
    def test_an_account_that_is_not_there_is_not_found(self, alice: User, key: Any) -> None:
        with pytest.raises(Http404):
            account_for(alice, key)

    def test_anothers_account_is_not_found_and_not_locked(self, alice: User, charlie: User) -> None:
        account = make_account(alice)
        for find in (account_for, account_get_locked):
            with pytest.raises(Http404):
                find(charlie, account.pk)
        assert account_get_locked(alice, str(account.pk)) == account


def test_a_wider_break_even_band_changes_the_trades_and_the_figures(alice: User, settings: Any) -> None:
    """The real seam: what the settings name computes trades and kept sums anew in the same transaction."""
    settings.ACCOUNT_RULES_CHANGED = "trades.services.recompute.account_recompute"
    account = make_account(alice)
    trade = make_closed_trade(account, net="20.00")
    figures_rebuild(account)
    edit(account, break_even_band=Decimal("25.00"))
    trade.refresh_from_db()
    assert trade.outcome == "break_even"
    assert account.figure_totals.get(dimension="all").break_evens == 1


class TestConnectedAccounts:
    def test_what_the_broker_decides_is_not_decided_here(self, alice: User) -> None:
        account = make_account(alice, broker="mock", account_type="paper")
        make_connection(account, "mock", keys={})
        account.refresh_from_db()
        said = initial_of(account, AccountTerms)

        for field, value in {"broker": "manual", "account_type": "live", "currency": "EUR"}.items():
            with pytest.raises(AccountError) as refused:
                services.account_edit(
                    owner=alice,
                    pk=account.pk,
                    terms=AccountTerms(**(said | {field: value})),
                    version=version_of(account),
                    today=date(2026, 3, 4),
                )
            assert (refused.value.code, refused.value.field) == ("connected", field)

        renamed = services.account_edit(
            owner=alice,
            pk=account.pk,
            terms=AccountTerms(**(said | {"name": "Practice"})),
            version=version_of(account),
            today=date(2026, 3, 4),
        )
        assert renamed.name == "Practice"

    def test_an_account_is_not_deleted_while_its_orders_work(self, alice: User) -> None:
        account = make_account(alice, "Main")
        order = Order.objects.create(
            owner=alice, account=account, symbol="SPY", side="buy", type="market", quantity=1, status="accepted"
        )

        with pytest.raises(AccountError, match="Orders still work") as refused:
            services.account_delete(owner=alice, pk=account.pk, typed_name="Main")
        assert refused.value.code == "orders_working"

        Order.objects.filter(pk=order.pk).update(status="filled")
        services.account_delete(owner=alice, pk=account.pk, typed_name="Main")
        assert not TradingAccount.objects.exists()
