"""Notes in Markdown: what reads as written, and what never reaches a page."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trades.markdown import TAGS, markdown_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("plain", "<p>plain</p>\n"),
        (
            "**bold** *soft* ~~gone~~ `code`",
            "<p><strong>bold</strong> <em>soft</em> <s>gone</s> <code>code</code></p>\n",
        ),
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("# Big\n\n###### Small", "<h4>Big</h4>\n<h6>Small</h6>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. c", '<ol start="3">\n<li>c</li>\n</ol>\n'),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>\n"),
        (
            "[site](https://example.com/a?b=1)",
            '<p><a href="https://example.com/a?b=1" rel="noopener nofollow noreferrer">site</a></p>\n',
        ),
        ("2 < 3 & 4 > 1", "<p>2 &lt; 3 &amp; 4 &gt; 1</p>\n"),
    ],
)
def test_notes_read_as_they_were_written(text: str, html: str) -> None:
    assert markdown_html(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![tracked](https://evil.example/pixel.png)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "<javascript:alert(1)>",
        '[x](https://a.example "onmouseover=alert(1)")',
        "<svg/onload=alert(1)>",
        "<style>*{display:none}</style>",
        "<iframe src=https://evil.example></iframe>",
        '<a href="https://a.example" style="position:fixed" onclick="x()">x</a>',
        "```html\n<script>alert(1)</script>\n```",
        "| a |\n|:-:|\n| <b onclick=x()>1</b> |",
        "[x]: javascript:alert(1)\n\n[x]",
        "[x](//evil.example)",
    ],
)
def test_nothing_runs_loads_or_styles(text: str) -> None:
    html = markdown_html(text)
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    assert tags <= TAGS
    assert not re.search(r"<[^>]+\s(on\w+|style|src|class)=", html)
    assert not re.search(r'href="(javascript|data|vbscript)', html, re.IGNORECASE)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200) | st.text(alphabet="[]()!<>`*_#|-\n \"'&;:/ahrefscript", max_size=200))
def test_any_text_gives_only_the_tags_of_the_list(text: str) -> None:
    assert set(re.findall(r"</?([a-z0-9]+)", markdown_html(text))) <= TAGS


@pytest.mark.parametrize("piece", ["[", "![", "*a_", "> ", "`", "(((", "<a", "- - ", "|a|\n|-|\n", "&#", "[a](", "~~a"])
def test_the_longest_hostile_note_is_read_in_a_moment(piece: str) -> None:
    began = time.perf_counter()
    markdown_html((piece * 20_000)[:20_000])
    assert time.perf_counter() - began < 3
