"""Notes and the journal panel in templates: ``{% load journal %}``."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from trades.markdown import markdown_html
from trades.models import Trade
from trades.selectors.journal import trade_journal

register = template.Library()


@register.filter
def markdown(text: str | None) -> SafeString:
    """Notes as safe HTML."""
    return markdown_html(text or "")


@register.simple_tag
def journal_of(trade: Trade) -> dict[str, Any]:
    """What the journal panel shows of a trade: words by kind, checklist, screenshots."""
    return trade_journal(trade)
