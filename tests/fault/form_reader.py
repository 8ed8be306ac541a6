"""What a browser would send of the form on a page: the fields with their values as they stand."""

from html.parser import HTMLParser

NOT_SENT = {"submit", "button", "reset", "image"}


class _Fields(HTMLParser):
    """Of the one form that holds the field."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self._inside = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({})
            self._inside = True
        elif self._inside and tag == "input":
            self._take_input(given)
        elif self._inside and tag == "select":
            self._select = given.get("name", "")
        elif self._select and tag == "option" and ("selected" in given or self._select not in self.forms[-1]):
            self.forms[-1][self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = ""

    def _take_input(self, given: dict[str, str]) -> None:
        kind, name = given.get("type", "text"), given.get("name", "")
        is_off = kind in ("checkbox", "radio") and "checked" not in given
        if name and kind not in NOT_SENT and not is_off:
            self.forms[-1][name] = given.get("value", "")


def form_with(page: str, field: str) -> dict[str, str]:
    """The fields of the first form that has this one; empty when there is none."""
    reader = _Fields()
    reader.feed(page)
    return next((form for form in reader.forms if field in form), {})
