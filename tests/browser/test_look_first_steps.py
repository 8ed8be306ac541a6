"""First steps, imports and refusals are fit to be shown to a customer.

A desk without an account, an account without trades, a file from its upload to its undoing, the pages that say no.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from accounts.models import TradingAccount
from tests.browser.conftest import Tour
from tests.factories import make_account
from tests.trades.import_kit import HEADER, commit, fill_line, upload
from trades.execution.intents import desk_halt, trader_halt
from trades.models import FillImport, ImportState
from trades.selectors.breakdowns import BREAKDOWNS
from trenddojo.templatetags.page import NAVIGATION

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[Page, "User"], None]
EMPTY = [name for name, _, _ in (*NAVIGATION["main"], *NAVIGATION["desk"])] + [
    *("trades:performance-equity", "trades:performance-calendar", "trades:performance-plan"),
    *("trades:performance-overrides", "trades:import-create"),
]


def _visit_empty(tour: Tour, kind: str) -> None:
    for name in EMPTY:
        tour.visit(f"{kind}-{name.replace(':', '-')}", reverse(name))
    tour.visit(f"{kind}-breakdown", reverse("trades:performance-breakdown", args=[next(iter(BREAKDOWNS))]))
    tour.visit(f"{kind}-figure", reverse("trades:performance-figure", args=["win_rate"]))


def test_a_desk_without_an_account_is_fit_to_be_shown(alice: "User", sign_in: SignIn, tour: Tour) -> None:
    sign_in(tour.page, alice)
    _visit_empty(tour, "no-account")


def test_an_account_without_trades_is_fit_to_be_shown(alice: "User", sign_in: SignIn, tour: Tour) -> None:
    make_account(alice)
    sign_in(tour.page, alice)
    _visit_empty(tour, "no-trades")


def _lines(count: int) -> str:
    return "".join(
        fill_line(f"2026-03-02 {10 + at // 60}:{at % 60:02}:00", "AAPL", "sell" if at % 2 else "buy", 100, f"18{at % 10}.45")
        for at in range(count)
    )  # fmt: skip


def _working(account: TradingAccount) -> FillImport:
    """As it stands while a worker books it."""
    made = upload(account, HEADER + _lines(4), "in-the-worker.csv")
    made.state, made.done, made.total = ImportState.COMMITTING, 42_000, 100_000
    made.lease_until = timezone.now() + timedelta(minutes=5)
    made.save()
    return made


def _refused(account: TradingAccount) -> FillImport:
    """As a worker leaves a file in which it found a broken line."""
    made = upload(account, HEADER + _lines(4), "cut-off.csv")
    sentence = "The file ends inside quotation marks that open on line 90,001: it was cut off. Export it again."
    made.state, made.error_count = ImportState.REFUSED, 1
    made.errors = [{"line": 0, "code": "cut_off", "detail": sentence}]
    made.save()
    return made


def test_an_import_is_fit_to_be_shown_from_upload_to_undoing(alice: "User", sign_in: SignIn, tour: Tour) -> None:
    account = make_account(alice)
    sign_in(tour.page, alice)
    wrong = "2026-13-02 10:00:00,AAPL,hold,-5,1e5,0,0,,,\n" + "2026-03-02 10:00:00,=cmd,buy,0,NaN,0,0,,,\n" * 5
    states = {
        "booked": commit(upload(account, HEADER + _lines(40), "a-broker-with-a-long-name-statement-2026-03-02.csv")),
        "preview": upload(account, HEADER + _lines(60), "march.csv"),
        "errors": upload(account, HEADER + _lines(3) + wrong, "wrong.csv"),
        "cut-off": upload(account, HEADER + _lines(5).rstrip("\n"), "no-line-end.csv"),
        "unknown-header": upload(account, "when;what;how many\n2026-03-02;AAPL;5\n", "other.csv"),
        "working": _working(account),
        "refused": _refused(account),
    }
    for name, made in states.items():
        tour.visit(f"import-{name}", reverse("trades:import-detail", args=[made.pk]))
    tour.visit("import-undo", reverse("trades:import-undo", args=[states["booked"].pk]))
    tour.visit("import-delete", reverse("trades:import-delete", args=[states["preview"].pk]))
    tour.visit("import-list-full", reverse("trades:import-list"))
    tour.page.goto(tour.address + reverse("trades:import-create"))
    tour.page.set_input_files("input[type=file]", {"name": "x.csv", "mimeType": "text/csv", "buffer": b"\0\1\2binary"})
    tour.send("import-create-refused", "Upload and preview")


@pytest.mark.urls("tests.look.pages")
def test_the_pages_that_say_no_are_fit_to_be_shown(tour: Tour) -> None:
    for code in ("400", "403", "403_csrf", "404", "413", "429", "500", "503"):
        tour.visit(f"error-{code}", f"/look/refused/{code}/", status=int(code[:3]))
    tour.visit("error-not-found", "/nothing/here/", status=404)


def test_a_page_that_says_no_while_all_is_halted_is_fit_to_be_shown(alice: "User", sign_in: SignIn, tour: Tour) -> None:
    make_account(alice)
    sign_in(tour.page, alice)
    desk_halt(by="bob", reason="The exchange is closed by fire")
    trader_halt(user=alice, reason="Tilt")
    tour.visit("error-not-found-halted", "/nothing/here/", status=404)


def test_pages_for_strangers_say_what_is_wrong(alice: "User", tour: Tour) -> None:
    tour.page.goto(tour.address + reverse("account_login"))
    tour.page.get_by_label("User name or e-mail address").fill("alice")
    tour.page.get_by_label("Password").fill("wrong")
    tour.send("sign-in-refused", "Sign in")
    tour.page.goto(tour.address + reverse("account_signup"))
    tour.page.locator("main form").evaluate("form => { form.noValidate = true; }")
    tour.page.get_by_label("User name").fill("alice")
    tour.page.get_by_label("E-mail address").fill("no address")
    tour.page.get_by_label("Password", exact=True).fill("12345678")
    tour.send("sign-up-refused", "Create your desk")
    tour.visit("password-reset-bad-key", "/auth/password/reset/key/1-set-password/")
    tour.visit("confirm-email-bad-key", "/auth/confirm-email/nothing/")
    tour.visit("account-inactive", reverse("account_inactive"))
    tour.visit("verification-sent", reverse("account_email_verification_sent"))
    tour.visit("password-reset-key-done", reverse("account_reset_password_from_key_done"))
