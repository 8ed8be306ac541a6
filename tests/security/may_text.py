"""The table of who may what, as a page."""

import re

from tests.security.may_admin import MODELS, OTHERS
from tests.security.may_api import OPERATIONS
from tests.security.may_kit import ANOTHERS, OTHER, OWNER, READER, STAFF, STRANGER, SUPERUSER, WRITER, Kind, routes
from tests.security.may_pages import CHANGED, PAGES

HEAD = """# Who may what

Every address of the desk and what it answers to whom. `python -m tools.who_may_what_page` writes this page from the
table that `tests/security/test_who_may_what.py` walks: every address, with every method, asked for by every one of these.
An address that is not in the table fails the test.

| who | is |
|---|---|
| stranger | a browser that did not sign in |
| owner | the trader whose account, trade, order or file it is |
| other trader | anybody else who signed in |
| read token, trade token | a program with a token of the owner, to read or to trade; a token opens no page and nothing of the admin, where it is a stranger |
| staff | a user who may enter the admin and was given nothing there |
| superuser | an administrator |

| answer | means |
|---|---|
| yes | it does what the address is for; a form that is wrong is told so |
| own | the same, and everybody meets their own things only |
| signs in | is led to sign in, and then back |
| password again | is asked for the password or the second factor once more, then let in |
| 401, 403, 404 | is refused: no token, not allowed, or nothing is there |

Another's things answer exactly as things that do not exist, to staff and superusers too: what they may see of them is in
the admin. A method that is not named answers 405 and changes nothing; so does every safe method. Every form needs the
token of its page (403 without). Whoever is refused changes nothing.
"""
PAGE_COLUMNS = (STRANGER, OWNER, OTHER, STAFF, SUPERUSER)
API_COLUMNS = (STRANGER, OWNER, OTHER, READER, WRITER, ANOTHERS, SUPERUSER)
ROOMS = (
    ("What operators ask", lambda name: name.startswith("trenddojo:")),
    ("Signing in, and its means", lambda name: ":" not in name),
    ("About the API", lambda name: name.startswith("api:")),
    ("Accounts and settings", lambda name: name.startswith("accounts:")),
    ("Brokers", lambda name: name.startswith("brokers:")),
    ("Trades, orders and journal", lambda name: name.startswith("trades:")),
)


def as_markdown() -> str:
    """The page."""
    parts = [HEAD, "## Pages\n"]
    for title, belongs in ROOMS:
        entries = [entry for name in PAGES if belongs(name) for entry in (PAGES[name], CHANGED.get(name)) if entry]
        names = [name for name in PAGES if belongs(name) for table in (PAGES, CHANGED) if name in table]
        rows = [(_place(name), methods or "any", kind) for name, (methods, kind) in zip(names, entries, strict=True)]
        parts += [f"### {title}\n", _table(rows, PAGE_COLUMNS)]
    parts += ["## The API\n", "Staff is answered as other traders are.\n"]
    operations = [(path, method, kind) for path, methods in OPERATIONS.items() for method, kind in methods.items()]
    parts.append(_table(operations, API_COLUMNS))
    parts += ["## The admin\n", ADMIN, _table([(_place(n), *row) for n, row in OTHERS.items()], PAGE_COLUMNS)]
    parts.append(_models())
    return "\n".join(parts)


ADMIN = """Strangers are led to the site's own sign-in, with its second factor; traders are refused with 403. Staff
may do what they were given of what superusers may; in the table “403” is staff without anything. Groups, and who is staff,
are superusers' alone, and only superusers see users, addresses, second factors and sessions of other staff. Nobody sees a
secret, and nobody changes orders, fills or trades there.
"""


def _table(rows: list[tuple[str, str, Kind]], columns: tuple[str, ...]) -> str:
    head = ["address", "method", *columns]
    lines = [_line(head), "|---" * len(head) + "|"]
    lines += [_line([f"`{place}`", method, *(kind[who] for who in columns)]) for place, method, kind in rows]
    return "\n".join(lines) + "\n"


def _models() -> str:
    lines = ["| model | superusers may |", "|---|---|"]
    lines += [_line([label.replace("_", " ", 1), may.replace(" ", ", ")]) for label, may in MODELS.items()]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _place(name: str) -> str:
    """The address as people write it: `/trades/{id}/`."""
    if name.endswith((":None", ":nothing")):
        return "anything else"
    place = re.sub(r"\(\?P<(\w+)>.*?\)(?=[/-])", r"{\1}", dict(routes())[name])
    place = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", place).replace("^", "").replace("$", "")
    return place.replace("{pk}", "{id}")
