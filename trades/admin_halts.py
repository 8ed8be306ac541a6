"""Halts, for administrators: the whole desk is halted and resumed here, each on a page that asks first."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.models import Halt, HaltLevel, Pulse, Silence
from brokers.admin.reading import ReadOnlyAdmin
from trades.execution.halt_sweep import consequence
from trades.execution.intents import desk_halt, desk_resume
from trades.forms.position import HaltForm

FORM = "admin/accounts/halt/form.html"
LIST = "admin:accounts_halt_changelist"
HALT = {
    "title": "Halt the whole desk",
    "text": "Every trader is told, and sees it on every page with your name and your reason.",
    "consequences": [
        "New entries of every trader are refused at once; exits always pass.",
        "Workers cancel every entry that works or waits.",
    ],
    "action_label": "Halt the desk",
}
HALTED_ALREADY = {
    **HALT,
    "text": "The desk is halted. Its first reason stays; stops and targets that were kept can be cancelled, too.",
    "consequences": [
        "With stops and targets kept nothing changes.",
        "With stops and targets cancelled workers cancel them, too, and every trader is told once more.",
    ],
}
RESUME = {
    "title": "Resume the desk",
    "text": "New orders of every trader may leave again.",
    "consequences": ["What was cancelled stays cancelled.", "Traders and accounts that are halted stay halted."],
    "action_label": "Resume the desk",
}


class DeskHaltForm(HaltForm):
    is_meant = forms.BooleanField(
        label="I mean every trader of this desk", error_messages={"required": "Tick this to halt the whole desk."}
    )


@admin.register(Halt)
class HaltAdmin(ReadOnlyAdmin):
    """Of a trader's halt the trader decides; rows are never changed by hand."""

    list_display = ["halted_at", "concerns", "reason", "by_name", "orders_cancelled", "resumed_at"]
    list_filter = ["level", "cancels_exits"]
    list_select_related = ["user"]
    search_fields = ["reason", "by_name", "user__username", "user__email"]
    date_hierarchy = "halted_at"

    @admin.display(description="concerns", ordering="user__username")
    def concerns(self, halt: Halt) -> str:
        return halt.user.get_username() if halt.user is not None else "the whole desk"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_halt")

    def has_resume_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_halt")

    def get_urls(self) -> list[URLPattern]:
        resume = self.admin_site.admin_view(self.resume_view)
        return [path("resume/", resume, name="accounts_halt_resume_desk"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        told = {"is_halted": _is_halted(), "may_resume": self.has_resume_permission(request)}
        return super().changelist_view(request, told | (extra_context or {}))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = DeskHaltForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            terms = form.terms()
            halt = desk_halt(by=request.user.get_username(), **terms)
            exits = consequence(cancels_exits=halt.cancels_exits)
            asked = "stops and targets, too" if terms["cancels_exits"] else "entries alone"
            self.log_addition(request, halt, f"Halted the whole desk ({asked}): {terms['reason']}")
            messages.warning(request, f"The desk is halted: workers cancel what works. {exits}")
            return redirect(LIST)
        return self._asked(request, form, HALTED_ALREADY if _is_halted() else HALT)

    def resume_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_resume_permission(request):
            raise PermissionDenied
        if not _is_halted():
            messages.info(request, "The desk is not halted.")
            return redirect(LIST)
        if request.method == "POST":
            halt = desk_resume(by=request.user.get_username())
            if halt is not None:
                self.log_change(request, halt, "Resumed the desk.")
                messages.success(request, "The desk trades again.")
            return redirect(LIST)
        return self._asked(request, forms.Form(), RESUME)

    def _asked(self, request: HttpRequest, form: forms.Form, words: dict[str, Any]) -> HttpResponse:
        fields = [(None, {"fields": list(form.fields)})] if form.fields else []
        context = {
            **self.admin_site.each_context(request),
            **words,
            "opts": self.opts,
            "adminform": AdminForm(form, fields, {}),
        }
        return TemplateResponse(request, FORM, context)


@admin.register(Pulse)
class PulseAdmin(ReadOnlyAdmin):
    """When each kind of process was last heard of, by the database's clock."""

    list_display = ["name", "at"]


@admin.register(Silence)
class SilenceAdmin(ReadOnlyAdmin):
    """Times in which a process or a broker was not heard of."""

    list_display = ["subject", "user", "since", "noticed_at", "ended_at"]
    list_select_related = ["user"]
    search_fields = ["subject", "user__username"]


def _is_halted() -> bool:
    return Halt.objects.filter(level=HaltLevel.DESK, resumed_at=None).exists()
