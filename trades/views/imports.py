"""Importing fills: the list, the upload, the preview with its mapping, progress, undo."""

import csv
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.selectors import accounts_in_use
from trades.forms.imports import CommitForm, ImportForm, MappingForm
from trades.imports.formats import FORMATS, ROLES, TEMPLATE_HEADER, TEMPLATE_LINES
from trades.imports.mapping import missing_roles
from trades.imports.reading import MAX_BYTES, refusal
from trades.imports.refusals import FileRefused
from trades.models import FillImport, ImportState
from trades.selectors.imports import imports_of, mapping_of, undo_consequences
from trades.services.errors import TradeError
from trades.services.import_queue import WORKING
from trades.services.imports import DELETABLE, import_commit, import_create, import_delete, import_map, import_undo
from trades.tasks import import_nudge
from trades.uploads import upload_limited

PER_PAGE = 50
# What a form adds to its file.
MARGIN = 64 * 1024
# State to the badge's tone and its word.
BADGES = {
    ImportState.UPLOADED: "running",
    ImportState.PREVIEW: "pending",
    ImportState.REFUSED: "refused",
    ImportState.COMMITTING: "running",
    ImportState.COMMITTED: "completed",
    ImportState.UNDOING: "running",
    ImportState.UNDONE: "undone",
}
LABELS = {
    ImportState.UPLOADED: "Reading the file",
    ImportState.COMMITTING: "Booking the fills",
    ImportState.UNDOING: "Taking the fills back",
}
TITLES = {known.key: known.title for known in FORMATS}


@login_required
@require_GET
def import_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(imports_of(request.user), PER_PAGE).get_page(request.GET.get("page"))
    for found in page.object_list:
        found.badge = BADGES[ImportState(found.state)]
    return render(request, "trades/import_list.html", {"page": page, "total": page.paginator.count})


@upload_limited(MAX_BYTES + MARGIN)
@login_required
@require_http_methods(["GET", "POST"])
def import_create_view(request: HttpRequest) -> HttpResponse:
    accounts = accounts_in_use(request.user)
    form = ImportForm(
        request.POST or None,
        request.FILES or None,
        accounts=accounts,
        initial={"account": request.GET.get("account")},
    )
    if request.method == "POST":
        made = _created(request, form)
        if made is not None:
            return redirect("trades:import-detail", pk=made.pk)
    status = 422 if form.errors else 200
    return render(
        request, "trades/import_create.html", {"form": form, "has_accounts": accounts.exists()}, status=status
    )


def _created(request: HttpRequest, form: ImportForm) -> FillImport | None:
    if request.is_upload_too_large:
        form.errors.pop("file", None)
        form.add_error("file", refusal("too_large").sentence)
    if not form.is_valid():
        return None
    given = form.cleaned_data
    try:
        return import_create(
            account=given["account"], file=given["file"], creation_key=given["creation_key"], nudge=import_nudge
        )
    except FileRefused as problem:
        form.add_error("file", problem.sentence)
        return None


