"""A session that ended while a form was typed: the typed text stands in the form again after sign-in, unsaved."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import CashMovement, TradingAccount, User
from tests.trades.desk_kit import make_account
from tests.trades.page_kit import page_of, plan_data
from trades.models import Trade
from trenddojo.kept_forms import KEPT, MARK, MOST_CHARACTERS, SHOWN

pytestmark = pytest.mark.django_db

PLAN = "/trades/plan/"
WORDS = "Above the level & with <volume>."


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


@pytest.fixture
def ended(client_for: Callable[[User], Client], alice: User, account: TradingAccount) -> Client:
    """Alice's browser, which opened the plan's page, after somebody ended her session."""
    client = client_for(alice)
    assert client.get(PLAN).status_code == 200
    client.session.flush()
    return client


def sign_in(client: Client, name: str, password: str, address: str) -> Any:
    return client.post(address, {"login": name, "password": password})


def test_what_was_typed_is_shown_again_after_sign_in_and_not_saved(
    ended: Client, account: TradingAccount, password: str
) -> None:
    typed = plan_data(account, thesis=WORDS, symbol="nvda", entry="ten")
    answer = ended.post(PLAN, typed)
    assert (answer.status_code, answer.url) == (302, f"{reverse('account_login')}?next={PLAN}")
    assert KEPT in page_of(ended.get(answer.url))
    back = sign_in(ended, "alice", password, answer.url)
    assert back.url == PLAN
    shown = ended.get(back.url)
    assert SHOWN in page_of(shown)
    form = shown.context["form"]
    assert [form[name].value() for name in ("symbol", "entry", "thesis")] == ["nvda", "ten", WORDS]
    assert "Above the level &amp; with &lt;volume&gt;." in page_of(shown)
    assert not Trade.objects.exists()

    saved = ended.post(PLAN, {**typed, "entry": "100"})
    assert saved.status_code == 302
    assert Trade.objects.get().thesis == WORDS
    assert SHOWN not in page_of(ended.get(PLAN)), "it is shown once"


def test_another_form_is_as_empty_as_ever(ended: Client, account: TradingAccount, password: str) -> None:
    answer = ended.post(PLAN, plan_data(account, symbol="nvda"))
    sign_in(ended, "alice", password, answer.url)
    other = ended.get("/trades/quick/")
    assert SHOWN not in page_of(other)
    assert not other.context["form"].is_bound


def test_somebody_else_at_the_same_browser_sees_nothing_of_it(
    ended: Client, account: TradingAccount, charlie: User, password: str
) -> None:
    make_account(charlie)
    answer = ended.post(PLAN, plan_data(account, thesis="Mine alone"))
    sign_in(ended, "charlie", password, answer.url)
    for _time in range(2):
        assert "Mine alone" not in page_of(ended.get(PLAN))


@pytest.mark.parametrize("mark", ["", "forged", "11111111-1111-1111-1111-111111111111:1:1"])
def test_a_browser_that_was_not_signed_in_keeps_nothing(
    account: TradingAccount, alice: User, client_for: Callable[[User], Client], mark: str
) -> None:
    stranger = Client()
    if mark:
        stranger.cookies[MARK] = mark
    answer = stranger.post(PLAN, plan_data(account, thesis="Planted"))
    assert answer.status_code == 302
    assert KEPT not in page_of(stranger.get(answer.url))
    assert "Planted" not in page_of(client_for(alice).get(PLAN))


def test_whoever_signs_out_leaves_nothing_behind(
    client_for: Callable[[User], Client], alice: User, account: TradingAccount
) -> None:
    client = client_for(alice)
    client.get(PLAN)
    assert client.cookies[MARK].value
    client.post(reverse("account_logout"))
    assert client.cookies[MARK].value == ""
    answer = client.post(PLAN, plan_data(account))
    assert KEPT not in page_of(client.get(answer.url))


def test_passwords_and_very_long_texts_are_not_kept(ended: Client, alice: User, password: str) -> None:
    ended.post("/settings/delete/", {"typed_username": "alice", "typed_password": password})
    sign_in(ended, "alice", password, reverse("account_login"))
    form = ended.get("/settings/delete/").context["form"]
    assert (form["typed_username"].value(), form["typed_password"].value()) == ("alice", None)
    assert User.objects.filter(pk=alice.pk).exists()
    ended.session.flush()
    answer = ended.post(PLAN, {"thesis": "x" * MOST_CHARACTERS})
    assert KEPT not in page_of(ended.get(answer.url))


def test_a_file_has_to_be_chosen_again_and_is_said(ended: Client, account: TradingAccount, password: str) -> None:
    address = reverse("trades:import-create")
    file = SimpleUploadedFile("fills.csv", b"Date,Symbol\n", content_type="text/csv")
    answer = ended.post(address, {"account": str(account.pk), "file": file})
    assert "Files have to be chosen again." in page_of(ended.get(answer.url))
    sign_in(ended, "alice", password, answer.url)
    assert "Files have to be chosen again." in page_of(ended.get(address))


def test_cash_typed_for_an_account_comes_back_to_it(ended: Client, account: TradingAccount, password: str) -> None:
    address = reverse("accounts:cash-create", args=[account.pk])
    answer = ended.post(address, {"kind": "deposit", "amount": "2500.00", "moved_on": "2026-02-03", "note": "Bonus"})
    sign_in(ended, "alice", password, answer.url)
    form = ended.get(address).context["form"]
    assert (form["amount"].value(), form["note"].value()) == ("2500.00", "Bonus")
    assert not CashMovement.objects.exists()
