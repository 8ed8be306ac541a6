"""Setups with their checklists, and tags."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.selectors import accounts_of
from trades.forms.setups import SetupForms, TagForm, TagMergeForm, TagNameForm
from trades.models import Setup
from trades.selectors.setups import setups_with_results, tags_with_results
from trades.selectors.trades import setups_of, tags_of
from trades.services.setups import SetupError, StaleSetup, setup_create, setup_delete, setup_edit
from trades.services.tags import TagError, tag_create, tag_delete, tag_edit, tag_merge
from trenddojo.domain.errors import DomainError

PLURALS = {"tag": "Tags", "mistake": "Mistakes", "emotion": "Emotions"}


def _refused(form: Any, problem: DomainError) -> None:
    form.add_error(problem.field if problem.field in form.fields else None, problem.sentence)


def _status(*forms: Any) -> int:
    return 422 if any(form.errors for form in forms) else 200


@login_required
@require_safe
def setup_list(request: HttpRequest) -> HttpResponse:
    return render(request, "trades/setup_list.html", {"setups": setups_with_results(request.user)})


@login_required
@require_http_methods(["GET", "POST"])
def setup_new(request: HttpRequest) -> HttpResponse:
    forms = SetupForms(request.POST or None, setup=None, accounts=accounts_of(request.user))
    if request.method == "POST" and forms.is_valid():
        try:
            key = forms.setup.cleaned_data["key"] or Setup().pk
            setup = setup_create(owner=request.user, key=key, typed=forms.typed())
        except SetupError as problem:
            _refused(forms.setup, problem)
        else:
            messages.success(request, f"The setup {setup.name} is kept.")
            return redirect("trades:setup-list")
    return _setup_page(request, forms, setup=None)


@login_required
@require_http_methods(["GET", "POST"])
def setup_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    setup = get_object_or_404(setups_of(request.user), pk=pk)
    forms = SetupForms(request.POST or None, setup=setup, accounts=accounts_of(request.user))
    if request.method == "POST" and forms.is_valid():
        try:
            setup_edit(owner=request.user, setup_id=pk, typed=forms.typed())
        except StaleSetup as stale:
            # The writer has been told what changed: saving again is a decision now.
            forms.setup.add_error(None, stale.sentence)
            forms.setup.data = forms.setup.data.copy()
            forms.setup.data["version"] = stale.version
        except SetupError as problem:
            _refused(forms.setup, problem)
        else:
            messages.success(request, f"The setup {forms.setup.cleaned_data['name']} is saved.")
            return redirect("trades:setup-list")
    return _setup_page(request, forms, setup=setup)


def _setup_page(request: HttpRequest, forms: SetupForms, *, setup: Setup | None) -> HttpResponse:
    reasons = forms.reasons() if request.method == "POST" else []
    context = {"forms": forms, "form": forms.setup, "setup": setup, "reasons": reasons}
    return render(request, "trades/setup_edit.html", context, status=422 if reasons else _status(forms.setup))


@login_required
@require_http_methods(["GET", "POST"])
def setup_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    setup = get_object_or_404(setups_of(request.user), pk=pk)
    if request.method == "POST":
        setup_delete(owner=request.user, setup_id=pk)
        messages.success(request, f"The setup {setup.name} is deleted; its trades are kept.")
        return redirect("trades:setup-list")
    count = setup.trades.count()
    context = {
        "title": f"Delete the setup {setup.name}?",
        "consequences": [
            f"{count:,} trade{'' if count == 1 else 's'} stay and count as without a setup.",
            "Answered checklists stay with their trades, in the words they were answered in.",
            "Its own risk limits are forgotten: open plans fall back to the account's.",
        ],
        "action_label": "Delete setup",
        "cancel_url": reverse("trades:setup-edit", args=[pk]),
    }
    return render(request, "confirm.html", context)


@login_required
@require_safe
def tag_list(request: HttpRequest) -> HttpResponse:
    return _tag_page(request, TagForm())


def _tag_page(request: HttpRequest, form: TagForm) -> HttpResponse:
    kinds = [(kind, PLURALS[kind], rows) for kind, rows in tags_with_results(request.user)]
    context = {"form": form, "kinds": kinds, "is_empty": not any(rows for _kind, _label, rows in kinds)}
    return render(request, "trades/tag_list.html", context, status=_status(form))


@login_required
@require_POST
def tag_new(request: HttpRequest) -> HttpResponse:
    form = TagForm(request.POST)
    if form.is_valid():
        try:
            tag = tag_create(owner=request.user, **form.cleaned_data)
        except TagError as problem:
            _refused(form, problem)
        else:
            messages.success(request, f"“{tag.name}” is kept.")
            return redirect("trades:tag-list")
    return _tag_page(request, form)


@login_required
@require_http_methods(["GET", "POST"])
def tag_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Renames; what a tag may be merged into is asked on the same page, by another form."""
    tag = get_object_or_404(tags_of(request.user), pk=pk)
    form = TagNameForm(request.POST or None, initial={"name": tag.name})
    if request.method == "POST" and form.is_valid():
        try:
            tag_edit(owner=request.user, tag_id=pk, name=form.cleaned_data["name"])
        except TagError as problem:
            _refused(form, problem)
        else:
            messages.success(request, "The new name is kept, on all trades and days.")
            return redirect("trades:tag-list")
    return _tag_edit_page(request, pk, form=form)


def _tag_edit_page(request: HttpRequest, pk: UUID, **forms: Any) -> HttpResponse:
    tags = list(tags_of(request.user))
    tag = next(tag for tag in tags if tag.pk == pk)
    context = {
        "tag": tag,
        "form": forms.get("form") or TagNameForm(initial={"name": tag.name}),
        "merge_form": forms.get("merge_form") or TagMergeForm(others=[one for one in tags if one.pk != pk]),
        "has_others": len(tags) > 1,
    }
    status = _status(context["form"], context["merge_form"])
    return render(request, "trades/tag_edit.html", context, status=status)


@login_required
@require_POST
def tag_join(request: HttpRequest, pk: UUID) -> HttpResponse:
    tag = get_object_or_404(tags_of(request.user), pk=pk)
    form = TagMergeForm(request.POST, others=tags_of(request.user).exclude(pk=pk))
    if form.is_valid():
        into = tag_merge(owner=request.user, tag_id=pk, into_id=UUID(form.cleaned_data["into"]))
        messages.success(request, f"“{tag.name}” is “{into.name}” now, on all trades and days.")
        return redirect("trades:tag-list")
    return _tag_edit_page(request, pk, merge_form=form)


@login_required
@require_http_methods(["GET", "POST"])
def tag_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    tag = get_object_or_404(tags_of(request.user), pk=pk)
    if request.method == "POST":
        tag_delete(owner=request.user, tag_id=pk)
        messages.success(request, f"“{tag.name}” is deleted.")
        return redirect("trades:tag-list")
    count = tag.trades.count()
    context = {
        "title": f"Delete “{tag.name}”?",
        "text": f"It is taken off {count:,} trade{'' if count == 1 else 's'}; the trades themselves stay.",
        "action_label": "Delete",
        "cancel_url": reverse("trades:tag-edit", args=[pk]),
    }
    return render(request, "confirm.html", context)