@login_required
@require_GET
def import_template(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="import-template.csv"'
    csv.writer(response).writerows([TEMPLATE_HEADER, *TEMPLATE_LINES])
    return response


@login_required
@require_GET
def import_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _page(request, _mine(request, pk))


def _mine(request: HttpRequest, pk: UUID) -> FillImport:
    return get_object_or_404(imports_of(request.user), pk=pk)


def _page(
    request: HttpRequest,
    found: FillImport,
    *,
    mapping_form: MappingForm | None = None,
    commit_form: CommitForm | None = None,
    reason: str = "",
) -> HttpResponse:
    context: dict[str, Any] = {
        "import": found,
        "badge": BADGES[ImportState(found.state)],
        "is_working": found.state in WORKING,
        "is_deletable": found.state in DELETABLE,
        "progress": _progress(found),
        "reasons": [reason] if reason else [],
    }
    if found.state == ImportState.PREVIEW:
        context |= _preview(found, mapping_form, commit_form)
    failed = bool(reason) or any(form is not None and form.errors for form in (mapping_form, commit_form))
    return render(request, "trades/import_detail.html", context, status=422 if failed else 200)


def _preview(found: FillImport, mapping_form: MappingForm | None, commit_form: CommitForm | None) -> dict[str, Any]:
    mapping = mapping_of(found)
    roles = {at: ROLES[role] for role, at in mapping.columns.items()}
    return {
        "mapping_form": mapping_form or MappingForm(header=found.header, mapping=mapping),
        "commit_form": commit_form or CommitForm(),
        "columns": [(name, roles.get(at, "")) for at, name in enumerate(found.header[:30])],
        "format_title": TITLES.get(mapping.format, ""),
        "may_commit": not found.error_count and found.new,
        "is_maybe_cut_off": any(entry["code"] == "maybe_cut_off" for entry in found.warnings),
        "errors_beyond": found.error_count - len(found.errors),
        "is_unmapped": bool(missing_roles(mapping)),
        "was_refused": any(not error["line"] for error in found.errors),
    }


@login_required
@require_POST
def import_mapping(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _mine(request, pk)
    if found.state != ImportState.PREVIEW:
        return redirect("trades:import-detail", pk=pk)
    form = MappingForm(request.POST, header=found.header, mapping=mapping_of(found))
    if not form.is_valid():
        return _page(request, found, mapping_form=form)
    try:
        import_map(fill_import=found, mapping=form.mapping(), nudge=import_nudge)
    except TradeError as problem:
        messages.warning(request, problem.sentence)
    return redirect("trades:import-detail", pk=pk)


@login_required
@require_POST
def import_commit_view(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _mine(request, pk)
    form = CommitForm(request.POST)
    form.is_valid()
    try:
        import_commit(fill_import=found, nudge=import_nudge, confirmed=form.confirmed())
    except TradeError as problem:
        if found.state != ImportState.PREVIEW:
            messages.warning(request, problem.sentence)
            return redirect("trades:import-detail", pk=pk)
        if problem.field not in form.fields:
            return _page(request, found, reason=problem.sentence)
        form.add_error(problem.field, problem.sentence)
        return _page(request, found, commit_form=form)
    return redirect("trades:import-detail", pk=pk)


@login_required
@require_http_methods(["GET", "POST"])
def import_undo_view(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _mine(request, pk)
    if request.method == "POST":
        try:
            import_undo(fill_import=found, nudge=import_nudge)
        except TradeError as problem:
            messages.warning(request, problem.sentence)
        return redirect("trades:import-detail", pk=pk)
    if found.state != ImportState.COMMITTED:
        return redirect("trades:import-detail", pk=pk)
    context = {
        "title": f"Undo the import of {found.file_name}?",
        "consequences": _consequences(found),
        "action_label": "Undo the import",
        "cancel_url": reverse("trades:import-detail", args=[pk]),
    }
    return render(request, "confirm.html", context)


def _consequences(found: FillImport) -> list[str]:
    after = undo_consequences(found)
    lines = [f"{_counted(after.fills, 'fill')} of this import {_are(after.fills)} taken away, and nothing else."]
    if after.trades:
        lines.append(f"{_counted(after.trades, 'trade')} made of them alone {_are(after.trades)} deleted.")
    if after.trades_with_words:
        lines.append(
            f"{_counted(after.trades_with_words, 'trade')} among them with your notes, tags or plan"
            f" {_are(after.trades_with_words)} kept without fills."
        )
    if after.trades_shared:
        lines.append(
            f"{_counted(after.trades_shared, 'trade')} with other fills {_are(after.trades_shared)} computed anew."
        )
    return lines


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


@login_required
@require_http_methods(["GET", "POST"])
def import_delete_view(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _mine(request, pk)
    if request.method == "POST":
        try:
            import_delete(fill_import=found)
        except TradeError as problem:
            messages.warning(request, problem.sentence)
            return redirect("trades:import-detail", pk=pk)
        messages.success(request, f"The entry of {found.file_name} is deleted.")
        return redirect("trades:import-list")
    if found.state not in DELETABLE:
        return redirect("trades:import-detail", pk=pk)
    context = {
        "title": f"Delete the entry of {found.file_name}?",
        "text": "The uploaded file and its preview are forgotten. No fill and no trade is touched.",
        "action_label": "Delete the entry",
        "cancel_url": reverse("trades:import-detail", args=[pk]),
    }
    return render(request, "confirm.html", context)


@login_required
@require_GET
def import_progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The bar alone, for htmx; a job that ended sends the reader to its page."""
    found = _mine(request, pk)
    address = reverse("trades:import-detail", args=[pk])
    if not request.htmx:
        return redirect(address)
    if found.state not in WORKING:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return render(request, "_progress.html", _progress(found))


def _progress(found: FillImport) -> dict[str, Any]:
    is_waiting = found.lease_until is None
    percent = min(99, found.done * 100 // found.total) if found.total else 0
    return {
        "id": "import-progress",
        "url": reverse("trades:import-progress", args=[found.pk]),
        "label": LABELS.get(ImportState(found.state), ""),
        "done": found.done,
        "total": found.total,
        "ended": found.state not in WORKING,
        "text": "waiting for a worker" if is_waiting else f"{percent} %" if found.total else f"{found.done:,} lines",
    }
