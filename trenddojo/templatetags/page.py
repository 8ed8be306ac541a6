"""What a page is made of besides numbers: fields, navigation, theme. ``{% load page %}``."""

from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.template.context import RequestContext
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from trenddojo.templatetags.desk import icon

register = template.Library()

THEMES = ("light", "dark")


def _control_class(bound: BoundField) -> str:
    widget = bound.field.widget
    if isinstance(widget, CheckboxInput | CheckboxSelectMultiple | RadioSelect):
        base = "form-check-input"
    else:
        base = "form-select" if isinstance(widget, Select) else "form-control"
    own = widget.attrs.get("class", "")
    return " ".join(filter(None, [base, own, "is-invalid" if bound.errors else ""]))


@register.inclusion_tag("_field.html")
def field(bound: BoundField, prefix: str = "", suffix: str = "", **attrs: Any) -> dict[str, Any]:
    """One form field with label, help and errors; further keywords become attributes (hx_get is hx-get)."""
    extra = {name.replace("_", "-"): value for name, value in attrs.items()}
    widget = bound.field.widget
    return {
        "field": bound,
        "control": bound.as_widget(attrs={"class": _control_class(bound), **extra}),
        "is_check": isinstance(widget, CheckboxInput),
        "is_group": isinstance(widget, CheckboxSelectMultiple | RadioSelect),
        "prefix": prefix,
        "suffix": suffix,
    }


@register.simple_tag(takes_context=True)
def nav_link(context: RequestContext, name: str, label: str, symbol: str) -> SafeString:
    """One entry of the navigation, marked when it is the page shown or the section around it."""
    try:
        url = reverse(name)
    except NoReverseMatch:
        return mark_safe("")
    current = _current(context, url)
    return format_html(
        '<li class="nav-item{}"><a class="nav-link" href="{}"{}>{}<span class="nav-link-title">{}</span></a></li>',
        " active" if current else "",
        url,
        current,
        icon(symbol),
        label,
    )


def _current(context: RequestContext, url: str) -> SafeString | str:
    request = context.get("request")
    if request is None:
        return ""
    if request.path == url:
        return mark_safe(' aria-current="page"')
    inside = url != "/" and request.path.startswith(url)
    return mark_safe(' aria-current="true"') if inside else ""


@register.simple_tag(takes_context=True)
def theme(context: RequestContext) -> str:
    """light or dark where the reader chose one; auto follows the system, without any script."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request is not None else ""
    return chosen if chosen in THEMES else "auto"
