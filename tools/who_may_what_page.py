"""Writes docs/who-may-what.md from the table that is tested: `python -m tools.who_may_what_page`."""

import os
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "who-may-what.md"


def as_markdown() -> str:
    """The page."""
    from tests.security.may_text import as_markdown as written  # once Django is set up

    return written()


def main() -> None:
    """Write the page."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")
    django.setup()
    PAGE.write_text(as_markdown(), encoding="utf-8")
    print(f"Wrote {PAGE}.")


if __name__ == "__main__":
    main()
