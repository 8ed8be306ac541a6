"""Text that a spreadsheet opens as text, never as a formula.

The rule, for every text a person typed or a file brought:

- A text that reads as a plain number (an optional minus, digits, an optional decimal point) stays as it is.
- Otherwise an apostrophe goes before every ``=``, ``+``, ``-`` and ``@`` (full-width ones too) that begins the text or
  begins again after a comma, semicolon, vertical bar, tab or line end: spreadsheets of other countries split cells
  there. Spaces, invisible characters, quotes and control characters in between make no difference.
- A tab or carriage return that begins a text is dropped.

Numbers, dates and keys are written by us from typed columns and need no rule: −12.50 stays -12.50.
"""

import re

_PLAIN_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?", re.ASCII)
_SKIPPED = "\\s\"'`\u00ab\u00bb\u2018-\u201f\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\x00-\x1f\x7f"
_FORMULA = re.compile(rf"(^|[,;|\t\r\n])([{_SKIPPED}]*)(?=[=+\-@\u2212\uff1d\uff0b\uff0d\uff20])")


def safe_cell(text: str) -> str:
    """The text with every place disarmed where a spreadsheet could begin to read a formula."""
    if _PLAIN_NUMBER.fullmatch(text):
        return text
    return _FORMULA.sub(r"\1\2'", text.lstrip("\t\r"))
