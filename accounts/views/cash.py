"""Cash movements of an account."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts import services
from accounts.forms.cash import CashCreateForm, CashEditForm
from accounts.forms.fields import refusals_at
from accounts.models import CashMovementKind
from accounts.selectors import account_for, cash_movement_for, cash_movements_of, cash_total

PAGE = 50


@login_required
@require_safe
def cash_list(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    account = account_for(request.user, pk)
    page = Paginator(cash_movements_of(account), PAGE).get_page(request.GET.get("page"))
    context = {
        "account": account,
        "page": page,
        "cash_total": cash_total(account),
        "previous_url": f"?page={page.previous_page_number()}" if page.has_previous() else "",
        "next_url": f"?page={page.next_page_number()}" if page.has_next() else "",
    }
    return render(request, "accounts/cash_list.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def cash_create(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    account = account_for(request.user, pk)
    today = timezone.localdate()
    asked = request.GET.get("kind", "")
    kind = asked if asked in CashMovementKind.values else CashMovementKind.DEPOSIT
    form = CashCreateForm(request.POST or None, account=account, initial={"kind": kind, "moved_on": today})
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            movement = services.cash_movement_create(
                owner=request.user,
                account_pk=pk,
                terms=form.terms(),
                today=today,
                creation_key=form.cleaned_data["creation_key"],
            )
            messages.success(request, f"{movement.get_kind_display()} recorded.")
            return redirect("accounts:cash-list", pk)
    return render(request, "accounts/cash_create.html", {"form": form, "account": account})


@login_required
@require_http_methods(["GET", "POST"])
def cash_edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    movement = cash_movement_for(request.user, pk)
    first = {name: getattr(movement, name) for name in ("kind", "amount", "moved_on", "note")}
    form = CashEditForm(
        request.POST or None, account=movement.account, initial=first | {"version": services.version_of(movement)}
    )
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            services.cash_movement_edit(
                owner=request.user,
                pk=pk,
                terms=form.terms(),
                version=form.cleaned_data["version"],
                today=timezone.localdate(),
            )
            messages.success(request, "Saved.")
            return redirect("accounts:cash-list", movement.account_id)
    return render(request, "accounts/cash_edit.html", {"form": form, "movement": movement, "account": movement.account})


@login_required
@require_http_methods(["GET", "POST"])
def cash_delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    movement = cash_movement_for(request.user, pk)
    if request.method == "POST":
        account = services.cash_movement_delete(owner=request.user, pk=pk)
        messages.success(request, f"{movement.get_kind_display()} deleted.")
        return redirect("accounts:cash-list", account.pk)
    context = {
        "title": f"Delete this {movement.get_kind_display().lower()}?",
        "text": f"{movement.amount} {movement.account.currency} on {movement.moved_on}. "
        "The account's equity and its returns change from that day on.",
        "action_label": "Delete it",
        "cancel_url": reverse("accounts:cash-list", args=[movement.account_id]),
    }
    return render(request, "confirm.html", context)
