"""What a page is made of besides numbers: fields, navigation, theme. ``{% load page %}``."""

from collections.abc import Callable
from typing import Any

from django import template
from django.db import Error
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.http import HttpRequest
from django.template.context import Context, RequestContext
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from accounts.services.notifications import unread_count
from trenddojo.templatetags.desk import icon

register = template.Library()

THEMES = ("light", "dark")

# URL name, label, icon.
NAVIGATION = {
    "main": (
        ("trades:dashboard", "Dashboard", "layout-dashboard"),
        ("trades:trade-list", "Trades", "list-details"),
        ("trades:plan-create", "Plan a trade", "target-arrow"),
        ("trades:quick-entry", "Quick entry", "bolt"),
        ("trades:order-list", "Orders", "arrows-sort"),
        ("trades:position-list", "Positions", "scale"),
        ("trades:eyes", "Needs your eyes", "eye"),
        ("trades:halt", "Halt", "player-stop"),
        ("trades:journal-list", "Journal", "notebook"),
        ("trades:performance", "Performance", "chart-line"),
        ("trades:import-list", "Import", "file-import"),
        ("accounts:account-list", "Accounts", "wallet"),
        ("brokers:connection-list", "Connections", "plug-connected"),
    ),
    "desk": (
        ("accounts:notification-list", "Notifications", "bell"),
        ("trades:setup-list", "Setups", "checklist"),
        ("trades:tag-list", "Tags", "tags"),
        ("accounts:settings", "Settings", "settings"),
        ("mfa_index", "Security", "shield-lock"),
    ),
    "staff": (
        ("trenddojo:system", "System", "activity"),
        ("admin:index", "Admin", "tool"),
    ),
}

# URL name → how many things there are new for the user.
COUNTS: dict[str, Callable[[User], int]] = {"accounts:notification-list": unread_count}

# URL name → where the page asks, once it is shown, how many things wait there: counting them takes more than one query.
ASKED_COUNTS = {"trades:eyes": "trades:eyes-count"}

_ASKED = (
    '<span class="desk-asked-count" hx-get="{}" hx-trigger="load, every 60s, orders-changed from:body"'
    ' hx-swap="innerHTML" hx-target="this"></span>'
)
_COUNT = '<span class="badge desk-count">{}<span class="visually-hidden"> new</span></span>'
_CURRENT_PAGE = mark_safe(' aria-current="page"')
_CURRENT_SECTION = mark_safe(' aria-current="true"')


def _control_class(bound: BoundField) -> str:
    widget = bound.field.widget
    if isinstance(widget, CheckboxInput | CheckboxSelectMultiple | RadioSelect):
        base = "form-check-input"
    else:
        base = "form-select" if isinstance(widget, Select) else "form-control"
    words = [base, *widget.attrs.get("class", "").split(), "is-invalid" if bound.errors else ""]
    return " ".join(dict.fromkeys(filter(None, words)))


@register.inclusion_tag("_field.html")
def field(bound: BoundField, prefix: str = "", suffix: str = "", **attrs: Any) -> dict[str, Any]:
    """One form field with label, help and errors; further keywords become attributes (hx_get is hx-get)."""
    widget = bound.field.widget
    extra = {name.replace("_", "-"): value for name, value in attrs.items()}
    # The form owns a copy of its fields; a group renders its choices one by one from the widget's own attributes.
    widget.attrs |= {**extra, "class": _control_class(bound)}
    return {
        "field": bound,
        "is_check": isinstance(widget, CheckboxInput),
        "is_group": isinstance(widget, CheckboxSelectMultiple | RadioSelect),
        "prefix": prefix,
        "suffix": suffix,
    }


@register.simple_tag(takes_context=True)
def nav_links(context: RequestContext, section: str) -> SafeString:
    """The entries of one section of the navigation; the one around the page shown is marked."""
    request = context.get("request")
    here = request.path if request is not None else ""
    entries = {name: reverse(name) for group in NAVIGATION.values() for name, _, _ in group}
    around = max((url for url in entries.values() if _is_around(url, here)), key=len, default="")
    return format_html_join(
        "",
        '<li class="nav-item{}"><a class="nav-link" href="{}"{}>{}<span class="nav-link-title">{}</span>{}</a></li>',
        (
            (*_mark(entries[name], around, here), icon(symbol), label, _waiting(name, request))
            for name, label, symbol in NAVIGATION[section]
        ),
    )


def _waiting(name: str, request: HttpRequest | None) -> SafeString | str:
    """How many things wait there for the reader, where any do."""
    if name in ASKED_COUNTS:
        return format_html(_ASKED, reverse(ASKED_COUNTS[name]))
    count = COUNTS[name](request.user) if name in COUNTS and request is not None else 0
    return format_html(_COUNT, count) if count else ""


def _is_around(url: str, here: str) -> bool:
    return here == url or (url != "/" and here.startswith(url))


def _mark(url: str, around: str, here: str) -> tuple[str, str, SafeString | str]:
    if url != around:
        return "", url, ""
    return " active", url, _CURRENT_PAGE if here == url else _CURRENT_SECTION


@register.simple_tag(takes_context=True)
def theme(context: RequestContext) -> str:
    """light or dark where the reader chose one; auto follows the system, without any script."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request is not None else ""
    return chosen if chosen in THEMES else "auto"


@register.simple_tag(takes_context=True)
def halted_if_heard(context: Context) -> SafeString | str:
    """The banner of what holds entries back, for pages that must render whatever else failed: empty when the database
    does not answer, and where nobody is known who could be told."""
    try:
        return context.template.engine.get_template("_halted.html").render(context)
    except Error:
        return ""
