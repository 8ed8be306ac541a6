"""The forms of pages as a browser sees them: where they go and what they carry."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from hypothesis import strategies as st

from tests.fuzz.kit import texts

NOT_TYPED = frozenset({"submit", "button", "reset", "image"})


@dataclass(slots=True)
class Form:
    """`fields` are names with what they hold, several values for several of a name; `choices` what a list offers."""

    action: str
    method: str
    page: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        return self.method, urlsplit(self.action).path, tuple(sorted({*self.fields, *self.files}))


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.forms = page, list[Form]()
        self.form: Form | None = None
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self.page, found.get("action") or self.page)
            self.form = Form(action, found.get("method", "get").lower(), self.page)
            self.forms.append(self.form)
        elif self.form is not None:
            self._take(tag, found)

    def _take(self, tag: str, found: dict[str, str]) -> None:
        name = found.get("name", "")
        if tag == "option" and self.select:
            self.form.choices.setdefault(self.select, []).append(found.get("value", ""))
            if "selected" in found:
                self.form.fields[self.select] = [found.get("value", "")]
        elif tag == "select" and name:
            self.select = name
            self.form.fields.setdefault(name, [])
        elif tag == "textarea" and name:
            self.form.fields.setdefault(name, [])
        elif tag == "input" and name and found.get("type") not in NOT_TYPED:
            self._input(name, found)

    def _input(self, name: str, found: dict[str, str]) -> None:
        kind = found.get("type", "text")
        if kind == "file":
            self.form.files.add(name)
            return
        values = self.form.fields.setdefault(name, [])
        if kind in ("radio", "checkbox"):
            self.form.choices.setdefault(name, []).append(found.get("value", "on"))
        if kind not in ("radio", "checkbox") or "checked" in found:
            values.append(found.get("value", "on"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "select":
            self.select = ""


def forms_in(html: str, page: str) -> list[Form]:
    reader = _Reader(page)
    reader.feed(html)
    return [form for form in reader.forms if not urlsplit(form.action).netloc]


@st.composite
def filled(draw: st.DrawFn, form: Form) -> dict[str, list[str]]:
    """What somebody may send with a form: mostly what it offers, some of it garbage, some missing, some of it twice."""
    sent = {name: list(values) for name, values in form.fields.items() if values}
    names = sorted(set(form.fields) - {"csrfmiddlewaretoken"})
    if not names:
        return sent
    for name in draw(st.lists(st.sampled_from(names), max_size=4)):
        offered = form.choices.get(name)
        one = st.sampled_from(offered) | texts if offered else texts
        sent[name] = draw(st.lists(one, min_size=0, max_size=2))
    return sent


files = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        (
            *(b"", b"\x00" * 50, b"\xff\xfe\x00\xd8", b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, b"GIF89a" + b"\xff" * 20),
            *(b"PK\x03\x04", b"Date,Symbol,Side,Qty,Price\n2026-03-02,AAPL,buy,1,1\n", b"a,b\n" * 500),
            "Date,Symbol,Side,Qty,Price\n2026-03-02,ＡＡＰＬ,buy,1e999,\u202e1\n".encode(),
        )
    ),
)
file_names = st.one_of(
    st.just("fills.csv"), st.sampled_from(("", "..", "../x.csv", "a" * 300 + ".csv", "x\x00.csv", "\u202egnp.exe"))
)
