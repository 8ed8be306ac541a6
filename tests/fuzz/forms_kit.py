"""The forms of pages as a browser sees them: where they go, what they carry, and the buttons that send them."""

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from hypothesis import strategies as st

from tests.conftest import PASSWORD
from tests.fuzz.kit import texts

NOT_TYPED = frozenset({"button", "reset", "image"})
TICKED = frozenset({"radio", "checkbox"})
# What somebody who means it types where nothing stands yet, by the field's name, then by its kind.
LIKELY_NAMES = {
    "symbol": "AAPL",
    "username": "dora",
    "login": "alice",
    "code": "123456",
    "email": "dora@example.com",
    "account_name": "Live",
    "password1": "a much better passphrase",
    "password2": "a much better passphrase",
    "stop": "95",
}
LIKELY_KINDS = {
    "password": PASSWORD,
    "number": "10",
    "date": "2025-03-04",
    "datetime-local": "2025-03-04T15:00",
    "email": "dora@example.com",
    "url": "https://example.com/hook",
}


class Button(NamedTuple):
    """`action` is where it sends the form, empty for where the form goes anyway."""

    name: str = ""
    value: str = ""
    action: str = ""


@dataclass(slots=True)
class Form:
    """`fields` are names with what they hold, several values for several of a name; `choices` what a list offers."""

    action: str
    method: str
    page: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    buttons: list[Button] = field(default_factory=list)
    # What stands empty, and what is likely typed there; what must be.
    likely: dict[str, str] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    # Sent by htmx, as soon as something is typed.
    is_htmx: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        names = tuple(sorted({*self.fields, *self.files}))
        return self.method, self.is_htmx, urlsplit(self.action).path, names, tuple(self.buttons)


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.forms, self.named = page, list[Form](), dict[str, Form]()
        self.form: Form | None = None
        self.select, self.is_one, self.typed = "", False, ""
        # What belongs to a form it does not stand in, and what is sent without a button: the form's id comes first.
        self.apart: list[tuple[str, str, dict[str, str]]] = []
        self.htmx: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "hx-post" in found:
            self.htmx.append((found.get("hx-include", "").removeprefix("#"), urljoin(self.page, found["hx-post"])))
        if tag == "form":
            action = urljoin(self.page, found.get("action") or self.page)
            self.form = Form(action, found.get("method", "get").lower(), self.page)
            self.named[found.get("id", "")] = self.form
            self.forms.append(self.form)
        elif "disabled" in found:
            return
        elif found.get("form"):
            self.apart.append((found["form"], tag, found))
        elif self.form is not None:
            self._take(self.form, tag, found)

    def close(self) -> None:
        super().close()
        for name, tag, found in self.apart:
            if name in self.named:
                self._take(self.named[name], tag, found)
        for name, address in self.htmx:
            if name in self.named:
                self.forms.append(replace(self.named[name], action=address, buttons=[], is_htmx=True))

    def _take(self, form: Form, tag: str, found: dict[str, str]) -> None:
        if "required" in found:
            form.required.add(found.get("name", ""))
        name, kind = found.get("name", ""), found.get("type", "submit" if tag == "button" else "text")
        if kind == "submit" and tag in ("button", "input"):
            action = urljoin(self.page, found["formaction"]) if "formaction" in found else ""
            form.buttons.append(Button(name, found.get("value", ""), action))
        elif tag == "option" and self.select:
            self._option(form, found)
        elif tag == "select" and name:
            self.select, self.is_one = name, "multiple" not in found
            form.fields.setdefault(name, [])
        elif tag == "textarea" and name:
            self.typed = name
            form.fields[name] = [""]
            form.likely[name] = LIKELY_NAMES.get(name, "Words")
        elif tag == "input" and name and kind not in NOT_TYPED:
            self._input(form, name, kind, found)

    def _option(self, form: Form, found: dict[str, str]) -> None:
        offered = form.choices.setdefault(self.select, [])
        offered.append(found.get("value", ""))
        # A list out of which one is taken holds its first until another is chosen.
        if "selected" in found or (self.is_one and len(offered) == 1):
            form.fields[self.select] = [found.get("value", "")]

    def _input(self, form: Form, name: str, kind: str, found: dict[str, str]) -> None:
        if kind == "file":
            form.files.add(name)
            return
        values = form.fields.setdefault(name, [])
        if kind in TICKED:
            form.choices.setdefault(name, []).append(found.get("value", "on"))
            if "checked" in found or ("required" in found and kind == "checkbox"):
                values.append(found.get("value", "on"))
            return
        values.append(found.get("value", ""))
        if not found.get("value") and kind != "hidden":
            form.likely[name] = LIKELY_NAMES.get(name) or LIKELY_KINDS.get(kind) or _likely(found)

    def handle_data(self, data: str) -> None:
        if self.typed and self.form is not None:
            self.form.fields[self.typed][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "select":
            self.select = ""
        elif tag == "textarea":
            self.typed = ""


def _likely(found: dict[str, str]) -> str:
    return "10" if found.get("inputmode") in ("decimal", "numeric") else "Words"


def forms_in(html: str, page: str) -> list[Form]:
    reader = _Reader(page)
    reader.feed(html)
    reader.close()
    return [form for form in reader.forms if not urlsplit(form.action).netloc]


def as_offered(form: Form) -> dict[str, list[str]]:
    """What it holds, with nothing typed but what must be."""
    held = {name: list(values) for name, values in form.fields.items() if values}
    return held | {
        name: [typed] for name, typed in form.likely.items() if name in form.required and not any(held[name])
    }


@st.composite
def filled(draw: st.DrawFn, form: Form) -> tuple[str, dict[str, list[str]]]:
    """Where it goes, and what somebody may send: mostly what it offers, some of it garbage, missing, or twice."""
    sent = as_offered(form)
    optional = sorted(form.likely.keys() - form.required)
    for name in draw(st.lists(st.sampled_from(optional), max_size=4, unique=True)) if optional else ():
        sent[name] = [form.likely[name]]
    button = draw(st.sampled_from(form.buttons)) if form.buttons else Button()
    if button.name:
        sent[button.name] = [button.value]
    names = sorted({*form.fields, *(each.name for each in form.buttons)} - {"csrfmiddlewaretoken", ""})
    for name in draw(st.lists(st.sampled_from(names), max_size=4)) if names else ():
        offered = form.choices.get(name)
        one = st.sampled_from(offered) | texts if offered else texts
        sent[name] = draw(st.lists(one, min_size=0, max_size=2))
    return button.action or form.action, sent


class Upload(BytesIO):
    """A file under any name."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def raw(text: str) -> str | bytes:
    """As a browser that lies would send it: half a character is three bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass") if any("\ud800" <= one <= "\udfff" for one in text) else text


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
