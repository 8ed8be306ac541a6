"""Notes in Markdown as safe HTML.

Two nets: the parser passes no HTML through and knows no images, and what it makes is then cleaned by a list of the
few tags notes need. Links leave without a referrer and without our blessing; nothing is loaded from elsewhere.
"""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

TAGS = set(
    "p br hr strong em s code pre blockquote ul ol li a h4 h5 h6 table thead tbody tr th td".split()  # noqa: SIM905
)
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
# A page has its own first three levels of headings.
SHIFT, DEEPEST = 3, 6

_parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
_parser.enable(["table", "strikethrough"]).disable(["image", "html_block", "html_inline"])


def markdown_html(text: str) -> SafeString:
    """The text rendered; any input gives well-formed HTML without scripts, styles, images or frames."""
    tokens = _parser.parse(text.replace("\0", ""))
    for token in tokens:
        _shift_heading(token)
    rendered = _parser.renderer.render(tokens, _parser.options, {})
    clean = nh3.clean(
        rendered, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel="noopener nofollow noreferrer"
    )
    return mark_safe(clean)  # noqa: S308 - cleaned one line above


def _shift_heading(token: Token) -> None:
    if token.type in {"heading_open", "heading_close"}:
        token.tag = f"h{min(DEEPEST, int(token.tag[1:]) + SHIFT)}"
