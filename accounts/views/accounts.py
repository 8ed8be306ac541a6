"""Trading accounts: list, open, look at, change, put away, delete; and their risk policies."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import services
from accounts.forms.accounts import AccountCreateForm, AccountDeleteForm, AccountEditForm, FirstAccountForm, RiskForm
from accounts.forms.fields import refusals_at
from accounts.models import AccountType, Broker, CostMethod, RiskPolicy, TradingAccount
from accounts.selectors import (
    account_contents,
    account_for,
    account_has_history,
    accounts_with_cash,
    cash_movements_of,
    cash_total,
    policy_of,
)
from accounts.services.accounts import AccountTerms, RiskTerms, initial_of

RECENT = 5


@login_required
@require_safe
def account_list(request: HttpRequest) -> HttpResponse:
    accounts: QuerySet[TradingAccount] = accounts_with_cash(request.user)
    context = {
        "in_use": [account for account in accounts if not account.is_archived],
        "archived": [account for account in accounts if account.is_archived],
    }
    return render(request, "accounts/account_list.html", context)


@login_required
@require_safe
def account_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    account = account_for(request.user, pk)
    context = {
        "account": account,
        "policy": policy_of(account),
        "movements": cash_movements_of(account)[:RECENT],
        "cash_total": cash_total(account),
    }
    return render(request, "accounts/account_detail.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def account_first(request: HttpRequest) -> HttpResponse:
    """The page after sign-up; whoever has an account already opens further ones on the full page."""
    if request.method == "GET" and accounts_with_cash(request.user).exists():
        return redirect("accounts:account-create")
    form = FirstAccountForm(request.POST or None, initial={"opened_on": timezone.localdate(), **_guesses(request)})
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            account = _first_account(request, form)
            messages.success(request, f"{account.name} is open. Plan your first trade, or import your fills.")
            return redirect("/")
    return render(request, "accounts/account_first.html", {"form": form})


def _first_account(request: HttpRequest, form: FirstAccountForm) -> TradingAccount:
    said = form.cleaned_data
    today = timezone.localdate()
    terms = AccountTerms(
        name=said["name"],
        broker=Broker.MANUAL,
        account_type=AccountType.LIVE,
        currency=said["currency"],
        exchange=said["exchange"],
        cost_method=CostMethod.FIFO,
        break_even_band=TradingAccount._meta.get_field("break_even_band").get_default(),
        allows_fractions=said["exchange"] == "24/7",
        starting_balance=said["starting_balance"],
        opened_on=said["opened_on"],
    )
    risk = RiskTerms(**initial_of(RiskPolicy(), RiskTerms) | {"risk_per_trade_percent": said["risk_per_trade_percent"]})
    return services.account_create(
        owner=request.user, terms=terms, today=today, creation_key=said["creation_key"], risk=risk
    )


# What most traders of a zone use; only a proposal.
HOMES = {
    "Europe/London": ("GBP", "XLON"),
    "Europe/Zurich": ("CHF", "XSWX"),
    "Europe/Berlin": ("EUR", "XETR"),
    "Europe/Paris": ("EUR", "XPAR"),
    "Europe/Amsterdam": ("EUR", "XAMS"),
    "Europe/Stockholm": ("SEK", "XSTO"),
    "Asia/Tokyo": ("JPY", "XTKS"),
    "Asia/Hong_Kong": ("HKD", "XHKG"),
    "Asia/Kolkata": ("INR", "XBOM"),
    "Australia/Sydney": ("AUD", "XASX"),
    "America/Toronto": ("CAD", "XTSE"),
}


def _guesses(request: HttpRequest) -> dict[str, str]:
    currency, exchange = HOMES.get(request.user.timezone, ("USD", "XNYS"))
    return {"currency": currency, "exchange": exchange}


@login_required
@require_http_methods(["GET", "POST"])
def account_create(request: HttpRequest) -> HttpResponse:
    today = timezone.localdate()
    first = {"opened_on": today, "break_even_band": "0", **_guesses(request)}
    form = AccountCreateForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            account = services.account_create(
                owner=request.user, terms=form.terms(), today=today, creation_key=form.cleaned_data["creation_key"]
            )
            messages.success(request, f"{account.name} is open.")
            return redirect("accounts:account-detail", account.pk)
    return render(request, "accounts/account_create.html", {"form": form})


@login_required
@require_http_methods(["GET", "POST"])
def account_edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    account = account_for(request.user, pk)
    first = initial_of(account, AccountTerms) | {"version": services.version_of(account)}
    form = AccountEditForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            services.account_edit(
                owner=request.user,
                pk=pk,
                terms=form.terms(),
                version=form.cleaned_data["version"],
                today=timezone.localdate(),
            )
            messages.success(request, "Saved.")
            return redirect("accounts:account-detail", pk)
    context = {"form": form, "account": account, "currency_fixed": account_has_history(account)}
    return render(request, "accounts/account_edit.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def risk_edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    account = account_for(request.user, pk)
    policy = policy_of(account)
    form = RiskForm(
        request.POST or None, initial=initial_of(policy, RiskTerms) | {"version": services.version_of(policy)}
    )
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            services.risk_policy_save(
                owner=request.user, pk=pk, terms=form.terms(), version=form.cleaned_data["version"]
            )
            messages.success(request, "The risk policy is saved. It holds for plans from now on.")
            return redirect("accounts:account-detail", pk)
    return render(request, "accounts/risk_edit.html", {"form": form, "account": account})


@login_required
@require_POST
def account_archive(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    account = services.account_archive(owner=request.user, pk=pk)
    messages.success(request, f"{account.name} is archived. Its trades and figures stay.")
    return redirect("accounts:account-list")


@login_required
@require_POST
def account_unarchive(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    account = services.account_unarchive(owner=request.user, pk=pk)
    messages.success(request, f"{account.name} is back in use.")
    return redirect("accounts:account-list")


@login_required
@require_http_methods(["GET", "POST"])
def account_delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    account = account_for(request.user, pk)
    form = AccountDeleteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            services.account_delete(owner=request.user, pk=pk, typed_name=form.cleaned_data["typed_name"])
            messages.success(request, f"{account.name} and everything in it is deleted.")
            return redirect("accounts:account-list")
    context = {"form": form, "account": account, "contents": account_contents(account)}
    return render(request, "accounts/account_delete.html", context)
