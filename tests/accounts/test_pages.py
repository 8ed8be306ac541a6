"""Every page of accounts and settings answers its owner, and nobody else."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import CashMovement, TradingAccount, User
from tests.factories import make_account, make_cash

PAGES_OF_ONE = ["account-detail", "account-edit", "risk-edit", "account-delete", "cash-list", "cash-create"]
ALLAUTH_PAGES = [
    "account_change_password",
    "account_email",
    "account_logout",
    "mfa_index",
    "usersessions_list",
    "account_reauthenticate",
]


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


@pytest.fixture
def movement(account: TradingAccount) -> CashMovement:
    return make_cash(account, "deposit", "2500.00", date(2024, 5, 6))


@pytest.mark.parametrize("name", PAGES_OF_ONE)
def test_a_page_of_an_account_answers_its_owner_and_hides_from_charlie(
    name: str, account: TradingAccount, alice_client: Client, charlie_client: Client
) -> None:
    url = reverse(f"accounts:{name}", args=[account.pk])
    assert alice_client.get(url).status_code == 200
    assert charlie_client.get(url).status_code == 404
    assert Client().get(url).status_code == 302


@pytest.mark.parametrize("name", ["cash-edit", "cash-delete"])
def test_a_page_of_a_cash_movement_answers_its_owner_and_hides_from_charlie(
    name: str, movement: CashMovement, alice_client: Client, charlie_client: Client
) -> None:
    url = reverse(f"accounts:{name}", args=[movement.pk])
    assert alice_client.get(url).status_code == 200
    assert charlie_client.get(url).status_code == 404
    assert charlie_client.post(url).status_code == 404
    assert CashMovement.objects.filter(pk=movement.pk).exists()


@pytest.mark.parametrize(
    "name", ["account-archive", "account-unarchive", "account-delete", "account-edit", "risk-edit"]
)
def test_charlie_changes_nothing_of_alices(name: str, account: TradingAccount, charlie_client: Client) -> None:
    answer = charlie_client.post(reverse(f"accounts:{name}", args=[account.pk]), {"typed_name": account.name})
    assert answer.status_code == 404
    account.refresh_from_db()
    assert account.is_archived is False


def test_charlie_books_no_deposit_into_alices_account(account: TradingAccount, charlie_client: Client) -> None:
    body = {"kind": "deposit", "amount": "1", "moved_on": "2024-05-06"}
    assert charlie_client.post(reverse("accounts:cash-create", args=[account.pk]), body).status_code == 404
    assert not account.cash_movements.exists()


@pytest.mark.parametrize("name", ["account-list", "account-create", "settings", "user-delete"])
def test_a_page_of_ones_own_answers_and_sends_strangers_to_sign_in(name: str, alice_client: Client) -> None:
    url = reverse(f"accounts:{name}")
    assert alice_client.get(url).status_code == 200
    assert Client().get(url).url == f"{reverse('account_login')}?next={url}"


@pytest.mark.parametrize("name", ALLAUTH_PAGES)
def test_a_page_about_signing_in_wears_the_desks_look(name: str, alice_client: Client) -> None:
    body = alice_client.get(reverse(name)).content.decode()
    assert "css/desk.css" in body
    assert body.count("<h1") == 1


@pytest.mark.parametrize(
    "name", ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"]
)
def test_a_page_for_strangers_wears_the_desks_look(name: str, db: None) -> None:
    body = Client().get(reverse(name)).content.decode()
    assert "css/desk.css" in body
    assert body.count("<h1") == 1


def test_no_page_carries_a_script_or_style_the_policy_refuses(alice_client: Client, account: TradingAccount) -> None:
    pages = [reverse(name) for name in ALLAUTH_PAGES] + [
        reverse(f"accounts:{name}", args=[account.pk]) for name in PAGES_OF_ONE
    ]
    for url in pages:
        body = alice_client.get(url).content.decode()
        assert " style=" not in body, url
        assert "onclick=" not in body, url
        assert "<script>" not in body, url


def test_lists_ask_the_same_number_of_questions_for_any_number_of_rows(
    alice: User, alice_client: Client, account: TradingAccount, movement: CashMovement
) -> None:
    pages = {reverse("accounts:account-list"): 5, reverse("accounts:cash-list", args=[account.pk]): 6}
    for number in range(12):
        make_account(alice, f"Account {number}")
        make_cash(account, "deposit", "10.00", date(2024, 5, 6))
    for url, expected in pages.items():
        alice_client.get(url)
        with CaptureQueriesContext(connection) as asked:
            alice_client.get(url)
        assert len(asked) <= expected, [query["sql"] for query in asked]


def test_the_list_says_what_cash_came_and_went(alice: User, alice_client: Client, account: TradingAccount) -> None:
    make_cash(account, "deposit", "100.00", date(2024, 5, 6))
    make_cash(account, "withdrawal", "30.00", date(2024, 5, 7))
    make_cash(account, "dividend", "5.00", date(2024, 5, 8))
    make_cash(account, "charge", "1.50", date(2024, 5, 8))
    answer = alice_client.get(reverse("accounts:account-list"))
    assert answer.context["in_use"][0].cash_total == Decimal("73.50")
    assert "+73.50" in answer.content.decode()


def test_an_archived_account_is_listed_apart_and_comes_back(alice_client: Client, account: TradingAccount) -> None:
    alice_client.post(reverse("accounts:account-archive", args=[account.pk]))
    listed = alice_client.get(reverse("accounts:account-list")).context
    assert (listed["in_use"], listed["archived"]) == ([], [account])
    alice_client.post(reverse("accounts:account-unarchive", args=[account.pk]))
    assert alice_client.get(reverse("accounts:account-list")).context["in_use"] == [account]
